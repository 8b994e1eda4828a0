"""Summary networks: from a data set to the context of a posterior head.

The empirical distribution of the replicates' means, for an HMM jointly over a few lags, goes into a network
as masses on fixed grids. With Newton steps, the network's guess of the parameters is then improved on the
scenario's own log joint, and mode and curvature join the context: what is left for the head to learn is how
the posterior differs from a Gaussian. Without them the summary needs simulations only, and the network's own
Gaussian, one for each parameter, takes the place of that expansion.
"""

import abc
import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from pipeline.amortized.coordinates import Coordinates
from pipeline.amortized.host import HostSimulator
from pipeline.amortized.layers import Dense, Mlp, Standardise
from pipeline.amortized.newton import Expansion, LogJoint, climb, log_evidence_beyond
from pipeline.amortized.observations import Observations
from pipeline.amortized.simulators import Simulator

MAX_LOG_SPREAD = 5.0  # of a guess, from the prior's standard deviation
# Of an expansion: Laplace's approximation is not to rule a mode out, and a mode that has no mass is to get no
# draw, for one in a thousand, a hundred standard deviations away, is what a user sees of it.
MIN_LOG_SHARE = -14.0


class Features(eqx.Module):
    """Fixed functions of the data: pooled over observations, of known size."""

    simulator: eqx.AbstractVar[Simulator | HostSimulator]

    @abc.abstractmethod
    def __call__(self, observed: Observations) -> Float[Array, "dataset feature"]:
        """Return the features."""


class ClimbingFeatures(Features):
    """Features of a scenario in JAX, whose log joint can be climbed."""

    simulator: Simulator = eqx.field(static=True)

    @abc.abstractmethod
    def compressed(
        self, observed: Observations
    ) -> tuple[Float[Array, "#dataset point"], Float[Array, "dataset point"]]:
        """Return points and their weights, to stand for the observations in the log joint."""

    def sizes(self, observed: Observations) -> Float[Array, "dataset feature"]:
        """Return the number of replicates, one-hot, and that of observations, scaled."""
        least, most = self.simulator.n_rep
        n_rep = jax.nn.one_hot(observed.n_rep - least, most - least + 1)
        return jnp.concatenate([n_rep, 0.01 * observed.n_obs[:, None]], axis=-1)


class MixtureFeatures(ClimbingFeatures):
    """A histogram with triangular bins, and its cumulative sums: invariant under permutations.

    The grid's spacing is half the smallest standard deviation of an observation's mean: within it a mixture's
    log density bends too little for its interpolation to lose information.
    """

    def grid(self) -> tuple[Float[Array, " point"], float]:
        """Return the grid and its spacing; observations beyond its ends count as its ends."""
        scenario = self.simulator.scenario
        spacing = 0.5 * scenario.sd / math.sqrt(scenario.n_rep[1])
        reach = 3 * math.hypot(scenario.mu_sd, scenario.sd / math.sqrt(scenario.n_rep[0]))
        low, high = scenario.mu_mean[0] - reach, scenario.mu_mean[-1] + reach
        n = math.ceil((high - low) / spacing) + 1
        return low + spacing * jnp.arange(n), spacing

    def masses(self, observed: Observations) -> Float[Array, "dataset point"]:
        """Return how many observations lie at each point of the grid, each shared between its neighbours."""
        grid, spacing = self.grid()
        y = jnp.clip(observed.y_mean, grid[0], grid[-1])
        # Padding goes where no triangle reaches.
        y = jnp.where(observed.mask() > 0, y, grid[0] - 10 * spacing)
        return jax.nn.relu(1 - jnp.abs(y[:, None, :] - grid[:, None]) / spacing).sum(-1)

    def __call__(self, observed: Observations) -> Float[Array, "dataset feature"]:
        """Return square roots of masses, whose noise is the same everywhere, the cumulative share, sizes."""
        masses = self.masses(observed)
        n = masses.shape[1]
        cumulative = masses @ jnp.triu(jnp.ones((n, n))) / observed.n_obs[:, None]
        return jnp.concatenate([_root(masses), cumulative, self.sizes(observed)], axis=-1)

    def compressed(
        self, observed: Observations
    ) -> tuple[Float[Array, "1 point"], Float[Array, "dataset point"]]:
        """Return the grid and the masses."""
        return self.grid()[0][None], self.masses(observed)


class HmmFeatures(ClimbingFeatures):
    """Joint masses on a grid at lags 1 and 2, and those of means over windows of 1 and 3 times."""

    n_points: int = eqx.field(static=True, default=10)

    def hats(self, y: Float[Array, "dataset time"]) -> Float[Array, "dataset time point"]:
        """Return each value's shares of the points of the grid."""
        scenario = self.simulator.scenario
        reach = 2.5 * math.hypot(scenario.mu_sd, scenario.sd / math.sqrt(scenario.n_rep[0]))
        low, high = scenario.mu_mean[0] - reach, scenario.mu_mean[-1] + reach
        place = (jnp.clip(y, low, high) - low) * (self.n_points - 1) / (high - low)
        return jax.nn.relu(1 - jnp.abs(place[..., None] - jnp.arange(self.n_points)))

    def __call__(self, observed: Observations) -> Float[Array, "dataset feature"]:
        """Return square roots of masses, and sizes."""
        y = observed.y_mean
        at = self.hats(y)
        joint = [jnp.einsum("bti,btj->bij", at[:, :-lag], at[:, lag:]) for lag in (1, 2)]
        total = jnp.pad(jnp.cumsum(y, axis=1), ((0, 0), (1, 0)))
        windows = self.hats((total[:, 3:] - total[:, :-3]) / 3).sum(1)
        pooled = [at.sum(1), windows, *(j.reshape(len(y), -1) for j in joint)]
        return jnp.concatenate([_root(jnp.concatenate(pooled, axis=-1)), self.sizes(observed)], axis=-1)

    def compressed(
        self, observed: Observations
    ) -> tuple[Float[Array, "dataset point"], Float[Array, "dataset point"]]:
        """Return the observations themselves, whose order matters."""
        return observed.y_mean, jnp.ones_like(observed.y_mean)


def _root(masses: Array) -> Array:
    return jnp.sqrt(masses + 0.25)


class Summarised(NamedTuple):
    """What a summary network says of a batch of data sets.

    Attributes:
        contexts: for the posterior head, one for each expansion.
        log_weights: of the expansions' densities in their mixture.
        guess: of the parameters in the coordinates' scale; trained towards their posterior mean.
        log_spread: of the guess, trained towards the log of the posterior standard deviations; None where
            Newton steps give the scale.
        expansions: where the head's whitened parameters have their origin and scale; the leading axis is
            the data set and, varying faster, the expansion.
    """

    contexts: Float[Array, "dataset expansion context"]
    log_weights: Float[Array, "dataset expansion"]
    guess: Float[Array, "dataset dim"]
    log_spread: Float[Array, "dataset dim"] | None
    expansions: Expansion

    def guess_loss(self, t: Float[Array, "dataset dim"]) -> Float[Array, ""]:
        """Return the mean squared error of the guess, or with spreads its Gaussian log loss."""
        if self.log_spread is None:
            return ((t - self.guess) ** 2).sum(-1).mean()
        z = (t - self.guess) * jnp.exp(-self.log_spread)
        return (0.5 * z**2 + self.log_spread).sum(-1).mean()

    @property
    def context(self) -> Float[Array, "dataset feature"]:
        """All that the network says of each data set, as one vector."""
        return self.contexts.reshape(len(self.contexts), -1)


class Summary(eqx.Module):
    """Features, a network with a guess of the parameters, Newton steps, and a network over all of it.

    Newton steps from each of the scenario's starts give an expansion each; the posterior is a mixture with
    one density around each of them.
    """

    features: Features
    coordinates: Coordinates
    standardise: Standardise
    trunk: Mlp
    guess: Dense
    direct: Dense | None
    rest: Mlp
    weigh: Dense
    newton_steps: int | None = eqx.field(static=True)

    def __init__(
        self,
        features: Features,
        coordinates: Coordinates,
        examples: Observations,
        *,
        width: int,
        n_context: int,
        newton_steps: int | None,
        key: PRNGKeyArray,
    ):
        """Build the networks.

        Args:
            features, coordinates: of the scenario.
            examples: simulated data sets; the features' scales are taken from them.
            width: of the hidden layers.
            n_context: length of the context.
            newton_steps: number of Newton steps, None to leave the log joint out of it.
            key: of the initial weights.
        """
        keys = jr.split(key, 3)
        dim = features.simulator.dim
        self.features, self.coordinates, self.newton_steps = features, coordinates, newton_steps
        self.standardise = Standardise(features(examples))
        self.trunk = Mlp(self.standardise.mean.size, width, width, 1, key=keys[0])
        is_learned = newton_steps is None
        self.guess = Dense(width, dim * (2 if is_learned else 1), gain=0.1, key=keys[1])
        # Estimates among the features are all but the answer; no hidden layer need pass them on.
        self.direct = Dense(self.standardise.mean.size, dim, gain=0.0, key=keys[1]) if is_learned else None
        n_extra = 0 if newton_steps is None else 2 * (2 + 3 * dim + dim * (dim - 1) // 2)
        self.rest = Mlp(width + n_extra, n_context, width, 1, key=keys[2])
        self.weigh = Dense(n_context, 1, gain=0.0, key=keys[2])

    def __call__(self, observed: Observations) -> Summarised:
        """Summarise a batch."""
        features = self.standardise(self.features(observed))
        hidden = jax.nn.silu(self.trunk(features))
        guess = self.guess(hidden)
        if self.direct is not None:
            shift, log_spread = jnp.split(guess, 2, axis=-1)
            guess, log_spread = self.direct(features) + shift, MAX_LOG_SPREAD * jnp.tanh(log_spread)
            contexts = jax.nn.silu(self.rest(hidden))[:, None]
            around = _around(*jax.lax.stop_gradient((jnp.clip(guess, -5, 5), log_spread)))
            return Summarised(contexts, jnp.zeros((len(guess), 1)), guess, log_spread, around)
        start = jnp.clip(jax.lax.stop_gradient(guess), -3, 3)
        expansions, share = jax.lax.stop_gradient(self._climb(start, observed))
        own = jnp.concatenate([_describe(expansions), share.reshape(-1, 1)], axis=-1)
        own = own.reshape(*share.shape, -1)
        # Each density knows the others through their mean.
        every = jnp.broadcast_to(own.mean(axis=1, keepdims=True), own.shape)
        hidden = jnp.broadcast_to(hidden[:, None], (*share.shape, hidden.shape[-1]))
        contexts = jax.nn.silu(self.rest(jnp.concatenate([hidden, own, every], axis=-1)))
        log_weights = jax.nn.log_softmax(share + self.weigh(contexts)[..., 0])
        return Summarised(contexts, log_weights, guess, None, expansions)

    def _climb(
        self, guess: Float[Array, "dataset dim"], observed: Observations
    ) -> tuple[Expansion, Float[Array, "dataset expansion"]]:
        """Return the expansions and the logs of the shares of the evidence that Laplace gives them."""
        assert self.newton_steps is not None and isinstance(self.features, ClimbingFeatures)
        simulator = self.features.simulator
        points, weights = self.features.compressed(observed)
        theta = simulator.starts(self.coordinates.inverse(guess)[0], points, weights, observed.n_rep)
        count = theta.shape[1]

        def repeated(x: Array) -> Array:
            return x if len(x) == 1 else jnp.repeat(x, count, axis=0)

        points, weights, n_rep = repeated(points), repeated(weights), jnp.repeat(observed.n_rep, count)

        def log_joint_near(theta: Float[Array, "dataset dim"]) -> LogJoint:
            return simulator.log_joint_near(theta, points, weights, n_rep)

        start = self.coordinates.forward(theta.reshape(-1, simulator.dim))[0]
        expansions = climb(log_joint_near, self.coordinates.inverse_elements, start, self.newton_steps)
        theta, log_jacobian = self.coordinates.inverse(expansions.point)
        height = simulator.log_joint(theta, points, weights, n_rep) + log_jacobian
        log_evidence = (height + log_evidence_beyond(expansions)).reshape(-1, count)
        return expansions, jnp.maximum(jax.nn.log_softmax(log_evidence), MIN_LOG_SHARE)


def _around(guess: Float[Array, "dataset dim"], log_spread: Float[Array, "dataset dim"]) -> Expansion:
    """Return the expansion that centres and scales each parameter by itself."""
    zero = jnp.zeros_like(guess)
    factor = jnp.exp(-log_spread)[..., None] * jnp.eye(guess.shape[1])
    return Expansion(guess, zero, factor, zero[:, 0])


def _describe(expansion: Expansion) -> Float[Array, "dataset feature"]:
    """Return an expansion as features of scale one: place, last step, pivots, correlations."""
    dim = expansion.point.shape[1]
    pivots = jnp.diagonal(expansion.factor, axis1=1, axis2=2)
    above = [expansion.factor[:, i, j] / pivots[:, i] for j in range(dim) for i in range(j)]
    return jnp.concatenate(
        [
            expansion.point,
            jnp.clip(expansion.log_decrement, 0, 3)[:, None],
            jnp.clip(3 * expansion.step, -3, 3),
            jnp.log(pivots) - 1,
            jnp.clip(jnp.stack(above, axis=-1), -5, 5),
        ],
        axis=-1,
    )
