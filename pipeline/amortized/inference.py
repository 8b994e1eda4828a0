"""A trained network at work: draws, their density and memberships for batches of data sets."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from pipeline.amortized.network import Network
from pipeline.amortized.observations import Observations, encode
from pipeline.amortized.summaries import Summarised
from pipeline.scenarios.base import DataSet

BATCH_SIZES = (1, 16, 128)  # data sets in one call; each size compiles once


class Draws(NamedTuple):
    """Draws from the amortized posteriors of a batch of data sets.

    Attributes:
        theta: in Stan's unconstrained space.
        log_q: their normalised log density.
    """

    theta: Float[np.ndarray, "dataset draw dim"]
    log_q: Float[np.ndarray, "dataset draw"]


class Amortized:
    """A network with its jitted functions, for data sets of its scenario.

    What it says of a data set depends on that data set and its seed alone, up to rounding.
    """

    def __init__(self, network: Network):
        self.network = network
        self.simulator = network.simulator
        self._draw = eqx.filter_jit(_draw)
        self._density = eqx.filter_jit(_density)
        self._memberships = eqx.filter_jit(_memberships)

    def encode(self, data_sets: Sequence[DataSet]) -> Observations:
        """Turn data sets into arrays; ValueError where they are not finite or of a size not trained for."""
        return encode(data_sets, self.simulator.n_obs, self.simulator.n_rep)

    def draw(self, observed: Observations, n_draws: int, seeds: Sequence[int]) -> Draws:
        """Return draws for each data set, one seed a data set."""
        parts = []
        for batch, used, padded in _batches(observed, seeds):
            theta, log_q = self._draw(self.network, batch, jnp.asarray(padded), n_draws)
            parts.append((np.asarray(theta)[:used], np.asarray(log_q)[:used]))
        return Draws(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def log_density(
        self, observed: Observations, theta: Float[np.ndarray, "dataset draw dim"]
    ) -> Float[np.ndarray, "dataset draw"]:
        """Return the normalised log density of the amortized posterior at given points."""
        parts = []
        for batch, used, index in _batches(observed, range(len(theta))):
            values = self._density(self.network, batch, jnp.asarray(theta[index], jnp.float32))
            parts.append(np.asarray(values)[:used])
        return np.concatenate(parts)

    def memberships(
        self, observed: Observations, theta: Float[np.ndarray, "dataset draw dim"]
    ) -> dict[str, Float[np.ndarray, "dataset obs component"]]:
        """Return the membership networks' probabilities, averaged over the draws given.

        They vary little between draws: a hundred are plenty for a mean.
        """
        parts = []
        for batch, used, index in _batches(observed, range(len(theta))):
            found = self._memberships(self.network, batch, jnp.asarray(theta[index], jnp.float32))
            parts.append({kind: np.asarray(p)[:used] for kind, p in found.items()})
        return {kind: np.concatenate([part[kind] for part in parts]) for kind in parts[0]}


def _batches(observed: Observations, items: Sequence[int]):
    """Yield batches of a few fixed sizes, how many of each are real, and the real and repeated items."""
    items, n, start = np.asarray(items), len(observed.n_obs), 0
    while start < n:
        used = min(n - start, BATCH_SIZES[-1])
        size = next(size for size in BATCH_SIZES if size >= used)
        index = np.minimum(start + np.arange(size), n - 1)
        yield jax.tree.map(lambda leaf, index=index: leaf[index], observed), used, items[index]
        start += used


def _draw(network: Network, observed: Observations, seeds: Array, n_draws: int) -> tuple[Array, Array]:
    return network.sample(network.summarise(observed), n_draws, keys=jax.vmap(jr.key)(seeds))


def _density(network: Network, observed: Observations, theta: Array) -> Array:
    summarised: Summarised = network.summarise(observed)
    return network.log_density(summarised, theta)


def _memberships(network: Network, observed: Observations, theta: Array) -> dict[str, Array]:
    """Sum over draws one by one: all draws of a batch at once would not fit a laptop's memory."""

    def add(total: dict[str, Array], theta: Array) -> tuple[dict[str, Array], None]:
        log_p = network.memberships(theta, observed)
        return {kind: total[kind] + jnp.exp(log_p[kind]) for kind in total}, None

    shapes = jax.eval_shape(network.memberships, theta[:, 0], observed)
    zeros = {kind: jnp.zeros(shape.shape, shape.dtype) for kind, shape in shapes.items()}
    total, _ = jax.lax.scan(add, zeros, jnp.swapaxes(theta, 0, 1))
    return {kind: value / theta.shape[1] for kind, value in total.items()}
