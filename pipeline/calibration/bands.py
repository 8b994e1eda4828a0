"""Simultaneous bands for the distribution function of uniform values, and the test that goes with them.

Säilynoja, Bürkner and Vehtari (2022), Graphical test for discrete uniformity and its applications in
goodness-of-fit evaluation and multiple sample comparison, Statistics and Computing 32, section 2: at each of
a few points the number of values up to it is binomial; the band leaves out the same tail probability gamma at
every point, and gamma is such that a whole curve of uniform values stays inside with the probability wanted.
Here that probability is exact, by a recursion over the points, and not simulated.
"""

import functools
import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln, xlog1py, xlogy
from scipy.stats import binom

N_BISECTIONS = 30


def interior_probability(
    cdf: Float[np.ndarray, " point"],
    lower: Int[np.ndarray, " point"],
    upper: Int[np.ndarray, " point"],
    n: int,
) -> float:
    """Return the probability that, for n independent values, all counts lie within their limits.

    Args:
        cdf: probability of a value up to each point; increasing, below 1.
        lower, upper: smallest and largest count allowed at each point.
        n: number of values.
    """
    counts, probability, before = np.zeros(1, int), np.ones(1), 0.0
    for at, low, high in zip(cdf, lower, upper, strict=True):
        # The values not yet counted fall up to this point independently of each other.
        share = (at - before) / (1 - before)
        following = np.arange(low, high + 1)
        new, left = following - counts[:, None], n - counts[:, None]
        possible = (new >= 0) & (new <= left)
        taken = np.where(possible, new, 0)
        log_p = gammaln(left + 1) - gammaln(taken + 1) - gammaln(left - taken + 1)
        log_p += xlogy(taken, share) + xlog1py(left - taken, -share)
        probability = probability @ np.where(possible, np.exp(log_p), 0.0)
        counts, before = following, at
    return float(probability.sum())


def limits(
    cdf: Float[np.ndarray, " point"], n: int, gamma: float
) -> tuple[Int[np.ndarray, " point"], Int[np.ndarray, " point"]]:
    """Return the smallest and largest counts that have a tail probability above gamma at each point."""
    just_above = min(gamma * (1 + 1e-9), 1.0)
    lower = np.maximum(binom.ppf(just_above, n, cdf), 0)
    return lower.astype(int), binom.isf(just_above, n, cdf).astype(int)


def band(
    cdf: Float[np.ndarray, " point"], n: int, level: float = 0.95
) -> tuple[Int[np.ndarray, " point"], Int[np.ndarray, " point"]]:
    """Return the narrowest limits that hold a whole curve of counts with at least the probability `level`."""
    return _band(tuple(cdf.tolist()), n, level)


@functools.lru_cache(maxsize=16)
def _band(points: tuple[float, ...], n: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    cdf = np.array(points)
    # Bonferroni's tail is too small, that of a single point too large.
    low, high = math.log((1 - level) / (2 * len(cdf))), math.log((1 - level) / 2)
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        if interior_probability(cdf, *limits(cdf, n, math.exp(middle)), n) >= level:
            low = middle
        else:
            high = middle
    return limits(cdf, n, math.exp(low))


def p_value(counts: Int[np.ndarray, " point"], cdf: Float[np.ndarray, " point"], n: int) -> float:
    """Return the probability that uniform values give a curve as far out somewhere, by its tail there.

    It is at most 1 - level exactly where the curve leaves `band` of that level.
    """
    gamma = float(min(binom.cdf(counts, n, cdf).min(), binom.sf(counts - 1, n, cdf).min()))
    lower, upper = limits(cdf, n, gamma)
    if (lower > upper).any():
        return 1.0
    return float(np.clip(1 - interior_probability(cdf, lower, upper, n), 0, 1))
