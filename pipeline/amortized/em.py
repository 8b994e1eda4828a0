"""Maximum-likelihood fits of Gaussian mixtures and HMMs to a batch of data sets: features, not inference.

Expectation maximisation (Dempster, Laird and Rubin 1977) with diagonal covariances, from two starts, of which
each data set keeps the better one; for series a few steps of Baum and Welch (Rabiner 1989, section III.C)
from there. Data are in units of their own standard deviations.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

N_STEPS = 12
N_STEPS_IN_TIME = 3
MIN_SD = 0.03
MIN_COUNT = 0.5  # observations; an empty component keeps a share and a place
MIN_TRANSITIONS = 0.2


class Fitted(NamedTuple):
    """Components in the order of their means' first column."""

    pi: Float[Array, "dataset component"]
    mu: Float[Array, "dataset component column"]
    variance: Float[Array, "dataset component column"]


def fit(
    points: Float[Array, "dataset point column"], weight: Float[Array, "dataset point"], k: int
) -> Fitted:
    """Fit k components to weighted points; points without weight do not count."""
    starts = jnp.stack([_along_the_widest(points, weight, k), _far_apart(points, weight, k)])
    fitted, log_likelihood = jax.vmap(lambda mu: _maximise(points, weight, mu))(starts)
    best = jnp.argmax(log_likelihood, axis=0)
    every = jnp.arange(len(points))
    fitted = jax.tree.map(lambda leaf: leaf[best, every], fitted)
    return _in_order(fitted)


def _in_order(fitted: Fitted) -> Fitted:
    """Sort components by the first column of their means."""
    order = jnp.argsort(fitted.mu[..., 0], axis=1)
    return jax.tree.map(
        lambda leaf: jnp.take_along_axis(leaf, order if leaf.ndim == 2 else order[..., None], axis=1), fitted
    )


def log_terms(
    points: Float[Array, "dataset point column"], fitted: Fitted
) -> Float[Array, "dataset component point"]:
    """Return the log of each component's share and density at each point, up to a common constant."""
    total = jnp.log(fitted.pi)[..., None]
    for d in range(points.shape[-1]):
        residual = points[:, None, :, d] - fitted.mu[..., d, None]
        variance = fitted.variance[..., d, None]
        total = total - 0.5 * (residual**2 / variance + jnp.log(variance))
    return total


def _maximise(points: Array, weight: Array, mu: Array) -> tuple[Fitted, Float[Array, " dataset"]]:
    k = mu.shape[1]
    start = Fitted(jnp.full(mu.shape[:2], 1 / k), mu, jnp.full_like(mu, (1 / k) ** 2))

    def step(_index: int, fitted: Fitted) -> Fitted:
        r = jax.nn.softmax(log_terms(points, fitted), axis=1) * weight[:, None]
        return _moments(points, r, fitted.mu)

    fitted = jax.lax.fori_loop(0, N_STEPS, step, start)
    log_likelihood = jax.nn.logsumexp(log_terms(points, fitted), axis=1)
    return fitted, (weight * log_likelihood).sum(-1)


def _moments(points: Array, r: Float[Array, "dataset component point"], mu_before: Array) -> Fitted:
    """Return the components that observations with these memberships have."""
    count = r.sum(-1) + MIN_COUNT
    mu = (jnp.einsum("bkp,bpd->bkd", r, points) + MIN_COUNT * mu_before) / count[..., None]
    # In one pass; the columns have unit variance, so nothing is lost.
    square = jnp.einsum("bkp,bpd->bkd", r, points**2) + MIN_COUNT * mu_before**2
    variance = jnp.maximum(square / count[..., None] - mu**2, MIN_SD**2)
    return Fitted(count / count.sum(-1, keepdims=True), mu, variance)


def fit_in_time(
    points: Float[Array, "dataset time column"], weight: Float[Array, "dataset time"], start: Fitted
) -> tuple[Fitted, Float[Array, "dataset from_state to_state"]]:
    """Go on from a mixture with what follows what; return states and transition probabilities."""
    r = jax.nn.softmax(log_terms(points, start), axis=1) * weight[:, None]
    pairs = jnp.einsum("bit,bjt->bij", r[..., :-1], r[..., 1:])

    def step(_index: int, state: tuple[Fitted, Array]) -> tuple[Fitted, Array]:
        fitted, pairs = state
        r, pairs = _expect(points, weight, fitted, _rows(pairs))
        return _moments(points, r, fitted.mu), pairs

    fitted, pairs = jax.lax.fori_loop(0, N_STEPS_IN_TIME, step, (start, pairs))
    # Steps may have changed the order of the means.
    order = jnp.argsort(fitted.mu[..., 0], axis=1)
    pairs = jnp.take_along_axis(jnp.take_along_axis(pairs, order[..., None], 1), order[:, None], 2)
    return _in_order(fitted), _rows(pairs)


def _rows(pairs: Array) -> Array:
    pairs = pairs + MIN_TRANSITIONS
    return pairs / pairs.sum(-1, keepdims=True)


def _expect(points: Array, weight: Array, fitted: Fitted, transition: Array) -> tuple[Array, Array]:
    """Return the states' probabilities at each time and the expected number of each transition."""
    log_p = log_terms(points, fitted) - jnp.log(fitted.pi)[..., None]
    likelihood = jnp.exp(log_p - log_p.max(1, keepdims=True)) + 1e-12
    # Nothing is known beyond the end of a series.
    likelihood = jnp.where(weight[:, None] > 0, likelihood, 1.0)
    # Data sets last: sums over a few states are then plain vector code, which a batched product is not.
    likelihood = jnp.transpose(likelihood, (2, 1, 0))  # (time, state, dataset)
    to_next = jnp.transpose(transition, (1, 2, 0))  # (from_state, to_state, dataset)

    def forward(alpha: Array, likelihood: Array) -> tuple[Array, Array]:
        alpha = (alpha[:, None] * to_next).sum(0) * likelihood
        alpha = alpha / alpha.sum(0)
        return alpha, alpha

    def backward(ahead: Array, likelihood: Array) -> tuple[Array, tuple[Array, Array]]:
        seen = likelihood * ahead
        seen = seen / seen.sum(0)
        return (to_next * seen).sum(1), (ahead, seen)

    _, alpha = jax.lax.scan(forward, fitted.pi.T, likelihood)
    _, (ahead, seen) = jax.lax.scan(backward, jnp.ones_like(fitted.pi.T), likelihood, reverse=True)
    r = alpha * ahead
    r = jnp.transpose(r / r.sum(1, keepdims=True), (2, 1, 0)) * weight[:, None]
    # Each time's transitions add up to one.
    scale = 1 / (alpha[:-1] * ahead[:-1]).sum(1) * weight.T[1:]
    pairs = jnp.stack(
        [
            jnp.stack(
                [(alpha[:-1, i] * to_next[i, j] * seen[1:, j] * scale).sum(0) for j in range(r.shape[1])]
            )
            for i in range(r.shape[1])
        ]
    )
    return r, jnp.transpose(pairs, (2, 0, 1))


def _along_the_widest(points: Array, weight: Array, k: int) -> Float[Array, "dataset component column"]:
    """Return means spread evenly along the first principal axis."""
    share = weight / weight.sum(-1, keepdims=True)
    covariance = jnp.einsum("bp,bpd,bpe->bde", share, points, points)
    axis = jnp.ones_like(points[:, 0]) + 0.1 * jnp.arange(points.shape[-1])
    for _ in range(5):
        axis = jnp.einsum("bde,be->bd", covariance, axis)
        axis = axis / jnp.linalg.norm(axis, axis=-1, keepdims=True)
    spread = jnp.sqrt(jnp.einsum("bde,bd,be->b", covariance, axis, axis))
    places = jnp.linspace(-1.3, 1.3, k) if k > 1 else jnp.zeros(1)
    return places[:, None] * (spread[:, None] * axis)[:, None]


def _far_apart(points: Array, weight: Array, k: int) -> Float[Array, "dataset component column"]:
    """Return points, each the farthest from those before it, drawn a little towards the middle."""
    is_there = weight > 0
    distance = (points**2).sum(-1)
    chosen = []
    for j in range(k):
        index = jnp.argmax(jnp.where(is_there, distance, -1), axis=1)
        chosen.append(jnp.take_along_axis(points, index[:, None, None], axis=1)[:, 0])
        to_new = ((points - chosen[-1][:, None]) ** 2).sum(-1)
        distance = to_new if j == 0 else jnp.minimum(distance, to_new)
    return 0.9 * jnp.stack(chosen, axis=1)
