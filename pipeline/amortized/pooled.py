"""Features of data sets of which nothing is known but that they are mixtures or hidden Markov models.

Where a scenario has no log joint in JAX, networks see these: where observations lie, on the scale of the
prior and on the data set's own; a maximum-likelihood fit of as many Gaussians as there are components; for
series, also what follows what. They do not suppose that components are Gaussian: the networks learn what such
a fit says of the scenario's parameters.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from pipeline.amortized import em
from pipeline.amortized.host import HostSimulator
from pipeline.amortized.observations import Observations
from pipeline.amortized.summaries import Features

N_QUANTILES = 33
N_OWN = 56  # points of a grid in units of the data set's standard deviation
REACH = 3.5
N_JOINT = 10  # points of a grid for pairs of times


class PooledFeatures(Features):
    """Masses on grids, a fit by expectation maximisation, moments and sizes.

    Attributes:
        quantiles: of each column over simulated data sets; the grid on the scale of the prior.
    """

    simulator: HostSimulator = eqx.field(static=True)
    quantiles: Float[Array, "column quantile"]

    def __init__(self, simulator: HostSimulator, examples: Observations):
        """Take the grids from simulated data sets."""
        self.simulator = simulator
        y = jnp.where(examples.mask()[..., None] > 0, examples.y_mean, jnp.nan)
        self.quantiles = jnp.nanquantile(y, jnp.linspace(0, 1, N_QUANTILES), axis=(0, 1)).T

    def __call__(self, observed: Observations) -> Float[Array, "dataset feature"]:
        """Return the features."""
        y, mask = observed.y_mean, observed.mask()
        n = mask.sum(-1, keepdims=True)
        mean = (mask[..., None] * y).sum(1) / n
        sd = jnp.sqrt((mask[..., None] * (y - mean[:, None]) ** 2).sum(1) / n) + 1e-6
        own = (y - mean[:, None]) / sd[:, None]
        k = self.simulator.scenario.n_components
        parts = [mean / jnp.maximum(self._scale(), 1e-6), jnp.log(sd), jnp.log(n)]
        parts += [_root(self._by_prior(y[..., d], mask, d)) for d in range(y.shape[-1])]
        parts += [_root(_on_own_grid(x, mask)) for x in _projections(own)]
        if y.shape[-1] == 1:
            # A grid of masses stands for the observations, whose number may be large.
            points = jnp.broadcast_to(_own_grid()[None, :, None], (len(y), N_OWN, 1))
            fitted = em.fit(points, _on_own_grid(own[..., 0], mask), k)
        else:
            fitted = em.fit(own, mask, k)
        if self.simulator.scenario.family == "hmm":
            fitted, transition = em.fit_in_time(own, mask, fitted)
            parts += [jnp.log(transition).reshape(len(y), -1), transition.reshape(len(y), -1)]
            parts += _in_time(own, mask, fitted)
        parts += _describe(fitted, mean, sd)
        return jax.lax.stop_gradient(jnp.concatenate(parts, axis=-1))

    def _scale(self) -> Float[Array, " column"]:
        return self.quantiles[:, -4] - self.quantiles[:, 3]

    def _by_prior(
        self, y: Float[Array, "dataset obs"], mask: Float[Array, "dataset obs"], column: int
    ) -> Float[Array, "dataset point"]:
        """Return masses between the prior's quantiles."""
        place = jnp.interp(y, self.quantiles[column], jnp.arange(N_QUANTILES, dtype=y.dtype))
        return _masses(place, mask, N_QUANTILES)


def _masses(place: Array, mask: Array, n: int) -> Float[Array, "dataset point"]:
    """Return how many observations lie at each of the points 0 .. n - 1, shared between neighbours."""
    place = jnp.where(mask > 0, jnp.clip(place, 0, n - 1), -10)
    return jax.nn.relu(1 - jnp.abs(place[:, None] - jnp.arange(n)[:, None])).sum(-1)


def _own_grid() -> Float[Array, " point"]:
    return jnp.linspace(-REACH, REACH, N_OWN)


def _on_own_grid(x: Array, mask: Array) -> Float[Array, "dataset point"]:
    return _masses((x + REACH) * (N_OWN - 1) / (2 * REACH), mask, N_OWN)


def _projections(own: Float[Array, "dataset obs column"]) -> list[Float[Array, "dataset obs"]]:
    """Return columns, and sums and differences of each two."""
    columns = [own[..., d] for d in range(own.shape[-1])]
    pairs = itertools.combinations(columns, 2)
    return columns + [x for a, b in pairs for x in ((a + b) / 2**0.5, (a - b) / 2**0.5)]


def _root(masses: Array) -> Array:
    """Square roots, whose noise is the same everywhere."""
    return jnp.sqrt(masses + 0.25)


def _describe(fitted: em.Fitted, mean: Array, sd: Array) -> list[Array]:
    """Return a fit in the data's units, near the unconstrained parameters of most programs."""
    mu = fitted.mu * sd[:, None] + mean[:, None]
    log_sd = 0.5 * jnp.log(fitted.variance) + jnp.log(sd)[:, None]
    gaps = jnp.log(jnp.diff(mu[..., 0], axis=1) + 0.02 * sd[:, :1])
    logits = jnp.log(fitted.pi)
    logits = logits - logits.mean(-1, keepdims=True)
    return [mu.reshape(len(mu), -1), log_sd.reshape(len(mu), -1), gaps, logits, fitted.pi]


def _in_time(own: Float[Array, "dataset time column"], mask: Array, fitted: em.Fitted) -> list[Array]:
    """Return how often components and values follow each other at lags 1 and 2."""
    r = jax.nn.softmax(em.log_terms(own, fitted), axis=1) * mask[:, None]
    k = r.shape[1]
    parts = []
    for lag in (1, 2):
        pairs = jnp.einsum("bit,bjt->bij", r[..., :-lag], r[..., lag:]) + 0.5
        log_rows = jnp.log(pairs / pairs.sum(-1, keepdims=True))
        parts += [log_rows.reshape(-1, k * k), jnp.exp(log_rows).reshape(-1, k * k)]
    for d in range(own.shape[-1]):
        place = jnp.clip((own[..., d] + REACH) / (2 * REACH), 0, 1) * (N_JOINT - 1)
        at = jax.nn.relu(1 - jnp.abs(place[..., None] - jnp.arange(N_JOINT))) * mask[..., None]
        parts += [
            _root(jnp.einsum("bti,btj->bij", at[:, :-lag], at[:, lag:])).reshape(len(own), -1)
            for lag in (1, 2)
        ]
    return parts
