"""Membership probabilities against the truth and against the reference's memberships.

Every function takes ``probabilities`` of shape (..., obs, component), rows summing to one, and gives one
score for each leading index. ``target``, whose leading indices are broadcast against those, is the one-hot
truth (``one_hot``) where the truth is known, or else the reference's membership. With the latter a score is
its expected value under the reference, that is, with every unknown label drawn from the reference's
membership; for ece, the share of correct assignments is the expected one.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from pipeline.scores.batch_variance import batch_variance
from pipeline.scores.monte_carlo import Estimate

N_BINS = 10

Probabilities = Float[np.ndarray, "*replicate obs component"]
Target = Float[np.ndarray, "*replicate obs component"]
Scores = Float[np.ndarray, "*replicate"]

# The smallest normal double: log(0) becomes -708 instead of minus infinity. A probability that underflowed
# costs nothing where the target agrees, and 708 nats where the target is sure of what the method rules out.
_TINY = float(np.finfo(float).tiny)


def one_hot(truth: Int[np.ndarray, " obs"], n_components: int) -> Target:
    """Return the truth as a distribution over components.

    Raises:
        ValueError: a label is outside 0 .. n_components - 1.
    """
    if truth.min() < 0 or truth.max() >= n_components:
        raise ValueError(
            f"labels run from {truth.min()} to {truth.max()}; allowed are 0 to {n_components - 1}"
        )
    return np.eye(n_components)[truth]


def _top(probabilities: Probabilities, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest probability of each observation and the target's probability of that component."""
    best = probabilities.argmax(axis=-1)[..., None]
    shape = np.broadcast_shapes(probabilities.shape, target.shape)
    largest = np.broadcast_to(probabilities.max(axis=-1), shape[:-1])
    index = np.broadcast_to(best, (*shape[:-1], 1))
    return largest, np.take_along_axis(np.broadcast_to(target, shape), index, axis=-1)[..., 0]


def accuracy(probabilities: Probabilities, target: Target) -> Scores:
    """Return the share of observations whose most probable component is the true one; 1 is ideal."""
    return _top(probabilities, target)[1].mean(axis=-1)


def log_loss(probabilities: Probabilities, target: Target) -> Scores:
    """Return the mean of -log p(true component), in nats per observation (Good 1952, JRSS B 14(1))."""
    return -np.sum(target * np.log(np.maximum(probabilities, _TINY)), axis=-1).mean(axis=-1)


def brier(probabilities: Probabilities, target: Target) -> Scores:
    """Return the mean squared distance between p and the indicator of the true component, in 0 .. 2.

    Summed over all components, as Brier (1950, Monthly Weather Review 78(1)) defined it.
    """
    squared = np.sum(probabilities**2 - 2 * probabilities * target, axis=-1)
    return (squared + target.sum(axis=-1)).mean(axis=-1)


def ece(probabilities: Probabilities, target: Target, n_bins: int = N_BINS) -> Scores:
    """Return the expected calibration error of the most probable component; 0 is ideal.

    The largest probabilities fall in ``n_bins`` bins of equal width, (0, 1/n], (1/n, 2/n] ...; the score is
    the mean over observations of |share correct - mean probability| in the observation's bin (Guo et al.
    2017, ICML, eq. 3). It is biased upwards by about one binomial error per filled bin.
    """
    confidence, correct = _top(probabilities, target)
    n_obs = confidence.shape[-1]
    surplus = (correct - confidence).reshape(-1, n_obs)
    # Rounding must not lift a probability such as .3 over its bin's upper edge.
    bins = np.clip(np.ceil(confidence * n_bins - 1e-9).astype(int) - 1, 0, n_bins - 1).reshape(-1, n_obs)
    cells = bins + n_bins * np.arange(bins.shape[0])[:, None]
    sums = np.bincount(cells.ravel(), surplus.ravel(), minlength=n_bins * bins.shape[0])
    return (np.abs(sums).reshape(-1, n_bins).sum(axis=-1) / n_obs).reshape(confidence.shape[:-1])


def excess_log_loss(probabilities: Probabilities, reference: Target) -> Scores:
    """Return the mean KL divergence of the memberships from the reference's, in nats per observation.

    Mean over observations of sum_k p_ref log(p_ref / p): how much log loss the method has on average more
    than the reference, if the reference is right; 0 is ideal.
    """
    own = np.sum(reference * np.log(np.maximum(reference, _TINY)), axis=-1)
    return own.mean(axis=-1) + log_loss(probabilities, reference)


def total_variation(probabilities: Probabilities, reference: Target) -> Scores:
    """Return the mean total variation distance to the reference's memberships, in 0 .. 1; 0 is ideal.

    Mean over observations of half of sum_k |p - p_ref|: the share of probability in the wrong component.
    """
    return 0.5 * np.abs(probabilities - reference).sum(axis=-1).mean(axis=-1)


AGAINST_TARGET: dict[str, Callable[[Probabilities, Target], Scores]] = {
    "accuracy": accuracy,
    "log_loss": log_loss,
    "brier": brier,
    "ece": ece,
}
AGAINST_REFERENCE: dict[str, Callable[[Probabilities, Target], Scores]] = {
    "excess_log_loss": excess_log_loss,
    "total_variation": total_variation,
}


def normalised(probabilities: Float[np.ndarray, "*replicate obs component"]) -> Probabilities:
    """Return rows that sum to one again, where batches hold unequal shares of the draws."""
    return probabilities / probabilities.sum(axis=-1, keepdims=True)


def truth_scores(
    method: Float[np.ndarray, "batch obs component"],
    truth: Int[np.ndarray, " obs"],
    *,
    seed: int,
    chains: int = 1,
) -> dict[str, Estimate]:
    """Return the scores of a method's memberships that need the truth alone, as ``membership_scores`` does.

    Raises:
        ValueError: the numbers of observations differ, or a label is no component.
    """
    if method.shape[1] != len(truth):
        raise ValueError(f"memberships of {method.shape[1]} observations, of which there are {len(truth)}")
    rng, target = np.random.default_rng(seed), one_hot(truth, method.shape[-1])
    return {
        name: Estimate(
            float(function(method.mean(axis=0), target)),
            math.sqrt(batch_variance(method, lambda p, f=function: f(normalised(p), target), rng, chains)),
        )
        for name, function in AGAINST_TARGET.items()
    }


def membership_scores(
    method: Float[np.ndarray, "batch obs component"],
    reference: Float[np.ndarray, "batch obs component"],
    truth: Int[np.ndarray, " obs"] | None,
    *,
    seed: int,
    chains: tuple[int, int] = (1, 1),
) -> dict[str, Estimate]:
    """Return every score of a method's memberships, by its name without prefix.

    accuracy, log_loss, brier and ece are against the truth where it is given and expected under the
    reference's memberships where it is None; excess_log_loss and total_variation are against the reference.

    The Monte Carlo errors come from a bootstrap over batches of draws (``batch_variance``), of the method
    and, where they enter, of the reference. The jackknife agrees for smooth scores, but overstates the error
    of ece threefold (docs/metrics.md). Plug-in bias is not corrected: it is part of the floor, and of the
    same size there.

    Args:
        method: mean probabilities of batches of the method's draws, each times its share of the draws.
        reference: the same of the reference's.
        truth: true components from 0, or None.
        seed: seed of the bootstrap.
        chains: how many chains the batches of either are of, equally many each, one chain after another.

    Raises:
        ValueError: observations or components of the two differ.
    """
    if method.shape[1:] != reference.shape[1:]:
        raise ValueError(f"memberships of shape {method.shape[1:]} against {reference.shape[1:]}")
    rng = np.random.default_rng(seed)
    mean, mean_reference = method.mean(axis=0), reference.mean(axis=0)
    target = mean_reference if truth is None else one_hot(truth, method.shape[-1])
    scores = {}
    for name, function in (AGAINST_TARGET | AGAINST_REFERENCE).items():
        by_reference = truth is None or name in AGAINST_REFERENCE
        other = mean_reference if by_reference else target
        variance = batch_variance(method, lambda p, f=function, t=other: f(normalised(p), t), rng, chains[0])
        if by_reference:
            variance += batch_variance(
                reference, lambda t, f=function: f(mean, normalised(t)), rng, chains[1]
            )
        scores[name] = Estimate(float(function(mean, other)), float(np.sqrt(variance)))
    return scores
