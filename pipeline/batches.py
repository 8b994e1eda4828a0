"""Draws in batches: their means tell the Monte Carlo error of what is too large to keep by draw.

Batch means (Flegal and Jones 2010, Annals of Statistics 38(2)) take batches as independent, so a batch of a
chain must be long against its autocorrelation. Resampled draws are in random order, but repeated: all
repetitions of one draw belong in one batch.
"""

import numpy as np
from jaxtyping import Float, Int

N_SINGLE = 20  # batches of draws that come as one chain, which are independent but for repetitions
CHAIN_LENGTH = 250  # draws of a batch of a chain; the first of four chains' are then a thousand draws
MIN_EACH = 4  # batches of a chain, so that chains that disagree can be told from noise
MOST = 40  # batches of several chains, since each may hold memberships of 100,000 observations


def batches_of(log_p: Float[np.ndarray, "chain draw"]) -> list[Int[np.ndarray, " member"]]:
    """Return the draws of each batch, as indices into draws flattened over chains, one chain after another.

    Several chains have equally many consecutive batches each. A single chain is taken for independent draws,
    of which some may be repeated; batches then differ in size.

    Args:
        log_p: a continuous quantity of the draws: equal values are the same draw, unless not finite.
    """
    chains, length = log_p.shape
    if chains > 1:
        each = min(max(length // CHAIN_LENGTH, MIN_EACH), max(1, MOST // chains), length)
        runs = np.arange(log_p.size).reshape(log_p.shape)
        return [batch for run in runs for batch in np.array_split(run, each)]
    known = np.where(np.isfinite(log_p[0]), log_p[0], np.nan)
    _, first, same, size = np.unique(
        known, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    in_order = np.argsort(first)
    behind = np.empty(len(size))
    behind[in_order] = np.cumsum(size[in_order]) - size[in_order] / 2
    number = (min(N_SINGLE, length) * behind / length).astype(int)[same]
    return [np.flatnonzero(number == wanted) for wanted in np.unique(number)]


def share(batch: Int[np.ndarray, " member"], of: list[Int[np.ndarray, " member"]]) -> float:
    """Return what a batch's mean is multiplied by, so that the mean over batches is that over draws."""
    return len(batch) * len(of) / sum(map(len, of))
