"""An autoregressive mixture density network: Bishop (1994), one mixture of normals an element."""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from pipeline.amortized.flows import LOG_2PI
from pipeline.amortized.heads import Conditioner, Head, Prepared

MIN_SCALE = 1e-3


class MixtureDensity(Head):
    """u_d is a mixture of normals; its parameters depend on u_1 .. u_{d-1} and the context."""

    conditioner: Conditioner
    start: Float[Array, " component"]

    def __init__(self, dim: int, n_context: int, width: int, n_components: int, *, key: PRNGKeyArray):
        self.conditioner = Conditioner(dim, n_context, width, 3 * n_components, key=key)
        # Equal means would get equal gradients for ever.
        self.start = jnp.linspace(-1.5, 1.5, n_components)

    def log_prob_of_element(
        self, parameters: Float[Array, "parameter row #draw"], value: Float[Array, "row draw"]
    ) -> Float[Array, "row draw"]:
        """Return the log density of one element."""
        return _log_mixture(value, *self._split(parameters))

    def sample(
        self, prepared: Prepared, n_draws: int, *, keys: PRNGKeyArray
    ) -> tuple[Float[Array, "dataset draw dim"], Float[Array, "dataset draw"]]:
        """Return draws and their log density."""
        shape = (self.conditioner.dim, n_draws)

        def noise_of(key: PRNGKeyArray) -> tuple[Array, Array]:
            one, other = jr.split(key)
            return jr.uniform(one, shape, prepared.bias.dtype), jr.normal(other, shape, prepared.bias.dtype)

        uniform, normal = jax.vmap(noise_of)(keys)
        u, log_q = [], 0.0
        for d in range(shape[0]):
            log_weight, mean, scale = self._split(self.conditioner.element(prepared, u))
            # Rounding may leave the last cumulative weight just below one.
            reached = jnp.cumsum(jnp.exp(log_weight), axis=0)[:-1]
            each = mean + scale * normal[:, d]
            value = each[0]
            for k in range(1, len(each)):
                value = jnp.where(uniform[:, d] >= reached[k - 1], each[k], value)
            log_q += _log_mixture(value, log_weight, mean, scale)
            u.append(value)
        return jnp.stack(u, axis=-1), jnp.asarray(log_q)

    def _split(self, parameters: Float[Array, "parameter *batch"]) -> tuple[Array, Array, Array]:
        """Return log weights, means and scales."""
        logits, mean, raw_scale = jnp.split(parameters, 3)
        start = self.start.reshape(-1, *(1 for _ in mean.shape[1:]))
        return jax.nn.log_softmax(logits, axis=0), mean + start, MIN_SCALE + jax.nn.softplus(raw_scale)


def _log_mixture(
    u: Float[Array, "*batch"],
    log_weight: Float[Array, "component *batch"],
    mean: Float[Array, "component *batch"],
    scale: Float[Array, "component *batch"],
) -> Float[Array, "*batch"]:
    residual = (u - mean) / scale
    return jax.nn.logsumexp(log_weight - jnp.log(scale) - 0.5 * (residual**2 + LOG_2PI), axis=0)
