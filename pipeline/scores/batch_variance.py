"""The Monte Carlo variance of a score of memberships, whose draws are known by means over batches alone."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.stats import f as fisher_f

N_RESAMPLES = 200
DISAGREEMENT = 0.99  # quantile of F for chains that agree: beyond it the error is that between chains

Score = Callable[[Float[np.ndarray, "replicate row column"]], Float[np.ndarray, " replicate"]]


def batch_variance(
    batches: Float[np.ndarray, "batch row column"],
    score: Score,
    rng: np.random.Generator,
    chains: int = 1,
) -> float:
    """Return the variance of a score of the batches' mean, by resampling whole batches.

    Chains that sit in different places agree within themselves, and batches say nothing of how far apart they
    are. Where chains differ by more than their batches let expect, the variance is that between chains, by
    the jackknife: to resample so few would now and then leave nothing but the worst one.

    Args:
        batches: one matrix a batch.
        score: of each of several matrices.
        rng: of the resampling.
        chains: how many chains the batches are of, equally many each, one chain after another.
    """
    n = len(batches)
    if n < 2:
        return np.nan
    if 1 < chains < n and n % chains == 0:
        between = _between_chains(batches, score, chains)
        if between is not None:
            return between
    weights = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES) / n
    return float(np.var(_of_means(batches, weights, score), ddof=1)) * n / (n - 1)


def _of_means(
    batches: Float[np.ndarray, "batch row column"],
    weights: Float[np.ndarray, "replicate batch"],
    score: Score,
) -> Float[np.ndarray, " replicate"]:
    """Return the score of weighted means of the batches."""
    # Replicates of long series go through in pieces, so that memory stays at tens of megabytes.
    pieces = min(len(weights), 1 + len(weights) * batches[0].size // 2_000_000)
    return np.concatenate(
        [score(np.tensordot(part, batches, axes=1)) for part in np.array_split(weights, pieces)]
    )


def _between_chains(
    batches: Float[np.ndarray, "batch row column"], score: Score, chains: int
) -> float | None:
    """Return the variance between chains; None where an analysis of variance does not tell them apart.

    Both are of the score without one batch, which is linear in that batch where there are many.
    """
    n = len(batches)
    without_one = (1 - np.eye(n)) / (n - 1)
    values = _of_means(batches, without_one, score).reshape(chains, n // chains)
    of_means = float(np.var(values.mean(axis=1), ddof=1))
    within = float(np.mean(np.var(values, axis=1, ddof=1)))
    limit = float(fisher_f.ppf(DISAGREEMENT, chains - 1, n - chains))
    # (n - 1) times a value is the batch's own, up to its sign and a constant.
    return (n - 1) ** 2 * of_means / chains if n // chains * of_means > limit * within else None
