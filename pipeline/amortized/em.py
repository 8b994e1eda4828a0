"""Maximum-likelihood fits of Gaussian mixtures to a batch of data sets: features, not inference.

Expectation maximisation (Dempster, Laird and Rubin 1977) with diagonal covariances, from two starts, of which
each data set keeps the better one. Data are in units of their own standard deviations.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

N_STEPS = 12
MIN_SD = 0.03
MIN_COUNT = 0.5  # observations; an empty component keeps a share and a place


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
    order = jnp.argsort(fitted.mu[..., 0], axis=1)
    return jax.tree.map(
        lambda leaf: jnp.take_along_axis(leaf, order if leaf.ndim == 2 else order[..., None], axis=1),
        fitted,
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
        count = r.sum(-1) + MIN_COUNT
        mu = (jnp.einsum("bkp,bpd->bkd", r, points) + MIN_COUNT * fitted.mu) / count[..., None]
        # In one pass; the columns have unit variance, so nothing is lost.
        square = jnp.einsum("bkp,bpd->bkd", r, points**2) + MIN_COUNT * fitted.mu**2
        variance = jnp.maximum(square / count[..., None] - mu**2, MIN_SD**2)
        return Fitted(count / count.sum(-1, keepdims=True), mu, variance)

    fitted = jax.lax.fori_loop(0, N_STEPS, step, start)
    log_likelihood = jax.nn.logsumexp(log_terms(points, fitted), axis=1)
    return fitted, (weight * log_likelihood).sum(-1)


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
