"""The Stan programs against naive textbook programs and Stan's own inference of hidden states."""

import json
import subprocess
import warnings
from pathlib import Path

import bridgestan
import httpstan
import numpy as np
import pytest

from pipeline.scenarios import DataSet, get_scenario
from pipeline.scenarios.base import STAN_FOLDER
from pipeline.scenarios.galaxies import Galaxies
from pipeline.stan.build import build

NAIVE_FOLDER = Path(__file__).parent / "naive"
_GALAXIES = {"file": str(Galaxies.input_files[0]), "column": "velocity_1000_km_per_s"}
BLOCKS = {
    "gmm-ordered": {},
    "two": {
        "type": "gmm-ordered",
        "mu_mean": [-1, 1],
        "pi_concentration": [0.5, 3],
        "sd": 0.7,
        "n_rep": [1, 1],
    },
    "four": {"type": "gmm-ordered", "mu_mean": [-4, 0, 0, 9], "pi_concentration": [1, 2, 3, 4], "mu_sd": 2},
    "hmm-ordered": {},
    "skewed": {"type": "hmm-ordered", "initial": [0.9, 0.1], "p_stay_shape": [5, 1], "sd": 2, "n_times": 40},
    "galaxies": {},
    "galaxies-5": {"type": "galaxies", "n_components": 5, "variance_scale": 2, "concentration": 3},
    "gmm-exchangeable": {},
    "gmm-multivariate": {},
    "three-dims": {"type": "gmm-multivariate", "n_dims": 3, "n_components": 4, "concentration": 2},
    "hmm-exchangeable": {"n_times": 40},
    "series": {"type": "custom", "family": "hmm", "n_components": 3, "variance_shape": 4, **_GALAXIES},
    "series-6": {"type": "custom", "family": "hmm", "n_components": 6, **_GALAXIES},
}


def model(stan_file, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the library is loaded a second time
        return bridgestan.StanModel(str(build(stan_file).library), data=json.dumps(data))


@pytest.fixture(params=BLOCKS)
def scenario(request):
    return get_scenario(request.param, BLOCKS[request.param])


@pytest.fixture
def data(scenario):
    return scenario.data_sets([5])[0]


@pytest.fixture
def fast(scenario, data):
    return model(STAN_FOLDER / scenario.stan_program, scenario.stan_data(data))


@pytest.fixture
def naive(scenario, data):
    return naive_model(scenario, data)


def naive_model(scenario, data):
    stan_data = {name: value for name, value in scenario.stan_data(data).items() if name != "y_mean"}
    y = data.y if {"n_rep", "D"} & stan_data.keys() else data.y[:, 0]
    return model(NAIVE_FOLDER / scenario.stan_program, {**stan_data, "y": y.tolist()})


def points(bridge, number=20, scale=1.0):
    return np.random.default_rng(6).normal(scale=scale, size=(number, bridge.param_unc_num()))


@pytest.mark.slow
def test_parameters_are_those_the_scenario_names(scenario, fast):
    expected = [
        ".".join([name, *(str(i + 1) for i in reversed(index))])  # Stan counts the first index fastest
        for name, shape in scenario.parameter_shapes.items()
        for index in np.ndindex(shape[::-1])
    ]
    assert fast.param_names() == expected


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.1, 1.0, 2.0])
def test_log_density_is_the_naive_one_up_to_a_constant(fast, naive, scale):
    for jacobian in (True, False):
        at = [
            (
                fast.log_density_gradient(x, propto=False, jacobian=jacobian),
                naive.log_density_gradient(x, propto=False, jacobian=jacobian),
            )
            for x in points(fast, scale=scale)
        ]
        constants = np.array([f[0] - n[0] for f, n in at])
        magnitude = max(abs(n[0]) for _, n in at)
        assert np.ptp(constants) < 1e-11 * magnitude
        for (_, fast_gradient), (_, naive_gradient) in at:
            np.testing.assert_allclose(fast_gradient, naive_gradient, rtol=1e-7, atol=1e-9 * magnitude)


@pytest.mark.slow
def test_memberships_are_stans(scenario, data, naive):
    names = naive.param_names(include_tp=True, include_gq=True)
    draws = points(naive, number=6)
    values = np.array(
        [naive.param_constrain(x, include_tp=True, include_gq=True, rng=naive.new_rng(1)) for x in draws]
    )
    column = {name: values[:, i] for i, name in enumerate(names)}

    def array(name, shape):
        return np.stack(
            [column[".".join([name, *(str(i + 1) for i in index)])] for index in np.ndindex(shape)], axis=-1
        ).reshape(len(draws), *shape)

    found = scenario.memberships(
        data, {name: array(name, s) for name, s in scenario.parameter_shapes.items()}
    )
    size = (len(data.y), scenario.n_components)
    for kind, probabilities in found.items():
        expected = np.moveaxis(array(kind, size[::-1]), 1, 2) if kind == "smoothing" else array(kind, size)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gmm-ordered", "galaxies", "series"])
def test_densities_stay_finite_far_from_the_data(name):
    scenario = get_scenario(name, BLOCKS[name])
    data = DataSet(y=scenario.data_sets([5])[0].y + 1e3)
    fast = model(STAN_FOLDER / scenario.stan_program, scenario.stan_data(data))
    for x in points(fast):
        log_density, gradient = fast.log_density_gradient(x)
        assert np.isfinite(log_density) and np.isfinite(gradient).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hmm-ordered", "series", "series-6"])
def test_long_series_between_far_states_do_not_underflow(name):
    scenario = get_scenario(name, BLOCKS[name])
    n_rep = scenario.data_sets([5])[0].y.shape[1]
    data = DataSet(y=np.tile([[100.0], [-100.0]], (500, n_rep)))
    fast = model(STAN_FOLDER / scenario.stan_program, scenario.stan_data(data))
    naive = naive_model(scenario, data)
    for x in points(fast):
        gradient, expected = (bridge.log_density_gradient(x)[1] for bridge in (fast, naive))
        assert np.isfinite(gradient).all()
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("file", [*STAN_FOLDER.glob("*.stan"), *NAIVE_FOLDER.glob("*.stan")], ids=str)
def test_programs_are_formatted_and_valid(file):
    stanc = Path(httpstan.__file__).parent / "stanc"
    done = subprocess.run(
        [stanc, "--auto-format", "--max-line-length=100", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip() == file.read_text().rstrip()
    assert file.read_text().endswith("}\n")


def test_every_program_has_a_naive_twin():
    assert {f.name for f in STAN_FOLDER.glob("*.stan")} == {f.name for f in NAIVE_FOLDER.glob("*.stan")}
