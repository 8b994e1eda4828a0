"""Draws where the posterior has no mass, and what they cost in training.

Networks are trained by the divergence from the posterior to their density, which hardly sees a thousandth
of the density's mass, wherever it lies. Who takes a thousand draws does: one that is fifty standard
deviations away moves means and standard deviations. So training also draws from the density, and draws whose
posterior density is far below that of the parameters behind the data have a price. Draws from the posterior
itself cost next to nothing, so that it stays the optimum (docs/amortized-experiments.md, "Stray draws").
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

WEIGHT = 5.0  # of the price, beside the nats of the divergence
# Nats below the density of the true parameters that are free. Of a Gaussian posterior of five parameters one
# draw in some thousands lies lower than that.
DEPTH = 10.0


def price(
    log_p: Float[Array, "dataset draw"],
    log_p_true: Float[Array, " dataset"],
    log_share: Float[Array, "dataset draw"],
) -> Float[Array, ""]:
    """Return what draws cost, in the mean over data sets.

    It grows like the logarithm of what a draw's log density lacks: a draw far out must not rule a step.

    Args:
        log_p: the log posterior density of draws, up to a constant of the data set.
        log_p_true: that of the parameters behind the data, themselves a draw from the posterior.
        log_share: log of the mass that each draw stands for.
    """
    # Where the density underflows there is no slope to follow either; the share still is to fall.
    log_p = jnp.nan_to_num(log_p, nan=-1e6, posinf=-1e6, neginf=-1e6)
    lacking = jnp.maximum(jax.lax.stop_gradient(log_p_true)[:, None] - DEPTH - log_p, 0)
    return WEIGHT * (jnp.exp(log_share) * jnp.log1p(lacking)).sum(axis=1).mean()
