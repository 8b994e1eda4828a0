"""The whole amortized posterior: summary, head and memberships, and the loss they are trained by."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from pipeline.amortized import newton, strays
from pipeline.amortized.compiling import compiler_options
from pipeline.amortized.coordinates import Coordinates, confine, release
from pipeline.amortized.flows import SplineFlow
from pipeline.amortized.heads import Head, pick
from pipeline.amortized.host import HostSimulator
from pipeline.amortized.mdn import MixtureDensity
from pipeline.amortized.memberships import HmmClassifier, Memberships, MixtureClassifier
from pipeline.amortized.observations import Observations
from pipeline.amortized.parts import in_parts
from pipeline.amortized.pooled import PooledFeatures
from pipeline.amortized.simulators import Simulation, Simulator
from pipeline.amortized.summaries import Features, HmmFeatures, MixtureFeatures, Summarised, Summary

N_EXAMPLES = 4000  # simulations behind the fixed scales

ROWS_AT_ONCE = 1000  # draws times expansions in one evaluation of the density; more leave the cache
WORST = 30.0  # nats; beyond, as happens in the first steps, a data set's loss grows like a logarithm


@dataclass(frozen=True)
class Architecture:
    """What a network looks like.

    Attributes:
        head: a spline flow or a mixture density network.
        newton_steps: Newton steps on the log joint within the summary; None for a summary without it, as
            where there is no log joint in JAX.
        width: of the summary's hidden layers.
        n_context: length of the summary.
        head_width: hidden units for each parameter.
        n_bins: bins of each spline, or components of each mixture density.
        membership_width: of the membership networks.
    """

    head: Literal["flow", "mdn"] = "flow"
    newton_steps: int | None = 2
    width: int = 128
    n_context: int = 64
    head_width: int = 32
    n_bins: int = 8
    membership_width: int = 4


class Losses(NamedTuple):
    """Means over a batch: of the posterior's -log q in nats, and what is added to it.

    Attributes:
        posterior: -log q.
        guess: the guess's squared error.
        membership: cross-entropy of the memberships, in nats an observation.
        stray: the price of draws where the posterior has no mass.
    """

    posterior: Float[Array, ""]
    guess: Float[Array, ""]
    membership: Float[Array, ""]
    stray: Float[Array, ""]


class Network(eqx.Module):
    """A trained or untrained amortized posterior of one scenario.

    Attributes:
        memberships: networks for these; None where they follow from the draws, by the scenario's formulas.
    """

    simulator: Simulator | HostSimulator = eqx.field(static=True)
    summary: Summary
    head: Head
    memberships: Memberships | None

    def __init__(
        self,
        simulator: Simulator | HostSimulator,
        architecture: Architecture,
        examples: Simulation,
        *,
        key: PRNGKeyArray,
    ):
        keys = jr.split(key, 5)[2:]  # the first two are those of the examples
        self.simulator = simulator
        self.summary = Summary(
            _features(simulator, examples.observed),
            Coordinates(examples.theta, simulator.tail_rates, simulator.units),
            examples.observed,
            width=architecture.width,
            n_context=architecture.n_context,
            newton_steps=architecture.newton_steps,
            key=keys[0],
        )
        self.head = (SplineFlow if architecture.head == "flow" else MixtureDensity)(
            simulator.dim, architecture.n_context, architecture.head_width, architecture.n_bins, key=keys[1]
        )
        self.memberships = _classifier(simulator, architecture.membership_width, key=keys[2])

    @property
    def coordinates(self) -> Coordinates:
        """The scale on which the summary and the head work."""
        return self.summary.coordinates

    def losses(self, simulation: Simulation, n_members: int, n_drawn: int, *, key: PRNGKeyArray) -> Losses:
        """Return the losses of a batch.

        The memberships' are of its first `n_members` data sets, those of stray draws of its first `n_drawn`.
        """
        summarised = self.summary(simulation.observed)
        log_q = self.log_density(summarised, simulation.theta[:, None])[:, 0]
        t, _ = self.coordinates.forward(simulation.theta)
        few = jax.tree.map(lambda leaf: leaf[:n_members], simulation)
        return Losses(
            jnp.where(
                log_q > -WORST, -log_q, WORST * (1 + jnp.log(-jnp.minimum(log_q, -WORST) / WORST))
            ).mean(),
            summarised.guess_loss(t),
            self.memberships.loss(few.theta, few.observed, few.z) if self.memberships else jnp.zeros(()),
            self._price_of_strays(simulation, summarised, n_drawn, key=key),
        )

    def _price_of_strays(
        self, simulation: Simulation, summarised: Summarised, n_drawn: int, *, key: PRNGKeyArray
    ) -> Float[Array, ""]:
        """Draw once around each expansion of the first data sets; nothing where no log joint is in JAX."""
        if isinstance(self.simulator, HostSimulator):
            return jnp.zeros(())
        log_share = summarised.log_weights[:n_drawn]
        n_datasets, count = log_share.shape
        theta_true, observed = jax.tree.map(
            lambda leaf: leaf[:n_drawn], (simulation.theta, simulation.observed)
        )
        prepared = self.head.prepare(summarised.contexts[:n_drawn].reshape(n_datasets * count, -1))
        u, _ = self.head.sample(prepared.as_draws(), n_datasets * count, keys=key[None])
        around = jax.tree.map(lambda leaf: leaf[None, : n_datasets * count], summarised.expansions)
        t, _ = confine(newton.unwhiten(around, u)[0][0])
        theta, log_slope = self.coordinates.inverse(t)
        _, log_slope_true = self.coordinates.forward(theta_true)
        both = jnp.concatenate([theta.reshape(n_datasets, count, -1), theta_true[:, None]], axis=1)
        # Densities of the coordinates, in which a posterior is nearest to a Gaussian.
        log_slopes = jnp.concatenate([log_slope.reshape(n_datasets, count), -log_slope_true[:, None]], axis=1)
        log_p = self.simulator.log_joint_of_draws(both, observed) + log_slopes
        return strays.price(log_p[:, :-1], log_p[:, -1], log_share)

    def log_density(
        self, summarised: Summarised, theta: Float[Array, "dataset draw dim"]
    ) -> Float[Array, "dataset draw"]:
        """Return log q(theta | y) in Stan's unconstrained space: a mixture over the expansions."""
        n_datasets, count = summarised.log_weights.shape
        t, log_slope = self.coordinates.forward(theta)
        s, log_release = release(t)
        contexts = summarised.contexts.reshape(n_datasets * count, -1)

        def of_some(s: Float[Array, "some dataset dim"]) -> Float[Array, "some dataset"]:
            each_row = jnp.repeat(jnp.swapaxes(s, 0, 1), count, axis=0)
            u, log_scale = newton.whiten(summarised.expansions, each_row)
            each = self.head.log_prob(u, contexts) + log_scale[:, None]
            each = each.reshape(n_datasets, count, -1) + summarised.log_weights[..., None]
            return jax.nn.logsumexp(each, axis=1).T

        log_q = in_parts(of_some, jnp.swapaxes(s, 0, 1), ROWS_AT_ONCE // (n_datasets * count)).T
        return log_q + log_slope + log_release

    def sample(
        self, summarised: Summarised, n_draws: int, *, keys: PRNGKeyArray
    ) -> tuple[Float[Array, "dataset draw dim"], Float[Array, "dataset draw"]]:
        """Return draws of theta in Stan's unconstrained space and their log q; a key for each data set."""
        n_datasets, count = summarised.log_weights.shape
        split = jax.vmap(jr.split)(keys)
        prepared = self.head.prepare(summarised.contexts.reshape(n_datasets * count, -1))
        around = jax.tree.map(
            lambda leaf: leaf.reshape(n_datasets, count, *leaf.shape[1:]), summarised.expansions
        )
        if count > 1:  # one expansion for each draw
            chosen = jax.vmap(lambda key, logits: jr.categorical(key, logits, shape=(n_draws,)))(
                split[:, 0], summarised.log_weights
            )
            prepared = prepared.pick(chosen)
            around = jax.tree.map(lambda leaf: pick(leaf[:, :, None], chosen, axis=1), around)
        u, log_q = self.head.sample(prepared, n_draws, keys=split[:, 1])
        s, log_scale = newton.unwhiten(around, u)
        t, log_confine = confine(s)
        theta, log_slope = self.coordinates.inverse(t)
        if count > 1:
            return theta, self.log_density(summarised, theta)
        return theta, log_q - log_scale - log_confine - log_slope

    def summarise(self, observed: Observations) -> Summarised:
        """Summarise a batch of data sets."""
        return self.summary(observed)


def initial_network(
    simulator: Simulator | HostSimulator,
    architecture: Architecture,
    seed: int,
    examples: Simulation | None = None,
) -> Network:
    """Return an untrained network; the same arguments give the same one.

    Fixed scales are taken from examples, which a scenario in JAX draws by itself.
    """
    options = compiler_options("once")
    build = eqx.filter_jit(build_network, compiler_options=options)  # pyright: ignore[reportCallIssue]
    return build(simulator, architecture, jr.key(seed), examples)


def build_network(
    simulator: Simulator | HostSimulator,
    architecture: Architecture,
    key: PRNGKeyArray,
    examples: Simulation | None,
) -> Network:
    """Return an untrained network, piece by piece: slow to run, quick to take the shape of."""
    if examples is None:
        assert isinstance(simulator, Simulator)
        keys = jr.split(key, 5)
        theta = simulator.prior(N_EXAMPLES, key=keys[0])
        examples = simulator.simulate(theta, key=keys[1])
    return Network(simulator, architecture, examples, key=key)


def _features(simulator: Simulator | HostSimulator, examples: Observations) -> Features:
    if isinstance(simulator, HostSimulator):
        return PooledFeatures(simulator, examples)
    return (MixtureFeatures if simulator.scenario.family == "mixture" else HmmFeatures)(simulator)


def _classifier(simulator: Simulator | HostSimulator, width: int, *, key: PRNGKeyArray) -> Memberships | None:
    if isinstance(simulator, HostSimulator):
        return None
    is_mixture = simulator.scenario.family == "mixture"
    return (MixtureClassifier if is_mixture else HmmClassifier)(simulator, width=width, key=key)


def count_parameters(network: Network) -> int:
    """Return the number of trained numbers."""
    return sum(jnp.size(leaf) for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array)))
