"""A trained network at work: draws, their density and memberships for batches of data sets."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from pipeline.amortized.compiling import compiler_options
from pipeline.amortized.host import HostSimulator
from pipeline.amortized.network import Network
from pipeline.amortized.observations import Observations, encode
from pipeline.amortized.simulators import Simulator
from pipeline.amortized.summaries import Summarised
from pipeline.scenarios.base import DataSet

BATCH_SIZES = (1, 16)  # data sets in one call; each size compiles once, and the draws of more leave the cache


N_MEMBERSHIP_DRAWS = 100  # of theta behind a mean membership: it varies little between draws
N_BATCHES = 20  # of those draws, for the mean's Monte Carlo error
ROWS_AT_ONCE = 640  # data sets times draws in one membership pass; more would not fit a processor's cache


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
        # Apart from the rest, because it takes longest to compile and everything needs it.
        self._summarise = compiled(network, lambda network, observed: network.summarise(observed))
        self._draw = compiled(network, _draw, n_static=1)
        self._infer = compiled(network, _infer, n_static=1)
        self._propose = compiled(network, _propose, n_static=1)
        self._density = compiled(network, _density)
        self._memberships = compiled(network, _memberships)

    def encode(self, data_sets: Sequence[DataSet]) -> Observations:
        """Turn data sets into arrays; ValueError where they are not finite or of a size not trained for."""
        if isinstance(self.simulator, HostSimulator):
            return self.simulator.encode(data_sets)
        return encode(data_sets, self.simulator.n_obs, self.simulator.n_rep)

    def draw(self, observed: Observations, n_draws: int, seeds: Sequence[int]) -> Draws:
        """Return draws for each data set, one seed a data set."""
        parts = []
        for batch, used, padded in _batches(observed, seeds):
            summarised = self._summarise(batch)
            theta, log_q = self._draw(summarised, jnp.asarray(padded), n_draws)
            parts.append((np.asarray(theta)[:used], np.asarray(log_q)[:used]))
        return Draws(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def context(self, observed: Observations) -> Float[np.ndarray, "dataset context"]:
        """Return what the summary network hands to the posterior's head, as one vector a data set."""
        parts = [
            np.asarray(self._summarise(batch).context)[:used]
            for batch, used, _ in _batches(observed, range(len(observed.n_obs)))
        ]
        return np.concatenate(parts)

    def infer(
        self, observed: Observations, n_draws: int, seeds: Sequence[int]
    ) -> tuple[
        Float[np.ndarray, "dataset draw dim"], dict[str, Float[np.ndarray, "dataset batch obs component"]]
    ]:
        """Return draws and, from evenly spaced ones in N_BATCHES batches, mean membership probabilities.

        Without the draws' density, which costs as much as the draws.
        """
        draws, means = [], []
        for batch, used, padded in _batches(observed, seeds):
            summarised = self._summarise(batch)
            theta, found = self._infer(batch, summarised, jnp.asarray(padded), n_draws)
            draws.append(np.asarray(theta)[:used])
            means.append({kind: np.asarray(p)[:used] for kind, p in found.items()})
        memberships = {kind: np.concatenate([part[kind] for part in means]) for kind in means[0]}
        return np.concatenate(draws), memberships

    def propose(
        self, observed: Observations, n_draws: int, seeds: Sequence[int]
    ) -> tuple[Draws, Float[np.ndarray, "dataset draw"]]:
        """Return draws and the log target at each, for importance weights."""
        drawn, targets = [], []
        for batch, used, padded in _batches(observed, seeds):
            summarised = self._summarise(batch)
            *parts, log_p = self._propose(batch, summarised, jnp.asarray(padded), n_draws)
            drawn.append([np.asarray(part)[:used] for part in parts])
            targets.append(np.asarray(log_p)[:used])
        draws = Draws(*(np.concatenate(part) for part in zip(*drawn, strict=True)))
        return draws, np.concatenate(targets)

    def log_density(
        self, observed: Observations, theta: Float[np.ndarray, "dataset draw dim"]
    ) -> Float[np.ndarray, "dataset draw"]:
        """Return the normalised log density of the amortized posterior at given points."""
        parts = []
        for batch, used, index in _batches(observed, range(len(theta))):
            summarised = self._summarise(batch)
            values = self._density(summarised, jnp.asarray(theta[index], jnp.float32))
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
            found = self._memberships(batch, jnp.asarray(theta[index], jnp.float32))
            parts.append({kind: np.asarray(p)[:used] for kind, p in found.items()})
        return {kind: np.concatenate([part[kind] for part in parts]) for kind in parts[0]}


def compiled(network: Network, function: Callable, n_static: int = 0) -> Callable:
    """Return `function` compiled, with the network as its first argument filled in.

    Equinox's own ``filter_jit`` takes the network apart at each call, which costs more than a small network.

    Args:
        network: it.
        function: of a network and other arguments, the first of which have a leading axis for the data set.
        n_static: so many of its last arguments are plain values to compile for, and not arrays.
    """
    arrays, rest = eqx.partition(network, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)

    def of_leaves(leaves: list[Array], arguments: tuple, static: tuple) -> Any:
        return function(eqx.combine(jax.tree.unflatten(structure, leaves), rest), *arguments, *static)

    one = jax.jit(of_leaves, static_argnums=2)
    many = jax.jit(of_leaves, static_argnums=2, compiler_options=compiler_options("much"))

    def call(*arguments: Any) -> Any:
        first_static = len(arguments) - n_static
        # A single data set gains nothing by these options, or loses.
        jitted = one if len(jax.tree.leaves(arguments[0])[0]) == 1 else many
        return jitted(leaves, arguments[:first_static], arguments[first_static:])

    return call


def _batches(observed: Observations, items: Sequence[int]):
    """Yield batches of a few fixed sizes, how many of each are real, and the real and repeated items."""
    numbers, n, start = np.asarray(items), len(observed.n_obs), 0
    while start < n:
        used = min(n - start, BATCH_SIZES[-1])
        size = next(size for size in BATCH_SIZES if size >= used)
        index = np.minimum(start + np.arange(size), n - 1)
        # By NumPy: each gather of JAX's outside a compiled function costs more than a small network.
        yield jax.tree.map(lambda leaf, index=index: np.asarray(leaf)[index], observed), used, numbers[index]
        start += used


def _draw(network: Network, summarised: Summarised, seeds: Array, n_draws: int) -> tuple[Array, Array]:
    return network.sample(summarised, n_draws, keys=jax.vmap(jr.key)(seeds))


def _propose(
    network: Network, observed: Observations, summarised: Summarised, seeds: Array, n_draws: int
) -> tuple[Array, Array, Array]:
    assert isinstance(network.simulator, Simulator)
    theta, log_q = _draw(network, summarised, seeds, n_draws)
    return theta, log_q, network.simulator.log_joint_of_draws(theta, observed)


def _density(network: Network, summarised: Summarised, theta: Array) -> Array:
    return network.log_density(summarised, theta)


def _infer(
    network: Network, observed: Observations, summarised: Summarised, seeds: Array, n_draws: int
) -> tuple[Array, dict[str, Array]]:
    theta, _ = _draw(network, summarised, seeds, n_draws)
    step = max(1, n_draws // N_MEMBERSHIP_DRAWS)
    return theta, _membership_batches(network, observed, theta[:, ::step], N_BATCHES)


def _memberships(network: Network, observed: Observations, theta: Array) -> dict[str, Array]:
    return {kind: p[:, 0] for kind, p in _membership_batches(network, observed, theta, 1).items()}


def _membership_batches(
    network: Network, observed: Observations, theta: Float[Array, "dataset draw dim"], n_batches: int
) -> dict[str, Array]:
    """Return means over consecutive batches of draws: as many draws at once as the cache holds."""
    n_datasets, n_draws = theta.shape[:2]
    n_batches = min(n_batches, n_draws)

    networks = network.memberships
    assert networks is not None

    def at(theta: Float[Array, "dataset dim"]) -> dict[str, Array]:
        return {kind: jnp.exp(log_p) for kind, log_p in networks(theta, observed).items()}

    chunk = max(1, ROWS_AT_ONCE // n_datasets)
    each = jax.lax.map(at, jnp.swapaxes(theta, 0, 1), batch_size=min(chunk, n_draws))
    edges = np.linspace(0, n_draws, n_batches + 1).round().astype(int)
    share = np.zeros((n_batches, n_draws), np.float32)
    for i in range(n_batches):
        share[i, edges[i] : edges[i + 1]] = 1 / (edges[i + 1] - edges[i])
    return {kind: jnp.einsum("ds,sbnk->bdnk", share, p) for kind, p in each.items()}
