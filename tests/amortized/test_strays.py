"""The price of draws where the posterior has no mass."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from pipeline.amortized import strays

from .networks import small_network

# Whole-number heights keep what is computed by hand exact.
TRUE = jnp.array([0.0, 100.0])


def test_price_counts_what_draws_lack_beyond_the_depth_by_their_shares():
    log_p = jnp.array([[-strays.DEPTH - 7, 5.0], [100 - strays.DEPTH, 100 - strays.DEPTH - 1]])
    share = jnp.array([[0.25, 0.75], [0.5, 0.5]])
    wanted = strays.WEIGHT * (0.25 * np.log(8) + 0.5 * np.log(2)) / 2
    assert float(strays.price(log_p, TRUE, jnp.log(share))) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("height", [-np.inf, np.nan, np.inf])
def test_where_the_density_is_no_number_only_the_share_learns(height):
    log_p = jnp.array([[height, 0.0], [100.0, 100.0]])
    logits = jnp.zeros((2, 2))

    def price(logits, log_p):
        return strays.price(log_p, TRUE, jax.nn.log_softmax(logits))

    slope_of_logits, slope_of_height = jax.grad(price, argnums=(0, 1))(logits, log_p)
    assert np.isfinite(slope_of_height).all()
    assert slope_of_logits[0, 0] > 1 and slope_of_logits[0, 1] < -1 and np.all(slope_of_logits[1] == 0)


def test_the_posterior_itself_pays_next_to_nothing():
    """Draws and true parameters from one Gaussian of five parameters: less than a hundredth of a nat."""
    draws = jr.normal(jr.key(0), (20_000, 6, 5))
    height = -0.5 * (draws**2).sum(-1)
    equal = jnp.full((20_000, 5), -jnp.log(5.0))
    assert float(strays.price(height[:, 1:], height[:, 0], equal)) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gmm-ordered", "hmm-ordered"])
def test_a_head_that_is_too_wide_pays(name):
    network = small_network(name)
    simulator = network.simulator

    @jax.jit
    def price(log_scale):
        # The second parameter of each element is its log scale.
        bias = network.head.conditioner.of_context.bias.reshape(simulator.dim, -1)
        at = 2 * network.head.conditioner.width + 1
        wide = eqx.tree_at(
            lambda network: network.head.conditioner.of_context.bias,
            network,
            bias.at[:, at].add(log_scale).reshape(-1),
        )
        simulation = simulator.simulate(simulator.prior(128, key=jr.key(1)), key=jr.key(2))
        return wide.losses(simulation, 8, 128, key=jr.key(3)).stray

    as_it_is, wider, widest = (float(price(log_scale)) for log_scale in (0.0, 1.0, 3.0))
    assert as_it_is < wider < widest
