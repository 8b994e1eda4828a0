"""Monte Carlo errors of scores: effective sample sizes, the delta method and the thinning of draws.

A score is a functional S(P, Q) of two empirical distributions. To first order its error is the mean of its
influence function over the draws, so one rule serves all scores: evaluate the influence function at every
draw, and divide its variance by its own effective sample size, which knows the chains' autocorrelation
(van der Vaart 1998, Asymptotic Statistics, ch. 20; Vehtari et al. 2021, Bayesian Analysis 16(2), for the
effective sample size).
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float


class Estimate(NamedTuple):
    """A score and the standard error that the finite number of draws leaves in it."""

    value: float
    mcse: float


def effective_size(
    values: Float[np.ndarray, "chain draw"], method: Literal["mean", "bulk"] = "mean"
) -> float:
    """Return the effective number of draws behind the mean, or the ranks, of ``values``, by ArviZ.

    For one chain it is at most Kish's (1965) size for the multiplicities m of equal draws,
    (sum m)^2 / sum m^2, because autocorrelation does not betray the repetitions of resampled draws.

    NaN with fewer than four draws a chain.
    """
    import arviz as az  # costs most of a second

    size = float(az.ess(values, method=method))  # pyright: ignore[reportArgumentType]
    if values.shape[0] > 1:
        return size
    return min(size, _kish_size(values))


def _kish_size(values: Float[np.ndarray, "chain draw"]) -> float:
    multiplicities = np.unique(values, return_counts=True)[1]
    return values.size**2 / float(np.sum(multiplicities**2))


def discrete_mcse(
    influence: Float[np.ndarray, "chain draw"], distinct: Float[np.ndarray, "chain draw"]
) -> float:
    """Return the standard error of the mean of an influence function that takes few values.

    Equal values say nothing about equal draws here, so ``distinct``, a continuous quantity of the same draws
    such as their log density, tells the repetitions of resampled draws. NaN where chains are constant and
    differ: their number of independent values is unknown.
    """
    import arviz as az  # costs most of a second

    if float(np.ptp(influence)) == 0:
        return 0.0
    size = float(az.ess(influence, method="mean"))  # pyright: ignore[reportArgumentType]
    if influence.shape[0] == 1:
        size = min(size, _kish_size(distinct))
    elif not influence.std(axis=1).any():
        return math.nan
    return math.sqrt(float(np.var(influence, ddof=1)) / size)


def variance_of_mean(influence: Float[np.ndarray, "chain draw"]) -> float:
    """Return the Monte Carlo variance of the mean of an influence function over a set of draws.

    Resampled draws come as one chain in random order, so that no autocorrelation betrays their repetitions.
    For one chain the variance is therefore at least that of sums over equal draws, sum (m f)^2 / n^2 for
    value f and multiplicity m, which holds the variance of the importance sampling and of the resampling.
    """
    # Relative to the largest value, so that rounding noise about a constant counts as zero.
    scale = float(np.max(np.abs(influence)))
    if scale == 0 or float(np.ptp(influence)) <= 1e-14 * scale:
        return 0.0
    centred = (influence - np.mean(influence)) / scale
    variance = float(np.var(centred, ddof=1)) / effective_size(influence)
    if influence.shape[0] == 1:
        values, multiplicities = np.unique(np.round(centred, 10), return_counts=True)
        variance = max(variance, float(np.sum((multiplicities * values) ** 2)) / influence.size**2)
    return variance * scale**2


def delta_mcse(*influences: Float[np.ndarray, "chain draw"]) -> float:
    """Return the standard error of a score from its influence function on each independent set of draws."""
    return math.sqrt(sum(variance_of_mean(influence) for influence in influences))


def thinned_size(target: int, *shapes: tuple[int, ...]) -> int:
    """Return how many draws to take from each of several sets: the same number, a multiple of their chains.

    Args:
        target: the number wanted.
        shapes: (chain, draw, ...) of each set.
    """
    chains = math.lcm(*(shape[0] for shape in shapes))
    available = min(target, *(shape[0] * shape[1] for shape in shapes))
    return available - available % chains


def thin(draws: Float[np.ndarray, "chain draw *shape"], size: int) -> Float[np.ndarray, "chain kept *shape"]:
    """Return ``size`` draws in all, evenly spaced within each chain.

    Raises:
        ValueError: the chains cannot give equal shares, or hold too few draws.
    """
    chains, length = draws.shape[:2]
    if size % chains or not 0 < size <= chains * length:
        raise ValueError(f"cannot take {size} draws evenly from {chains} chains of {length}")
    kept = np.linspace(0, length, size // chains, endpoint=False).astype(int)
    return draws[:, kept]
