"""Networks of scenarios without JAX: simulations from NumPy, and answers held to known posteriors."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pipeline.amortized import em
from pipeline.amortized.budget import Budget
from pipeline.amortized.checkpoints import identity_of, write_header
from pipeline.amortized.host import Host
from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture
from pipeline.amortized.ordering import from_increments, sort_labels, to_increments
from pipeline.amortized.pooled import PooledFeatures
from pipeline.amortized.training import Recipe, load_hosted, train
from pipeline.contracts.methods import check_method, ready
from pipeline.errors import UnusableCheckpoint, UserError
from pipeline.methods import get_method
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import DataSet, Scenario
from pipeline.scenarios.memberships import hmm_memberships
from pipeline.scenarios.sufficient import summarise
from tests.amortized.networks import SMALL

ARCHITECTURE = Architecture(**(SMALL | {"newton_steps": None}))
RECIPE = Recipe(batch=64, block=20)


@dataclass(frozen=True)
class OneMean(Scenario):
    """mu ~ Normal(0, 1), y_n ~ Normal(mu, 1): a posterior in closed form."""

    name: ClassVar[str] = "one-mean"
    family: ClassVar = "mixture"
    stan_program: ClassVar[str] = "none.stan"
    n_components: ClassVar[int] = 1
    n_datasets: ClassVar[None] = None
    input_files: ClassVar[tuple[Path, ...]] = ()
    parameter_shapes: ClassVar[dict] = {"mu": (1,)}
    n_columns: int = 1
    wrong: str = ""

    def data_sets(self, seeds):
        return [self._one(np.random.default_rng(seed)) for seed in seeds]

    def _one(self, rng):
        mu, n = rng.standard_normal(1), rng.integers(5, 21)
        y = mu + rng.standard_normal((n, self.n_columns if self.wrong != "width" else rng.integers(1, 3)))
        if self.wrong == "y":
            y[0] = np.nan
        return DataSet(
            y, {"nu" if self.wrong == "name" else "mu": mu * (1e39 if self.wrong == "far" else 1)}, None
        )

    stan_data = initial_values = memberships = lambda self, *_: {}


class Identity:
    """A model whose parameters are unconstrained."""

    dim = 1

    def flatten(self, parameters):
        return parameters["mu"]

    def unconstrain(self, flat):
        if (flat > 1e38).any():
            raise RuntimeError("mu is too large")
        return flat


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("host") / "one-mean.checkpoint"
    train(
        Host(OneMean(), Identity(), seed=1),  # pyright: ignore[reportArgumentType]
        ARCHITECTURE,
        Budget(steps=400),
        path,
        seed=1,
        recipe=RECIPE,
        say=lambda text: None,
    )
    return Amortized(load_hosted(OneMean(), ARCHITECTURE, path).network), path


@pytest.mark.slow
def test_a_learned_posterior_is_the_known_one(trained):
    amortized, _ = trained
    data_sets = OneMean().data_sets(range(50, 66))
    drawn = amortized.draw(amortized.encode(data_sets), 2000, range(16))
    n = np.array([len(data.y) for data in data_sets])
    mean = np.array([data.y.sum() for data in data_sets]) / (n + 1)
    sd = 1 / np.sqrt(n + 1)
    assert np.abs((drawn.theta[..., 0].mean(1) - mean) / sd).max() < 0.5
    assert np.abs(np.log(drawn.theta[..., 0].std(1) / sd)).max() < 0.35
    # And it comes with its density.
    grid = np.linspace(-5, 5, 4001)
    log_q = amortized.log_density(amortized.encode(data_sets), np.tile(grid[:, None], (16, 1, 1)))
    np.testing.assert_allclose(np.exp(log_q).sum(1) * (grid[1] - grid[0]), 1, atol=0.01)
    at_draws = amortized.log_density(amortized.encode(data_sets), drawn.theta)
    np.testing.assert_allclose(at_draws, drawn.log_q, atol=2e-3)


@pytest.mark.slow
def test_a_training_goes_on_where_it_stopped(tmp_path):
    def part(name, **limits):
        return train(
            Host(OneMean(), Identity(), seed=3),  # pyright: ignore[reportArgumentType]
            ARCHITECTURE,
            Budget(steps=60),
            tmp_path / name,
            seed=3,
            recipe=RECIPE,
            say=lambda text: None,
            **limits,
        )

    whole = part("whole")
    part("halves", stop_after_steps=20)
    halves = part("halves")
    assert [row[2] for row in whole.record["curve"]] == [row[2] for row in halves.record["curve"]]
    np.testing.assert_array_equal(whole.network.summary.guess.weight, halves.network.summary.guess.weight)


@pytest.mark.slow
def test_a_network_in_jax_is_no_network_of_the_host(trained, tmp_path):
    scenario, path = get_scenario("gmm-ordered"), tmp_path / "jax.checkpoint"
    with path.open("wb") as file:
        write_header(file, identity_of(scenario, {}), {})
    with pytest.raises(UnusableCheckpoint, match="trained in JAX"):
        load_hosted(scenario, ARCHITECTURE, path)
    with pytest.raises(UnusableCheckpoint, match="another scenario"):
        load_hosted(OneMean(n_columns=2), ARCHITECTURE, trained[1])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("y", "NaN or infinite"),
        ("name", "named mu"),
        ("far", "outside the support of none.stan: mu is too large"),
        ("width", "1 to 2 columns"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(wrong, said):
    with pytest.raises(UserError, match=f"scenario one-mean.*{said}"):
        Host(OneMean(wrong=wrong), Identity(), seed=1)  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_data_sets_of_unknown_size_are_refused(trained):
    amortized, _ = trained
    with pytest.raises(ValueError, match="knows 5 to 20 observations of 1 columns"):
        amortized.encode([DataSet(np.zeros((21, 1)))])


def test_increments_invert_and_know_their_slope():
    x = np.random.default_rng(0).normal(size=(50, 5))
    x[:, [1, 4, 2]] = np.sort(x[:, [1, 4, 2]], axis=1)
    c = to_increments(x, (1, 4, 2))
    back, log_slope = from_increments(c, (1, 4, 2))
    np.testing.assert_allclose(back, x, atol=1e-12)
    step = 1e-6 * np.eye(5)
    jacobian = np.stack([from_increments(c + s, (1, 4, 2))[0] - x for s in step], axis=-1) / 1e-6
    np.testing.assert_allclose(np.linalg.slogdet(jacobian)[1], log_slope, atol=1e-4)


def test_sorted_labels_are_the_same_for_all_copies():
    rng = np.random.default_rng(1)
    axes = {"transition": (0, 1), "mu": (0,), "sd": (0,)}
    one = {"transition": rng.random((1, 3, 3)), "mu": rng.normal(size=(1, 3, 2)), "sd": rng.random((1, 3))}
    wanted = sort_labels(one, axes)
    assert (np.diff(wanted["mu"][0, :, 0]) > 0).all()
    for p in map(list, itertools.permutations(range(3))):
        copy = {"transition": one["transition"][:, p][:, :, p], "mu": one["mu"][:, p], "sd": one["sd"][:, p]}
        for name, values in sort_labels(copy, axes).items():
            np.testing.assert_array_equal(values, wanted[name])


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 2])
def test_expectation_maximisation_finds_separated_components(columns):
    rng = np.random.default_rng(2)
    mu = np.array([[-1.2, 0.5], [0.1, -1.0], [1.3, 0.6]])[:, :columns]
    z = rng.choice(3, p=[0.5, 0.2, 0.3], size=(4, 400))
    points = mu[z] + 0.1 * rng.standard_normal((4, 400, columns))
    points[:, 300:] = 50.0  # padding
    weight = np.ones((4, 400))
    weight[:, 300:] = 0
    fitted = em.fit(jnp.asarray(points), jnp.asarray(weight), 3)
    np.testing.assert_allclose(fitted.mu, np.tile(mu, (4, 1, 1)), atol=0.05)
    np.testing.assert_allclose(np.sqrt(fitted.variance), 0.1, atol=0.03)
    np.testing.assert_allclose(fitted.pi, np.tile([0.5, 0.2, 0.3], (4, 1)), atol=0.1)


@pytest.mark.slow
def test_baum_and_welch_take_the_exact_expectations_and_find_the_transitions():
    rng = np.random.default_rng(4)
    transition = np.array([[0.9, 0.08, 0.02], [0.1, 0.7, 0.2], [0.05, 0.15, 0.8]])
    mu, z = np.array([-1.2, 0.1, 1.2]), [0]
    for _ in range(599):
        z.append(rng.choice(3, p=transition[z[-1]]))
    y = mu[z] + 0.25 * rng.standard_normal(600)
    points, weight = np.tile(y[None, :, None], (2, 1, 1)), np.ones((2, 600))
    points[1, 500:], weight[1, 500:] = 9.0, 0  # a series that ends earlier
    points, weight = jnp.asarray(points), jnp.asarray(weight)
    fitted, found = em.fit_in_time(points, weight, em.fit(points, weight, 3))
    np.testing.assert_allclose(fitted.mu[..., 0], np.tile(mu, (2, 1)), atol=0.08)
    for rows, path in zip(np.asarray(found), (z, z[:500]), strict=True):
        counts = np.zeros((3, 3))
        np.add.at(counts, (path[:-1], path[1:]), 1)
        np.testing.assert_allclose(rows, counts / counts.sum(1, keepdims=True), atol=0.04)

    assert (np.diff(fitted.mu[..., 0]) > 0).all()

    r, pairs = em._expect(points, weight, fitted, found)
    for i, n in enumerate((600, 500)):
        one = {"mu": fitted.mu[i : i + 1, :, 0], "sd": np.sqrt(fitted.variance[i : i + 1, :, 0])}
        rows = np.asarray(found[i : i + 1], float)
        first = np.asarray(fitted.pi[i] @ found[i], float)
        exact = hmm_memberships(
            summarise(y[:n, None]), first, rows, *(np.asarray(one[name], float) for name in ("mu", "sd"))
        )["smoothing"][0]
        np.testing.assert_allclose(r[i, :, :n].T, exact, atol=1e-4)
        np.testing.assert_allclose(pairs[i].sum(1), exact[:-1].sum(0), rtol=1e-3)
        np.testing.assert_allclose(pairs[i].sum(0), exact[1:].sum(0), rtol=1e-3)
        assert not np.asarray(r)[i, :, n:].any()


@pytest.mark.slow
def test_states_stay_in_order_where_they_overlap():
    data_sets = get_scenario("hmm-exchangeable", {"n_times": 60}).data_sets(range(400))
    y = np.stack([data.y for data in data_sets])
    points = jnp.asarray((y - y.mean(1, keepdims=True)) / y.std(1, keepdims=True))
    weight = jnp.ones(points.shape[:2])
    fitted, transition = em.fit_in_time(points, weight, em.fit(points, weight, 3))
    assert (np.diff(fitted.mu[..., 0]) >= 0).all()
    np.testing.assert_allclose(transition.sum(-1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mixture", "hmm"])
def test_features_ignore_padding_and_know_order_only_of_series(family):
    @dataclass(frozen=True)
    class Two(OneMean):
        n_components: ClassVar[int] = 2

    scenario = Two(n_columns=2)
    object.__setattr__(scenario, "family", family)
    host = Host(scenario, Identity(), seed=1)  # pyright: ignore[reportArgumentType]
    features = PooledFeatures(host.simulator, host.examples.observed)
    observed = host.simulator.encode(scenario.data_sets(range(8)))
    found = np.asarray(features(observed))
    assert np.isfinite(found).all()
    rubbish = jnp.where(observed.mask()[..., None] > 0, observed.y_mean, 7.0)
    np.testing.assert_allclose(features(observed._replace(y_mean=rubbish)), found, atol=1e-4)
    backwards = host.simulator.encode([DataSet(data.y[::-1].copy()) for data in scenario.data_sets(range(8))])
    is_same = np.allclose(features(backwards), found, atol=1e-3)
    assert is_same == (family == "mixture")


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "gmm-exchangeable"},
        {"type": "gmm-exchangeable", "ordered": True},
        {"type": "hmm-exchangeable", "n_times": 40},
        {"type": "gmm-multivariate"},
    ],
)
def test_prior_predictive_is_the_law_of_the_data_sets(settings):
    scenario = get_scenario("mine", settings)
    drawn = scenario.prior_predictive(np.random.default_rng(1), 600)
    simulated = scenario.data_sets(range(1000, 1600))
    for of in (
        lambda data: data.y[:, 0].mean(),
        lambda data: np.log(data.y.std()),
        lambda data: float(len(data.y)),
        lambda data: data.theta["mu"].flat[0],
        lambda data: np.log(data.theta["sd"].flat[-1]),
        lambda data: next(iter(data.theta.values())).flat[0],
        lambda data: (data.z[1:] == data.z[:-1]).mean(),
        lambda data: data.y[data.z == 0, 0].mean() - data.theta["mu"].flat[0] if (data.z == 0).any() else 0.0,
    ):
        one, other = ([of(data) for data in data_sets] for data_sets in (drawn, simulated))
        assert stats.ks_2samp(one, other).pvalue > 1e-4


def test_a_separation_is_not_in_the_prior_that_networks_learn():
    settings = {"type": "gmm-exchangeable", "n_components": 2, "separation": [6, 9]}
    for kind in ("gmm-exchangeable", "gmm-multivariate"):
        scenario = get_scenario("apart", settings | {"type": kind})
        drawn = scenario.prior_predictive(np.random.default_rng(1), 200)
        gaps = [np.abs(np.diff(data.theta["mu"], axis=0)).max() for data in drawn if data.theta]
        assert min(gaps) < 1


def test_real_data_have_a_prior_to_learn_from():
    scenario = get_scenario("galaxies", {"ordered": False})
    (data,) = scenario.prior_predictive(np.random.default_rng(1), 1)
    assert data.y.shape == scenario.data_sets([1])[0].y.shape and data.theta is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["amortized-flow", "amortized-flow-psis"])
def test_exchangeable_labels_fulfil_the_contract(name, built_model, tmp_path_factory):
    scenario = get_scenario("two", {"type": "gmm-exchangeable", "n_components": 2})
    built = built_model(scenario.stan_file)
    folder = tmp_path_factory.getbasetemp() / "exchangeable-networks"
    folder.mkdir(exist_ok=True)
    method = ready(get_method(name, {}), scenario, folder, built)
    check_method(method, scenario, scenario.data_sets([5])[0], built)
