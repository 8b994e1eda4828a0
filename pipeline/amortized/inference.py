"""A trained network at work: draws, their density and memberships for batches of data sets."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from pipeline.amortized.parts import in_parts
from pipeline.amortized.simulators import Simulator
from pipeline.amortized.summaries import Summarised
from pipeline.machine import usable_cores
from pipeline.scenarios.base import DataSet

BATCH_SIZES = (1, 16)  # data sets in one call; each size compiles once

N_MEMBERSHIP_DRAWS = 100  # of theta behind a mean membership: it varies little between draws
N_BATCHES = 20  # of those draws, for the mean's Monte Carlo error


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
        self._draw = compiled(network, one_by_one(_draw, 1), n_static=1)
        self._infer = compiled(network, one_by_one(_infer, 1), n_static=1)
        self._propose = compiled(network, one_by_one(_propose, 1), n_static=1)
        self._density = compiled(network, one_by_one(_density))
        self._features = compiled(network, lambda network, observed: network.summary.features(observed))
        self._memberships = compiled(network, one_by_one(_memberships))

    def encode(self, data_sets: Sequence[DataSet]) -> Observations:
        """Turn data sets into arrays; ValueError where they are not finite or of a size not trained for."""
        if isinstance(self.simulator, HostSimulator):
            return self.simulator.encode(data_sets)
        return encode(data_sets, self.simulator.n_obs, self.simulator.n_rep)

    def draw(self, observed: Observations, n_draws: int, seeds: Sequence[int]) -> Draws:
        """Return draws for each data set, one seed a data set."""

        def of_batch(batch: Observations, seeds: np.ndarray) -> tuple[Array, Array]:
            return self._draw(self._summarise(batch), seeds, n_draws)

        return Draws(*_in_batches(of_batch, observed, np.asarray(seeds)))

    def context(self, observed: Observations) -> Float[np.ndarray, "dataset context"]:
        """Return what the summary network hands to the posterior's head, as one vector a data set."""
        return _in_batches(
            lambda batch, _: self._summarise(batch).context, observed, np.asarray(observed.n_obs)
        )

    def features(self, observed: Observations) -> Float[np.ndarray, "dataset feature"]:
        """Return the features that the summary network sees."""
        return _in_batches(lambda batch, _: self._features(batch), observed, np.asarray(observed.n_obs))

    def infer(
        self, observed: Observations, n_draws: int, seeds: Sequence[int]
    ) -> tuple[
        Float[np.ndarray, "dataset draw dim"], dict[str, Float[np.ndarray, "dataset batch obs component"]]
    ]:
        """Return draws and, from evenly spaced ones in N_BATCHES batches, mean membership probabilities.

        Without the draws' density, which costs as much as the draws.
        """

        def of_batch(batch: Observations, seeds: np.ndarray) -> tuple[Array, dict[str, Array]]:
            return self._infer(batch, self._summarise(batch), seeds, n_draws)

        return _in_batches(of_batch, observed, np.asarray(seeds))

    def propose(
        self, observed: Observations, n_draws: int, seeds: Sequence[int]
    ) -> tuple[Draws, Float[np.ndarray, "dataset draw"]]:
        """Return draws and the log target at each, for importance weights."""

        def of_batch(batch: Observations, seeds: np.ndarray) -> tuple[Array, Array, Array]:
            return self._propose(batch, self._summarise(batch), seeds, n_draws)

        theta, log_q, log_p = _in_batches(of_batch, observed, np.asarray(seeds))
        return Draws(theta, log_q), log_p

    def log_density(
        self, observed: Observations, theta: Float[np.ndarray, "dataset draw dim"]
    ) -> Float[np.ndarray, "dataset draw"]:
        """Return the normalised log density of the amortized posterior at given points."""

        def of_batch(batch: Observations, theta: np.ndarray) -> Array:
            return self._density(self._summarise(batch), theta)

        return _in_batches(of_batch, observed, np.asarray(theta, np.float32))

    def memberships(
        self, observed: Observations, theta: Float[np.ndarray, "dataset draw dim"]
    ) -> dict[str, Float[np.ndarray, "dataset obs component"]]:
        """Return the membership networks' probabilities, averaged over the draws given.

        They vary little between draws: a hundred are plenty for a mean.
        """
        return _in_batches(self._memberships, observed, np.asarray(theta, np.float32))


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


def one_by_one(function: Callable, n_static: int = 0) -> Callable:
    """Return `function`, made to work on a batch's data sets one after the other: each fits the cache.

    Args:
        function: of a network, of arrays whose leading axis is the data set, or the data set and, varying
            faster, something else, and of plain values.
        n_static: the number of plain values.
    """

    def of_batch(network: Network, *arguments: Any) -> Any:
        first_static = len(arguments) - n_static
        arrays, static = arguments[:first_static], arguments[first_static:]
        n_datasets = len(jax.tree.leaves(arrays)[0])
        if n_datasets == 1:
            return function(network, *arguments)

        def of_one(arrays: tuple) -> Any:
            return jax.tree.map(lambda leaf: leaf[0], function(network, *arrays, *static))

        each = jax.tree.map(lambda leaf: leaf.reshape(n_datasets, -1, *leaf.shape[1:]), arrays)
        return jax.lax.map(of_one, each)

    return of_batch


def _in_batches(function: Callable, observed: Observations, items: np.ndarray) -> Any:
    """Return what `function` makes of data sets and an item for each, in batches of a few fixed sizes.

    Several batches go to all cores, one each; the last one is filled up by repetition.
    """
    n = len(observed.n_obs)
    starts = range(0, n, BATCH_SIZES[-1])

    def of_batch(start: int) -> Any:
        used = min(n - start, BATCH_SIZES[-1])
        size = next(size for size in BATCH_SIZES if size >= used)
        index = np.minimum(start + np.arange(size), n - 1)
        # By NumPy: each gather of JAX's outside a compiled function costs more than a small network.
        batch = jax.tree.map(lambda leaf: np.asarray(leaf)[index], observed)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:used], function(batch, np.asarray(items)[index]))

    if len(starts) == 1:
        return of_batch(0)
    with ThreadPoolExecutor(usable_cores()) as pool:
        parts = list(pool.map(of_batch, starts))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


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
    network: Network, observed: Observations, theta: Float[Array, "1 draw dim"], n_batches: int
) -> dict[str, Array]:
    """Return means over consecutive batches of draws, for one data set."""
    networks, n_draws = network.memberships, theta.shape[1]
    assert networks is not None and len(theta) == 1
    n_batches = min(n_batches, n_draws)

    def at(theta: Float[Array, "some dim"]) -> dict[str, Array]:
        repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(theta), *leaf.shape[1:])), observed)
        return {kind: jnp.exp(log_p) for kind, log_p in networks(theta, repeated).items()}

    each = in_parts(at, theta[0], networks.draws_at_once)
    edges = np.linspace(0, n_draws, n_batches + 1).round().astype(int)
    share = np.zeros((n_batches, n_draws), np.float32)
    for i in range(n_batches):
        share[i, edges[i] : edges[i + 1]] = 1 / (edges[i + 1] - edges[i])
    return {kind: jnp.einsum("ds,snk->dnk", share, p)[None] for kind, p in each.items()}
