"""What every scenario must do, whoever wrote it: functions of one scenario."""

import json
from pathlib import Path

import numpy as np

from pipeline.labels.permuting import permute
from pipeline.scenarios.base import FAMILIES, DataSet, Scenario

KINDS = {"mixture": {"membership"}, "hmm": {"filtering", "smoothing"}}


def describes_itself(scenario: Scenario) -> None:
    """Name, family, program and sizes make sense, and input files exist."""
    assert scenario.name and scenario.name == scenario.name.strip().lower()
    assert scenario.family in FAMILIES
    assert Path(scenario.stan_program).suffix == ".stan" and "/" not in scenario.stan_program
    assert scenario.n_components >= 2
    assert scenario.n_datasets is None or scenario.n_datasets >= 1
    assert (scenario.n_datasets is None) == (not scenario.input_files)
    assert all(file.is_file() for file in scenario.input_files)
    assert all(all(size >= 1 for size in shape) for shape in scenario.parameter_shapes.values())


def data_sets_are_well_formed(scenario: Scenario) -> None:
    """Observations are finite matrices; truth is there for simulated data alone, in its shapes."""
    for data in _data_sets(scenario):
        assert data.y.ndim == 2 and data.y.dtype == float and np.isfinite(data.y).all()
        assert (data.theta is None) == (data.z is None) == (scenario.n_datasets is not None)
        if data.theta is not None and data.z is not None:
            assert {name: value.shape for name, value in data.theta.items()} == scenario.parameter_shapes
            assert list(data.theta) == list(scenario.parameter_shapes)
            assert data.z.shape == data.y.shape[:1]
            assert set(np.unique(data.z)) <= set(range(scenario.n_components))


def same_seeds_give_the_same_data(scenario: Scenario) -> None:
    """Simulation has no other source of randomness."""
    for first, second in zip(_data_sets(scenario), _data_sets(scenario), strict=True):
        _assert_equal(first, second)


def a_data_set_depends_on_its_own_seed_alone(scenario: Scenario) -> None:
    """Neither on the other seeds nor on how many there are."""
    if scenario.n_datasets is not None:
        return
    many = scenario.data_sets([11, 12, 13, 14])
    _assert_equal(many[2], scenario.data_sets([13])[0])
    _assert_equal(many[0], scenario.data_sets([14, 11])[1])
    assert not np.array_equal(many[0].y, many[1].y)


def the_caller_may_change_its_data(scenario: Scenario) -> None:
    """Data sets share no memory with the scenario."""
    before = _data_sets(scenario)[0]
    scenario_data = _data_sets(scenario)[0]
    scenario_data.y[:] = 0
    _assert_equal(_data_sets(scenario)[0], before)


def stan_data_is_json(scenario: Scenario) -> None:
    """The data block holds numbers and nested lists of finite numbers."""
    for data in _data_sets(scenario):
        stan_data = scenario.stan_data(data)
        # Without allow_nan, infinities and NaN raise; arrays raise as they are.
        assert json.loads(json.dumps(stan_data, allow_nan=False)) == stan_data


def stan_data_follows_the_observations(scenario: Scenario) -> None:
    """Other observations make another data block."""
    data = _data_sets(scenario)[0]
    changed = DataSet(y=data.y + 0.5)
    assert scenario.stan_data(changed) != scenario.stan_data(data)


def stan_data_refuses_what_is_not_finite_or_empty(scenario: Scenario) -> None:
    """Bad observations raise ValueError."""
    y = _data_sets(scenario)[0].y
    for bad in (np.nan, np.inf):
        broken = y.copy()
        broken[-1, 0] = bad
        assert _refuses(scenario, broken)
    assert _refuses(scenario, y[:0]) and _refuses(scenario, y[:, 0])


def fits_start_within_the_parameters_support(scenario: Scenario) -> None:
    """Starts differ by seed, and lie where the prior has mass."""
    data = _data_sets(scenario)[0]
    starts = [scenario.initial_values(data, seed) for seed in (1, 2, 1)]
    assert starts[0] == starts[2]
    if starts[0] is None:
        return
    assert starts[0] != starts[1]
    assert json.loads(json.dumps(starts[0], allow_nan=False)) == starts[0]
    assert {name: np.shape(value) for name, value in starts[0].items()} == scenario.parameter_shapes
    for name, value in starts[0].items():
        if name in ("pi", "transition"):
            np.testing.assert_allclose(np.sum(value, axis=-1), 1, rtol=1e-12)
        if name == "mu":
            assert scenario.label_axes or (np.diff(value) > 0).all()
        else:
            assert (np.array(value) > 0).all()


def labels_are_declared(scenario: Scenario) -> None:
    """Permuting what is declared permutes the memberships, and changes Stan's data not at all."""
    if not scenario.label_axes:
        return
    assert "mu" in scenario.label_axes
    for name, axes in scenario.label_axes.items():
        assert all(scenario.parameter_shapes[name][axis] == scenario.n_components for axis in axes)
    data = _data_sets(scenario)[0]
    parameters = prior_like_draws(scenario, n_draws=4)
    permutations = np.argsort(np.random.default_rng(3).random((4, scenario.n_components)), axis=1)
    after = scenario.memberships(data, permute(parameters, scenario.label_axes, permutations))
    for kind, before in scenario.memberships(data, parameters).items():
        np.testing.assert_allclose(
            after[kind], np.take_along_axis(before, permutations[:, None], axis=2), rtol=1e-9
        )
    found = [scenario.initial_values(data, seed) for seed in range(40)]
    means = [np.array(start["mu"]) for start in found if start is not None]
    if not means:  # Stan's own starts favour no label
        return
    starts = [np.argsort(mu.reshape(len(mu), -1)[:, 0]) for mu in means]
    assert len({tuple(start) for start in starts}) > 1, "all chains would start in one copy of a mode"


def memberships_are_probabilities_of_each_draw(scenario: Scenario) -> None:
    """They sum to one, and draws do not mix."""
    data = _data_sets(scenario)[0]
    parameters = prior_like_draws(scenario, n_draws=5)
    found = scenario.memberships(data, parameters)
    assert set(found) == KINDS[scenario.family]
    for probabilities in found.values():
        assert probabilities.shape == (5, len(data.y), scenario.n_components)
        assert (probabilities >= 0).all()
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-10)
    # Each draw's memberships are its own.
    alone = scenario.memberships(data, {name: value[3:4] for name, value in parameters.items()})
    for kind, probabilities in found.items():
        np.testing.assert_allclose(probabilities[3], alone[kind][0], rtol=1e-10)
        assert np.abs(probabilities[3] - probabilities[2]).max() > 1e-6


def memberships_follow_the_observations(scenario: Scenario) -> None:
    """Filtering and mixtures' memberships look at no later observation."""
    data = _data_sets(scenario)[0]
    parameters = prior_like_draws(scenario, n_draws=1)
    before = scenario.memberships(data, parameters)
    shifted = DataSet(y=data.y.copy())
    shifted.y[-1] += 0.3
    for kind, probabilities in scenario.memberships(shifted, parameters).items():
        changed = np.abs(probabilities - before[kind]).max(axis=(0, 2))
        assert changed[-1] > 0
        if kind in ("membership", "filtering"):  # neither looks at later observations
            np.testing.assert_array_equal(changed[:-1], 0)


def the_stan_program_is_there(scenario: Scenario) -> None:
    """The Stan program is in the suite's folder or beside the class."""
    assert scenario.stan_file.is_file()


CONTRACT = [
    describes_itself,
    data_sets_are_well_formed,
    same_seeds_give_the_same_data,
    a_data_set_depends_on_its_own_seed_alone,
    the_caller_may_change_its_data,
    stan_data_is_json,
    stan_data_follows_the_observations,
    stan_data_refuses_what_is_not_finite_or_empty,
    fits_start_within_the_parameters_support,
    labels_are_declared,
    memberships_are_probabilities_of_each_draw,
    memberships_follow_the_observations,
    the_stan_program_is_there,
]


def prior_like_draws(scenario: Scenario, n_draws: int, seed: int = 7) -> dict[str, np.ndarray]:
    """Draws of the parameters by their usual names: near the data, and admissible."""
    rng = np.random.default_rng(seed)
    y = _data_sets(scenario)[0].y
    draws = {}
    for name, shape in scenario.parameter_shapes.items():
        if name == "mu":
            draws[name] = np.sort(rng.normal(y.mean(), y.std(), (n_draws, *shape)), axis=-1)
        elif name in ("pi", "transition"):
            draws[name] = rng.dirichlet(np.full(shape[-1], 2.0), (n_draws, *shape[:-1]))
        elif name == "sd":
            draws[name] = y.std() * rng.uniform(0.5, 1.5, (n_draws, *shape))
        else:  # positive, and for probabilities below one
            draws[name] = rng.uniform(0.2, 0.9, (n_draws, *shape))
    return draws


def _data_sets(scenario: Scenario) -> list[DataSet]:
    return scenario.data_sets(range(1, (scenario.n_datasets or 4) + 1))


def _refuses(scenario: Scenario, y: np.ndarray) -> bool:
    try:
        scenario.stan_data(DataSet(y=y))
    except ValueError:
        return True
    return False


def _assert_equal(first: DataSet, second: DataSet):
    np.testing.assert_array_equal(first.y, second.y)
    np.testing.assert_array_equal(first.z, second.z)
    np.testing.assert_equal(first.theta, second.theta)
