"""What a posterior head is: a conditional density over a vector, one element after the other.

Within heads the data set and the draw are the last axes and features the first ones: a processor then works
on many draws at once. At the edges draws are rows, as everywhere.
"""

import abc
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from pipeline.amortized.layers import Dense


class Prepared(NamedTuple):
    """What of a conditioner's parameters does not depend on the elements before."""

    bias: Float[Array, "dim width row #draw"]
    gain: Float[Array, "dim width row #draw"]
    out_bias: Float[Array, "dim parameter row #draw"]

    def as_draws(self) -> "Prepared":
        """Return rows with one draw each as one row's draws: loops use vectors over a long last axis only."""
        return Prepared(*(jnp.swapaxes(part, -1, -2) for part in self))

    def pick(self, chosen: Int[Array, "dataset draw"]) -> "Prepared":
        """Return those of one row for each draw; rows are the data set and, varying faster, the choice."""
        n_datasets = len(chosen)
        return Prepared(
            *(pick(part.reshape(*part.shape[:2], n_datasets, -1, 1), chosen, axis=3) for part in self)
        )


def pick(
    options: Float[Array, "*batch"], chosen: Int[Array, "dataset draw"], axis: int
) -> Float[Array, "*batch"]:
    """Return for each draw what it chose, by comparing: several times as fast as gathering so many elements.

    Args:
        options: with axes for the data set, the option, and the draw, this one of length one, in this order.
        chosen: which option.
        axis: that of the options.
    """
    behind = options.ndim - axis - 2
    chosen = chosen.reshape(*chosen.shape, *(1,) * behind)
    picked, *others = (option.squeeze(axis) for option in jnp.split(options, options.shape[axis], axis))
    for k, other in enumerate(others, start=1):
        picked = jnp.where(chosen == k, other, picked)
    return picked


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

    def prepare(self, context: Float[Array, "row context"]) -> Prepared:
        """Return what is the same for all draws of a row: biases, gains and output biases."""
        each = self.of_context(context).reshape(len(context), self.dim, -1)
        bias, gain, out_bias = jnp.split(
            jnp.moveaxis(each, 0, 2)[..., None], [self.width, 2 * self.width], axis=1
        )
        return Prepared(bias, 1 + gain, out_bias)

    def element(
        self, prepared: Prepared, previous: list[Float[Array, "row draw"]]
    ) -> Float[Array, "parameter row draw"]:
        """Return the parameters of the element that follows the previous ones."""
        d = len(previous)
        bias, gain, out_bias = (part[d] for part in prepared)
        if previous:
            seen = jnp.einsum("iw,ibs->wbs", self.of_previous[d, :d], _bounded(jnp.stack(previous)))
            hidden = jax.nn.silu(gain * seen + bias)
        else:
            hidden = jax.nn.silu(bias)
        return jnp.einsum("wp,wbs->pbs", self.out[d], hidden) + out_bias


def _bounded(u: Array) -> Array:
    """Keep the rare far outlier from leaving the region where the networks were trained."""
    return jnp.clip(u, -8, 8)


class Head(eqx.Module):
    """A normalised conditional density of u, a vector of the whitened parameters."""

    conditioner: eqx.AbstractVar[Conditioner]

    def log_prob(
        self, u: Float[Array, "row draw dim"], context: Float[Array, "row context"]
    ) -> Float[Array, "row draw"]:
        """Return the log density of each draw, given its row's context."""
        prepared, is_single = self.prepare(context), u.shape[1] == 1
        if is_single:
            prepared, u = prepared.as_draws(), jnp.swapaxes(u, 0, 1)
        columns = [u[..., d] for d in range(self.conditioner.dim)]
        log_q = jnp.zeros(u.shape[:2], u.dtype)
        # One element after the other, whose parameters then fit a processor's cache.
        for d, column in enumerate(columns):
            log_q += self.log_prob_of_element(self.conditioner.element(prepared, columns[:d]), column)
        return log_q.T if is_single else log_q

    @abc.abstractmethod
    def log_prob_of_element(
        self, parameters: Float[Array, "parameter row #draw"], value: Float[Array, "row draw"]
    ) -> Float[Array, "row draw"]:
        """Return the log density of one element, given what the conditioner makes of those before it."""

    def prepare(self, context: Float[Array, "row context"]) -> Prepared:
        """Return what sampling needs of each context."""
        return self.conditioner.prepare(context)

    @abc.abstractmethod
    def sample(
        self, prepared: Prepared, n_draws: int, *, keys: PRNGKeyArray
    ) -> tuple[Float[Array, "dataset draw dim"], Float[Array, "dataset draw"]]:
        """Return draws and their log density; each data set has its own key."""
