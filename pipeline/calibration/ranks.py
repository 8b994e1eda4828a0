"""Simulation-based calibration: the true value's rank among posterior draws is uniform if these are right.

Talts, Betancourt, Simpson, Vehtari and Gelman (2018), arXiv 1804.06788; the log likelihood as a further
quantity, which sees errors that no parameter shows, by Modrák et al. (2025), Bayesian Analysis 20(2).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from pipeline.calibration import bands

N_POINTS = 100


class Curve(NamedTuple):
    """The ranks' distribution function less the uniform one, with the band that holds it if all is well.

    Attributes:
        x: the uniform distribution function at the points.
        difference: the ranks' own there, less x.
        lower, upper: the simultaneous band of the difference.
    """

    x: Float[np.ndarray, " point"]
    difference: Float[np.ndarray, " point"]
    lower: Float[np.ndarray, " point"]
    upper: Float[np.ndarray, " point"]


class Statement(NamedTuple):
    """What the ranks of one quantity say.

    Attributes:
        inside: whether the curve stays inside its simultaneous 95% band.
        p_value: of uniformity; below .05 where it leaves the band.
        deviation: the largest difference of the distribution functions, with its sign.
        at: where that is, as a probability.
        bias, bias_se: of the mean rank, in standard deviations of a uniform one: above 0, draws lie too low.
        spread, spread_se: log of the ranks' standard deviation over a uniform one's: above 0, the posterior
            is too narrow. These two see what they name in fewer data sets than the band does. Their errors
            are those of uniform ranks, whose kurtosis of 1.8 makes the log's (1.8 - 1) / (4 n), squared.
    """

    inside: bool
    p_value: float
    deviation: float
    at: float
    bias: float
    bias_se: float
    spread: float
    spread_se: float


def rank(
    truth: Float[np.ndarray, " dataset"],
    draws: Float[np.ndarray, "dataset draw"],
    rng: np.random.Generator,
) -> Int[np.ndarray, " dataset"]:
    """Return how many independent draws lie below the truth, 0 to their number; ties are broken at random."""
    below = (draws < truth[:, None]).sum(axis=1)
    ties = (draws == truth[:, None]).sum(axis=1)
    return below + rng.integers(0, ties + 1)


def curve(ranks: Int[np.ndarray, " dataset"], n_draws: int) -> Curve:
    """Return the difference of distribution functions with its simultaneous 95% band."""
    cdf, counts = _counts(ranks, n_draws)
    n = len(ranks)
    lower, upper = bands.band(cdf, n)
    return Curve(cdf, counts / n - cdf, lower / n - cdf, upper / n - cdf)


def examine(ranks: Int[np.ndarray, " dataset"], n_draws: int) -> Statement:
    """Say whether ranks among `n_draws` draws look uniform."""
    cdf, counts = _counts(ranks, n_draws)
    n = len(ranks)
    lower, upper = bands.band(cdf, n)
    difference = counts / n - cdf
    largest = int(np.abs(difference).argmax())
    centred = (ranks - n_draws / 2) / np.sqrt(n_draws * (n_draws + 2) / 12)
    return Statement(
        inside=bool(((counts >= lower) & (counts <= upper)).all()),
        p_value=bands.p_value(counts, cdf, n),
        deviation=float(difference[largest]),
        at=float(cdf[largest]),
        bias=float(centred.mean()),
        bias_se=float(n**-0.5),
        spread=float(np.log(centred.std(ddof=1))),
        spread_se=float((0.2 / n) ** 0.5),
    )


def _counts(ranks: np.ndarray, n_draws: int) -> tuple[Float[np.ndarray, " point"], Int[np.ndarray, " point"]]:
    """Return, at up to N_POINTS - 1 values c, P(rank < c) if uniform, and the number of ranks below c."""
    cuts = np.unique(np.linspace(0, n_draws + 1, N_POINTS + 1).round().astype(int))[1:-1]
    return cuts / (n_draws + 1), np.searchsorted(np.sort(ranks), cuts, side="left")
