"""A conditional neural spline flow: autoregressive, one affine map and one spline an element.

Papamakarios, Pavlakou and Murray (2017) with the splines of Durkan et al. (2019). One autoregressive layer is
enough for any density of a few parameters, its only limit being what each element's spline can follow.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from pipeline.amortized import splines
from pipeline.amortized.heads import Conditioner, Head, Prepared

LOG_2PI = 1.8378770664093453


class SplineFlow(Head):
    """u_d = shift + scale * spline^-1(e_d), e_d standard normal, all given u_1 .. u_{d-1} and the context."""

    conditioner: Conditioner

    def __init__(self, dim: int, n_context: int, width: int, n_bins: int, *, key: PRNGKeyArray):
        n_parameters = 2 + splines.n_parameters(n_bins)
        self.conditioner = Conditioner(dim, n_context, width, n_parameters, key=key)

    def log_prob_of_element(
        self, parameters: Float[Array, "parameter row #draw"], value: Float[Array, "row draw"]
    ) -> Float[Array, "row draw"]:
        """Return the log density of one element."""
        shift, log_scale, spline = _split(parameters)
        noise, log_slope = splines.forward(spline, (value - shift) * jnp.exp(-log_scale))
        return log_slope - log_scale - 0.5 * (noise**2 + LOG_2PI)

    def sample(
        self, prepared: Prepared, n_draws: int, *, keys: PRNGKeyArray
    ) -> tuple[Float[Array, "dataset draw dim"], Float[Array, "dataset draw"]]:
        """Return draws and their log density."""
        dim = self.conditioner.dim
        noise = jax.vmap(lambda key: jr.normal(key, (dim, n_draws), prepared.bias.dtype))(keys)
        u, log_q = [], -0.5 * (noise**2 + LOG_2PI).sum(1)
        for d in range(dim):
            shift, log_scale, spline = _split(self.conditioner.element(prepared, u))
            value, log_slope = splines.inverse(spline, noise[:, d])
            u.append(shift + jnp.exp(log_scale) * value)
            log_q -= log_scale + log_slope
        return jnp.stack(u, axis=-1), log_q


def _split(parameters: Float[Array, "parameter *batch"]) -> tuple[Array, Array, splines.Spline]:
    return parameters[0], 4 * jnp.tanh(parameters[1] / 4), splines.spline_from(parameters[2:])
