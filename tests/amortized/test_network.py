"""Summaries, Newton steps, memberships and the posterior as a whole."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from pipeline.amortized import newton
from pipeline.amortized.inference import Amortized
from pipeline.amortized.observations import encode
from pipeline.amortized.simulators import get_simulator
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import DataSet

from .networks import shaken, small_network

# Nearly all time goes into compiling.
pytestmark = pytest.mark.slow

SCENARIOS = ["gmm-ordered", "hmm-ordered"]


@pytest.fixture(scope="module", params=SCENARIOS)
def amortized(request):
    return Amortized(small_network(request.param))


def summary_of(amortized, data_sets):
    return eqx.filter_jit(amortized.network.summary)(amortized.encode(data_sets))


def permuted(data):
    order = np.random.default_rng(1).permutation(len(data.y))
    return DataSet(data.y[order])


@pytest.mark.parametrize("has_newton_steps", [False, True])
def test_a_mixtures_summary_ignores_the_order_and_an_hmms_does_not(amortized, has_newton_steps):
    name = amortized.simulator.scenario.name
    if not has_newton_steps:
        amortized = Amortized(small_network(name, newton_steps=None))
    data = amortized.simulator.scenario.data_sets([4])[0]
    # Both in one batch, whose shape other tests compile too.
    context = summary_of(amortized, [data, permuted(data)]).context
    difference = float(jnp.abs(context[0] - context[1]).max())
    assert difference < 1e-4 if name == "gmm-ordered" else difference > 1e-3


def test_summary_depends_on_sizes_and_ignores_padding(amortized):
    data_sets = amortized.simulator.scenario.data_sets([4, 5])
    observed = amortized.encode(data_sets)
    summary = eqx.filter_jit(amortized.network.summary)
    padded = observed._replace(y_mean=observed.y_mean + 3 * (1 - observed.mask()))
    np.testing.assert_allclose(summary(observed).context, summary(padded).context, atol=1e-5)
    more = observed._replace(n_rep=jnp.where(observed.n_rep == 2, 3, 2))
    assert float(jnp.abs(summary(observed).context - summary(more).context).min(axis=1).max()) > 0


def test_mixture_features_are_masses():
    network = small_network("gmm-ordered")
    observed = encode(network.simulator.scenario.data_sets([1, 2, 3]), (150, 250), (2, 4))
    points, masses = network.summary.features.compressed(observed)
    np.testing.assert_allclose(masses.sum(1), observed.n_obs, rtol=1e-5)
    total = (observed.y_mean * observed.mask()).sum(1)  # triangles keep the mean
    np.testing.assert_allclose((points * masses).sum(1), total, rtol=1e-3, atol=1e-2)


def test_the_starts_lead_to_the_modes_that_matter():
    """The best mode found is hardly ever below the one that Newton steps find from the true theta."""
    network = small_network("gmm-ordered")
    simulator, summary = network.simulator, network.summary
    simulation = jax.jit(lambda key: simulator.simulate(simulator.prior(200, key=key), key=key))(jr.key(5))
    points, masses = summary.features.compressed(simulation.observed)
    n_rep = simulation.observed.n_rep

    def climb(start, points, masses, n_rep):
        def near(theta):
            return simulator.log_joint_near(theta, points, masses, n_rep)

        start = summary.coordinates.forward(start)[0]
        found = newton.climb(near, summary.coordinates.inverse_elements, start, 12).point
        theta, log_jacobian = summary.coordinates.inverse(found)
        return simulator.log_joint(theta, points, masses, n_rep) + log_jacobian

    @jax.jit
    def heights():
        starts = simulator.starts(simulation.theta, points, masses, n_rep)
        each = [climb(starts[:, i], points, masses, n_rep) for i in range(starts.shape[1])]
        return jnp.stack(each), climb(simulation.theta, points, masses, n_rep)

    ours, from_truth = heights()
    assert ours.shape == (5, 200)
    assert (np.asarray(ours.max(0)) > np.asarray(from_truth) - 0.5).mean() > 0.95
    assert (np.asarray(ours.min(0)) > np.asarray(from_truth) - 0.5).mean() < 0.9  # one start is not enough


def test_a_mode_without_mass_gets_no_draws():
    """By the posterior's heights at the modes: one draw in hundreds from a mode far below the best shows."""
    network = small_network("gmm-ordered")
    observed = Amortized(network).encode(network.simulator.scenario.data_sets([4, 5]))
    summarised = eqx.filter_jit(network.summary)(observed)
    theta, log_jacobian = network.coordinates.inverse(summarised.expansions.point)
    y, weight, n_rep = (
        jnp.repeat(part, 5, axis=0) for part in (observed.y_mean, observed.mask(), observed.n_rep)
    )
    height = np.asarray(network.simulator.log_joint(theta, y, weight, n_rep) + log_jacobian).reshape(2, 5)
    is_empty = height < height.max(axis=1, keepdims=True) - 40
    assert is_empty.any()
    assert np.exp(summarised.log_weights)[is_empty].sum() < 1e-4


def test_newton_steps_find_mode_and_curvature(amortized):
    """From the true theta, against automatic differentiation of the exact log joint at the end."""
    simulator, coordinates = amortized.simulator, amortized.network.coordinates
    with jax.enable_x64(True):
        theta = simulator.prior(3, key=jr.key(3))
        observed = simulator.simulate(theta, key=jr.key(4)).observed
        y, weight = observed.y_mean, observed.mask()

        def near(theta):
            return simulator.log_joint_near(theta, y, weight, observed.n_rep)

        start = coordinates.forward(theta)[0]
        found = jax.jit(lambda t: newton.climb(near, coordinates.inverse_elements, t, 25))(start)

        def exact(t):
            x, log_jacobian = coordinates.inverse(t[None])
            return lambda i: (
                simulator.log_joint(x, y[i][None], weight[i][None], observed.n_rep[i][None]) + log_jacobian
            )[0]

        derivatives = jax.jit(
            lambda t, i: (jax.grad(lambda s: exact(s)(i))(t), jax.hessian(lambda s: exact(s)(i))(t))
        )
        for i in range(3):
            gradient, hessian = derivatives(found.point[i], i)
            if np.linalg.eigvalsh(-hessian).min() < 0.5:
                continue  # the information takes the curvature's place
            np.testing.assert_allclose(gradient, 0, atol=1e-6)
            np.testing.assert_allclose(found.factor[i] @ found.factor[i].T, -hessian, rtol=1e-5, atol=1e-5)


def test_information_is_the_sum_of_products_of_scores(amortized):
    """Each observation's score by automatic differentiation: of an HMM's, given those before it."""
    simulator = amortized.simulator
    with jax.enable_x64(True):
        theta = simulator.prior(2, key=jr.key(3))
        observed = simulator.simulate(theta, key=jr.key(4)).observed
        y, weight = observed.y_mean[:, :8], observed.mask()[:, :8]
        near = simulator.log_joint_near(theta, y, weight, observed.n_rep)
        found = jax.jit(lambda i: jax.hessian(lambda x: near(theta.at[i].set(x))[1][i])(theta[i]))

        def log_likelihoods(x, i):
            """Of the first t observations, for all t; the prior falls out of differences."""
            seen = jnp.tril(jnp.ones((9, 8)), -1)
            rows, n_rep = jnp.broadcast_to(x, (9, len(x))), jnp.full(9, observed.n_rep[i])
            if simulator.scenario.family == "mixture":
                return simulator.log_joint(rows, jnp.broadcast_to(y[i], (9, 8)), seen, n_rep)
            return jnp.stack(
                [simulator.log_joint(x[None], y[i][None, :t], seen[:1], n_rep[:1])[0] for t in range(9)]
            )

        for i in range(2):
            scores = jnp.diff(jax.jit(jax.jacfwd(lambda x, i=i: log_likelihoods(x, i)))(theta[i]), axis=0)
            np.testing.assert_allclose(found(i), -scores.T @ scores, rtol=1e-6, atol=1e-6)


def test_where_the_curvature_is_not_positive_the_information_takes_its_place():
    point = jnp.array([[0.3, -0.2], [0.3, -0.2]])
    sign = jnp.array([1.0, -1.0])  # the second data set is at a saddle

    def log_joint(t):
        log_p = -0.5 * (4 * t[:, 0] ** 2 + sign * 9 * t[:, 1] ** 2)
        return log_p, -0.5 * (15 * t[:, 0] ** 2 + 24 * t[:, 1] ** 2)  # the prior adds one

    found = newton.expand(lambda _: log_joint, lambda t: (t, jnp.zeros_like(t)), point)
    unshrunk = found.factor * jnp.exp(found.log_decrement)[:, None, None]
    np.testing.assert_allclose(unshrunk[0], jnp.diag(jnp.array([2.0, 3.0])), atol=1e-5)
    np.testing.assert_allclose(unshrunk[1], jnp.diag(jnp.array([4.0, 5.0])), atol=1e-5)


def test_whitening_inverts_and_knows_its_slope():
    factor = jnp.triu(jr.normal(jr.key(0), (2, 3, 3))) + 2 * jnp.eye(3)
    expansion = newton.Expansion(jnp.ones((2, 3)), 0.1 * jnp.ones((2, 3)), factor, jnp.zeros(2))
    t = jr.normal(jr.key(1), (2, 5, 3))
    u, log_slope = newton.whiten(expansion, t)
    back, log_slope_back = newton.unwhiten(jax.tree.map(lambda leaf: leaf[:, None], expansion), u)
    np.testing.assert_allclose(back, t, atol=1e-5)
    np.testing.assert_allclose(log_slope, jnp.linalg.slogdet(factor)[1], rtol=1e-5)
    np.testing.assert_allclose(log_slope_back[:, 0], -log_slope)
    # A change of the last parameter changes the last element alone.
    changed, _ = newton.whiten(expansion, t.at[..., 2].add(1.0))
    np.testing.assert_array_equal(changed[..., :2], u[..., :2])
    assert (changed[..., 2] != u[..., 2]).all()


def test_the_factor_is_an_upper_triangular_root_of_the_precision():
    root = jr.normal(jr.key(0), (3, 4, 4))
    precision = root @ jnp.swapaxes(root, 1, 2) + jnp.eye(4)
    mode = jr.normal(jr.key(1), (3, 4))

    def log_joint(t):
        away = t - mode
        log_p = -0.5 * jnp.einsum("bi,bij,bj->b", away, precision, away)
        return log_p, log_p

    found = newton.expand(lambda _: log_joint, lambda t: (t, jnp.zeros_like(t)), mode + 0.01)
    unshrunk = found.factor * jnp.exp(found.log_decrement)[:, None, None]
    np.testing.assert_array_equal(unshrunk, jnp.triu(unshrunk))
    np.testing.assert_allclose(unshrunk @ jnp.swapaxes(unshrunk, 1, 2), precision, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.point + found.step, mode, atol=1e-4)


def test_draws_come_with_their_density_and_follow_the_seed(amortized):
    data_sets = amortized.simulator.scenario.data_sets([7, 8, 9])
    observed = amortized.encode(data_sets)
    draws = amortized.draw(observed, 200, [1, 2, 3])  # as many as other files compile for
    assert draws.theta.shape == (3, 200, amortized.simulator.dim)
    np.testing.assert_allclose(amortized.log_density(observed, draws.theta), draws.log_q, atol=0.05)
    again = amortized.draw(observed, 200, [1, 2, 3])
    np.testing.assert_array_equal(draws.theta, again.theta)
    other = amortized.draw(observed, 200, [1, 2, 4])
    np.testing.assert_array_equal(draws.theta[:2], other.theta[:2])
    assert not np.array_equal(draws.theta[2], other.theta[2])
    # A data set's draws do not depend on its neighbours.
    alone = amortized.draw(amortized.encode(data_sets[1:2]), 200, [2])
    np.testing.assert_allclose(alone.theta[0], draws.theta[1], atol=2e-2)
    # Nor on how many batches go through, several at once.
    many = amortized.simulator.scenario.data_sets(range(20)) + data_sets
    last = amortized.draw(amortized.encode(many), 200, [*range(10, 30), 1, 2, 3])
    np.testing.assert_allclose(last.theta[20:], draws.theta, atol=2e-2)


def test_density_integrates_to_one_by_importance_sampling(amortized):
    """The mean of proposal weights q'/q is one, q' being the density of a network with other weights."""
    observed = amortized.encode(amortized.simulator.scenario.data_sets([7]))
    draws = amortized.draw(observed, 20_000, [1])
    other = eqx.tree_at(lambda n: n.head, amortized.network, shaken(amortized.network.head, 9, 0.03))
    log_w = Amortized(other).log_density(observed, draws.theta)[0] - draws.log_q[0]
    w = np.exp(log_w.astype(float))
    assert abs(w.mean() - 1) < 5 * w.std() / np.sqrt(w.size) + 1e-3


def test_memberships_are_probabilities_averaged_over_draws(amortized):
    data = amortized.simulator.scenario.data_sets([7])[0]
    observed = amortized.encode([data])
    theta = amortized.draw(observed, 200, [1]).theta[:, :3]
    mean = amortized.memberships(observed, theta)
    single = [amortized.memberships(observed, theta[:, i : i + 1]) for i in range(3)]
    for kind, values in mean.items():
        np.testing.assert_allclose(values[0, : len(data.y)].sum(-1), 1, atol=1e-5)
        np.testing.assert_allclose(values, np.mean([s[kind] for s in single], axis=0), atol=1e-5)


def test_filter_is_causal_and_smoother_is_not():
    """A change after t changes nothing of the filter up to t, and changes the smoother before t."""
    network = small_network("hmm-ordered")
    memberships = shaken(network.memberships, 3, 0.2)
    theta = network.simulator.prior(1, key=jr.key(1))
    data = network.simulator.scenario.data_sets([7])[0]
    changed = data.y.copy()
    changed[60] += 1.0
    one, other = (
        memberships(theta, encode([DataSet(y)], network.simulator.n_obs, network.simulator.n_rep))
        for y in (data.y, changed)
    )
    difference = {kind: np.abs(np.asarray(one[kind] - other[kind])).max(axis=(0, 2)) for kind in one}
    np.testing.assert_array_equal(difference["filtering"][:60], 0)
    assert difference["filtering"][60] > 0 and difference["filtering"][61] > 0
    assert difference["smoothing"][59] > 0 and difference["smoothing"][60] > 0


def test_scenarios_without_a_simulator_are_named():
    with pytest.raises(ValueError, match="galaxies"):
        get_simulator(get_scenario("galaxies"))


def test_simulators_follow_the_settings():
    scenario = get_scenario(
        "gmm-ordered", {"mu_mean": [-1.0, 1.0], "pi_concentration": [3.0, 3.0], "n_obs": [20, 30]}
    )
    simulator = get_simulator(scenario)
    assert simulator.dim == 3 and simulator.n_obs == (20, 30)
    assert dataclasses.replace(scenario, sd=2.0) != scenario
