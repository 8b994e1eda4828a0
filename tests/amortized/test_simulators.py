"""The simulators in JAX against those in NumPy, and the log joints against the Stan programs."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats

from pipeline.amortized.observations import Observations, encode
from pipeline.amortized.simulators import get_simulator
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import STAN_FOLDER, DataSet

SCENARIOS = ["gmm-ordered", "hmm-ordered"]
N = 4_000


@pytest.fixture(params=SCENARIOS)
def simulator(request):
    return get_simulator(get_scenario(request.param))


def in_jax(simulator, n=N, seed=1):
    prior_key, data_key = jr.split(jr.key(seed))
    return jax.jit(lambda: simulator.simulate(simulator.prior(n, key=prior_key), key=data_key))()


@pytest.mark.slow
def test_parameters_have_the_prior_of_the_numpy_simulator(simulator):
    simulation = in_jax(simulator)
    found = simulator.constrain(simulation.theta)
    expected = simulator.scenario.data_sets(range(N))
    for name, values in found.items():
        oracle = np.stack([data.theta[name] for data in expected])
        assert values.shape == oracle.shape
        for k in range(values.shape[1]):
            assert stats.ks_2samp(np.asarray(values[:, k]), oracle[:, k]).pvalue > 1e-4
        # The dependence between the elements, too.
        direction = np.array([1.0, -1.0, 0.5])[: values.shape[1]]
        assert stats.ks_2samp(np.asarray(values) @ direction, oracle @ direction).pvalue > 1e-4


def statistics(y_mean, z, n_obs):
    """Some functions of one data set, of order and of values."""
    y, z = np.asarray(y_mean)[:n_obs], np.asarray(z)[:n_obs]
    lagged = np.mean((y[1:] - y.mean()) * (y[:-1] - y.mean()))
    return [y[0], y[-1], y.mean(), y.std(), lagged, (z == 0).mean(), (z[1:] == z[:-1]).mean(), z[0]]


@pytest.mark.slow
def test_observations_have_the_distribution_of_the_numpy_simulator(simulator):
    theta, z, observed = in_jax(simulator)
    found = [statistics(observed.y_mean[i], z[i], int(observed.n_obs[i])) for i in range(N)]
    data_sets = simulator.scenario.data_sets(range(N))
    oracle = [statistics(data.y.mean(axis=1), data.z, len(data.y)) for data in data_sets]
    for one, other in zip(np.transpose(found), np.transpose(oracle), strict=True):
        assert stats.ks_2samp(one, other).pvalue > 1e-4
    for sizes, ours in ((simulator.n_obs, observed.n_obs), (simulator.n_rep, observed.n_rep)):
        assert (int(ours.min()), int(ours.max())) == sizes
    # Noise around each observation's own mean has the variance of its replicates' mean.
    mu = np.take_along_axis(np.asarray(simulator.constrain(theta)["mu"]), np.asarray(z), axis=1)
    scaled = (np.asarray(observed.y_mean) - mu) * np.sqrt(np.asarray(observed.n_rep))[:, None]
    assert stats.kstest(scaled[:, 3], stats.norm(0, simulator.scenario.sd).cdf).pvalue > 1e-4


@pytest.mark.slow
def test_unconstraining_inverts_constraining(simulator):
    with jax.enable_x64(True):
        theta = simulator.prior(50, key=jr.key(3))
        np.testing.assert_allclose(simulator.unconstrain(simulator.constrain(theta)), theta, atol=1e-9)


@pytest.mark.slow
def test_padding_does_not_count(simulator):
    theta, _, observed = in_jax(simulator, n=6)
    noise = 100 * (1 - observed.mask())
    changed = observed._replace(y_mean=observed.y_mean + noise)
    draws = theta[:, None]
    np.testing.assert_array_equal(
        simulator.log_joint_of_draws(draws, observed), simulator.log_joint_of_draws(draws, changed)
    )


@pytest.mark.slow
def test_marginal_of_short_chains_is_the_sum_over_paths():
    """The HMM's pairwise matrix products, for odd and even lengths, against all 2^T paths."""
    import itertools

    for n_times in (2, 3, 6, 7):
        scenario = get_scenario("hmm-ordered", {"n_times": n_times, "initial": [0.3, 0.7]})
        simulator = get_simulator(scenario)
        with jax.enable_x64(True):
            theta, _, observed = in_jax(simulator, n=2)
            found = simulator.log_joint_of_draws(theta[None], observed._replace(
                y_mean=observed.y_mean[:1], n_obs=observed.n_obs[:1], n_rep=observed.n_rep[:1]
            ))[0]  # fmt: skip
            values = [{k: np.asarray(v[i]) for k, v in simulator.constrain(theta).items()} for i in range(2)]
            y, n_rep = np.asarray(observed.y_mean[0]), int(observed.n_rep[0])
        expected = []
        for value in values:
            a = np.array(
                [[value["p_stay"][0], 1 - value["p_stay"][0]], [1 - value["p_stay"][1], value["p_stay"][1]]]
            )
            p = np.exp(-0.5 * n_rep * (y[:, None] - value["mu"]) ** 2)
            total = sum(
                scenario.initial[path[0]] * p[0, path[0]]
                * np.prod([a[i, j] * p[t + 1, j] for t, (i, j) in enumerate(itertools.pairwise(path))])
                for path in itertools.product((0, 1), repeat=n_times)
            )  # fmt: skip
            prior = stats.beta(2, 2).logpdf(value["p_stay"]).sum()
            prior += stats.norm(scenario.mu_mean, 1).logpdf(value["mu"]).sum()
            jacobian = (
                np.log(value["p_stay"] * (1 - value["p_stay"])).sum() + np.log(np.diff(value["mu"])).sum()
            )
            expected.append(np.log(total) + prior + jacobian)
        assert found[1] - found[0] == pytest.approx(expected[1] - expected[0], abs=1e-10)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_encoding_refuses_what_is_not_finite(simulator, bad):
    data = simulator.scenario.data_sets([1])[0]
    y = data.y.copy()
    y[2, 1] = bad
    with pytest.raises(ValueError, match="Observation 2, replicate 1"):
        encode([data, DataSet(y)], simulator.n_obs, simulator.n_rep)


def test_encoding_refuses_sizes_that_were_not_trained(simulator):
    data = simulator.scenario.data_sets([1])[0]
    for y, what in ((data.y[:50], "50 observations"), (np.repeat(data.y, 4, axis=1), "replicates")):
        with pytest.raises(ValueError, match=what):
            encode([DataSet(y)], simulator.n_obs, simulator.n_rep)


@pytest.mark.slow
def test_log_joint_is_the_stan_programs(simulator, tmp_path):
    from pipeline.stan.build import build
    from pipeline.stan.model import BoundModel

    built = build(STAN_FOLDER / simulator.scenario.stan_program)
    rng = np.random.default_rng(5)
    for i, data in enumerate(simulator.scenario.data_sets([1, 2, 3])):
        folder = tmp_path / str(i)
        folder.mkdir()
        model = BoundModel(
            built, simulator.scenario.stan_data(data), simulator.scenario.parameter_shapes, folder
        )
        theta = rng.normal(0, 1.5, (20, simulator.dim))
        expected = model.log_density(theta)
        with jax.enable_x64(True):
            observed = encode([data], simulator.n_obs, simulator.n_rep, np.float64)
            found = np.asarray(simulator.log_joint_of_draws(jnp.asarray(theta)[None], observed))[0]
        assert isinstance(observed, Observations)
        difference = found - expected
        np.testing.assert_allclose(difference, difference[0], atol=1e-9 * np.abs(expected).max())
        flat = model.flatten(simulator.constrain_draws(theta))
        np.testing.assert_allclose(flat, model.constrain(theta), atol=1e-12)
