"""Parameter recovery: how near the posterior median comes to the truth, and how often intervals hold it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

LEVELS = (0.5, 0.8, 0.95)


class Share(NamedTuple):
    """A share or a mean with its Monte Carlo standard error over data sets."""

    value: float
    se: float


class Recovery(NamedTuple):
    """How well one parameter is recovered over data sets drawn from the prior.

    Attributes:
        correlation: of posterior medians and true values; 0 to 1.
        rmse: root mean squared error of the posterior median, in prior standard deviations.
        contraction: mean of 1 - posterior variance / prior variance; near 1 where data say much.
    """

    correlation: Share
    rmse: Share
    contraction: Share


def recover(
    truth: Float[np.ndarray, " dataset"],
    median: Float[np.ndarray, " dataset"],
    sd: Float[np.ndarray, " dataset"],
    prior_sd: float,
) -> Recovery:
    """Compare posterior medians and standard deviations with the truth.

    Medians, because one absurd draw in a thousand makes a mean, and is better counted by itself.

    Schad, Betancourt and Vasishth (2021), Psychological Methods 26(1), for the contraction.
    """
    n = len(truth)
    z = [(values - values.mean()) / values.std() for values in (truth, median)]
    correlation = float((z[0] * z[1]).mean())
    squared = ((median - truth) / prior_sd) ** 2
    rmse = float(np.sqrt(squared.mean()))
    contraction = 1 - (sd / prior_sd) ** 2
    return Recovery(
        # By its influence function (Devlin, Gnanadesikan and Kettenring 1975, Biometrika 62(3)): Fisher's z
        # takes both for normal, and truths and posterior medians have tails that carry the correlation.
        Share(correlation, mean_of(z[0] * z[1] - correlation / 2 * (z[0] ** 2 + z[1] ** 2)).se),
        Share(rmse, float(squared.std(ddof=1)) / (2 * rmse * np.sqrt(n))),
        mean_of(contraction),
    )


def coverage(ranks: Int[np.ndarray, " dataset"], n_draws: int, level: float) -> Share:
    """Return the share of central intervals that hold the truth.

    Args:
        ranks: of the truth among the draws.
        n_draws: number of draws.
        level: of the interval; the share is to be equal to it.
    """
    place = (ranks + 0.5) / (n_draws + 1)
    share = float((np.abs(place - 0.5) < level / 2).mean())
    return Share(share, float(np.sqrt(level * (1 - level) / len(ranks))))


def mean_of(values: Float[np.ndarray, " dataset"]) -> Share:
    """Return a mean over data sets with its standard error; NaN for a single one."""
    if len(values) < 2:
        return Share(float(values.mean()), float("nan"))
    return Share(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
