import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import multivariate_normal

from pipeline.variational.flow import Flow, program
from pipeline.variational.flow_ascent import climb
from pipeline.variational.target import Evaluation

MEAN = np.array([1.0, -2.0])
CHOL = np.array([[0.5, 0.0], [0.8, 2.0]])


class Banana:
    """A normalised density: x1 = z1, x2 = z2 + z1^2 - 1, with z standard normal."""

    dim = 2

    def __init__(self, beyond=np.inf):
        self.beyond = beyond

    def __call__(self, x):
        z1, z2 = x[:, 0], x[:, 1] - x[:, 0] ** 2 + 1
        log_p = -0.5 * (z1**2 + z2**2) - np.log(2 * np.pi)
        gradient = np.stack([-z1 + 2 * z2 * z1, -z2], axis=1)
        is_rejected = x[:, 0] > self.beyond
        return Evaluation(np.where(is_rejected, -np.inf, log_p), np.where(is_rejected[:, None], 0, gradient))


def perturbed(seed: int) -> Flow:
    """Return a flow that is far from the identity, and yet without spikes finer than a grid."""
    numbers = program(2).initial(seed)
    leaves, tree = jax.tree.flatten(numbers)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [leaf + 0.1 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return Flow(jax.tree.unflatten(tree, moved), MEAN, CHOL)


@pytest.mark.slow
def test_density_is_the_normal_one_over_the_jacobian():
    flow = perturbed(1)
    noise = np.random.default_rng(1).standard_normal((50, 2))
    jacobian = jax.vmap(jax.jacfwd(lambda e: program(2).push(flow.numbers, e[None])[0]))(jnp.asarray(noise))
    log_volume = np.linalg.slogdet(np.asarray(jacobian))[1] + np.linalg.slogdet(CHOL)[1]
    expected = -0.5 * (noise**2).sum(1) - np.log(2 * np.pi) - log_volume
    np.testing.assert_allclose(flow.log_density(flow.push(noise)), expected, atol=2e-4)


@pytest.mark.slow
def test_density_integrates_to_one():
    flow = perturbed(2)
    x = np.linspace(-4, 6, 900), np.linspace(-15, 7, 900)
    grid = np.stack(np.meshgrid(*x, indexing="ij"), axis=-1).reshape(-1, 2)
    cell = (x[0][1] - x[0][0]) * (x[1][1] - x[1][0])
    assert np.exp(flow.log_density(grid)).sum() * cell == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_draws_follow_the_density_and_the_seed():
    flow = perturbed(3)
    draws = flow.draw(2500, np.random.default_rng(1))
    assert draws.shape == (2500, 2)
    np.testing.assert_array_equal(draws, flow.draw(2500, np.random.default_rng(1)))
    # E_q[g(x) / q(x)] = 1 for a Gaussian g, here one as wide as q.
    g = multivariate_normal(draws.mean(0), np.cov(draws.T))
    ratio = np.exp(g.logpdf(draws) - flow.log_density(draws))
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / np.sqrt(len(ratio))


@pytest.mark.slow
def test_the_path_gradient_vanishes_where_the_flow_is_the_target():
    """Draw by draw, not only in the mean, and half a unit beside it not: read off Adam's first moment."""
    flow = perturbed(4)
    noise = np.random.default_rng(4).standard_normal((7, 2))
    z = np.asarray(program(2).push(flow.numbers, noise))
    score = jax.vmap(jax.grad(lambda x: program(2).log_density(flow.numbers, x[None])[0]))(jnp.asarray(z))
    moments = program(2).optimiser(flow.numbers)

    def largest(pull):
        after = program(2).step(flow.numbers, flow.numbers, moments, noise, pull, 0.001)[2]
        return max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(optax.tree.get(after, "mu")))

    assert largest(score) < 1e-5 < 1e-3 < largest(score + 0.5)


@pytest.mark.slow
def test_a_curved_posterior_is_found_to_within_hundredths_of_a_nat():
    start = Flow(program(2).initial(1), np.zeros(2), np.diag([1.0, 1.7]))
    found = climb(Banana(), start, seed=1, timeout_s=600)
    assert found.converged
    # The evidence is one, so that minus the bound is the divergence; the best Gaussian's is above .5.
    assert -0.05 < found.elbo < 3 * found.mcse
    again = climb(Banana(), start, seed=1, timeout_s=600)
    assert again.elbo == found.elbo


@pytest.mark.slow
def test_a_region_that_the_target_rejects_makes_no_bound():
    start = Flow(program(2).initial(1), np.zeros(2), np.eye(2))
    found = climb(Banana(beyond=1.0), start, seed=1, timeout_s=600)
    assert not found.converged and found.elbo == -np.inf


@pytest.mark.slow
def test_time_is_limited():
    start = Flow(program(2).initial(1), np.zeros(2), np.eye(2))
    with pytest.raises(TimeoutError, match="no end"):
        climb(Banana(), start, seed=1, timeout_s=0)
