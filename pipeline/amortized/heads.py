"""What a posterior head is: a conditional density over a vector, one element after the other."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from pipeline.amortized.layers import Dense


class Conditioner(eqx.Module):
    """The parameters of each element's density from the elements before it and a context.

    One hidden layer for each element. The context sets its biases and gains and adds to its outputs, once a
    data set; what is left to do for each draw is small.
    """

    of_context: Dense
    of_previous: Float[Array, "dim dim width"]
    out: Float[Array, "dim width parameter"]
    dim: int = eqx.field(static=True)
    width: int = eqx.field(static=True)
    n_parameters: int = eqx.field(static=True)

    def __init__(self, dim: int, n_context: int, width: int, n_parameters: int, *, key: PRNGKeyArray):
        keys = jr.split(key, 3)
        self.dim, self.width, self.n_parameters = dim, width, n_parameters
        self.of_context = Dense(n_context, dim * (2 * width + n_parameters), gain=0.1, key=keys[0])
        self.of_previous = jr.normal(keys[1], (dim, dim, width)) / jnp.sqrt(dim)
        # A zero start makes the first density the base one.
        self.out = jnp.zeros((dim, width, n_parameters))

    def prepare(self, context: Float[Array, "dataset context"]) -> tuple[Array, Array, Array]:
        """Return what is the same for all draws of a data set: biases, gains and output biases."""
        flat = self.of_context(context).reshape(len(context), 1, self.dim, -1)
        bias, gain, out_bias = jnp.split(flat, [self.width, 2 * self.width], axis=-1)
        return bias, 1 + gain, out_bias

    def __call__(
        self, prepared: tuple[Array, Array, Array], u: Float[Array, "dataset draw dim"]
    ) -> Float[Array, "dataset draw dim parameter"]:
        """Return the parameters of all elements at once."""
        bias, gain, out_bias = prepared
        mask = jnp.tril(jnp.ones((self.dim, self.dim)), -1)[..., None]
        seen = jnp.einsum("bsi,diw->bsdw", _bounded(u), self.of_previous * mask)
        hidden = jax.nn.silu(gain * seen + bias)
        return jnp.einsum("bsdw,dwp->bsdp", hidden, self.out) + out_bias

    def element(
        self, prepared: tuple[Array, Array, Array], previous: list[Float[Array, "dataset draw"]]
    ) -> Float[Array, "dataset draw parameter"]:
        """Return the parameters of the element that follows the previous ones."""
        d = len(previous)
        bias, gain, out_bias = (part[:, :, d] for part in prepared)
        if previous:
            u = _bounded(jnp.stack(previous, axis=-1))
            hidden = jax.nn.silu(gain * (u @ self.of_previous[d, :d]) + bias)
        else:
            hidden = jax.nn.silu(bias)
        return hidden @ self.out[d] + out_bias


def _bounded(u: Array) -> Array:
    """Keep the rare far outlier from leaving the region where the networks were trained."""
    return jnp.clip(u, -8, 8)


class Head(eqx.Module):
    """A normalised conditional density of u, a vector of the whitened parameters."""

    @abc.abstractmethod
    def log_prob(
        self, u: Float[Array, "dataset draw dim"], context: Float[Array, "dataset context"]
    ) -> Float[Array, "dataset draw"]:
        """Return the log density of each draw, given its data set's context."""

    @abc.abstractmethod
    def sample(
        self, context: Float[Array, "dataset context"], n_draws: int, *, keys: PRNGKeyArray
    ) -> tuple[Float[Array, "dataset draw dim"], Float[Array, "dataset draw"]]:
        """Return draws and their log density; each data set has its own key."""
