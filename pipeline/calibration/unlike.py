"""A flag for data unlike the simulations that a network was trained on.

Three distances of a data set from simulated ones. That of the summary network's context sees whatever the
network itself looks at. Those of residuals at the most probable of its draws see how the fitted model fails
the data: a context says little of it, because nothing in training taught it to. Each is Mahalanobis's (1936),
with moments from one half of calibration data sets; the threshold is a quantile over the other half.

Residuals at the posterior mean or median served worse: where the posterior has two modes, or an unconverged
network has thrown a few absurd draws, they fit no data well, and usual data look strange (docs/metrics.md).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import erf, ndtr

RATE = 0.01  # share of simulated data sets that are flagged
N_COSINES = 12


class Normal(NamedTuple):
    """Centre and whitening matrix of simulated features."""

    centre: Float[np.ndarray, " feature"]
    whiten: Float[np.ndarray, "feature kept"]

    def distance(self, features: Float[np.ndarray, "dataset feature"]) -> Float[np.ndarray, " dataset"]:
        """Return Mahalanobis's distance, per root of the number of directions."""
        whitened = (features - self.centre) @ self.whiten
        return np.sqrt((whitened**2).mean(axis=1))


def learn(features: Float[np.ndarray, "dataset feature"], smallest: float = 1e-4) -> Normal:
    """Take centre and covariance from simulations.

    Directions that hold less than the share `smallest` of the largest one's variance are left out: their
    variance is rounding, and any data would lie far out along them.
    """
    # A few simulated data sets that a network fails on must not set the scale for all others.
    usual = np.clip(features, *np.quantile(features, [0.005, 0.995], axis=0))
    scale = np.maximum(usual.std(axis=0), 1e-12)
    covariance = np.cov(usual / scale, rowvar=False)
    variance, direction = np.linalg.eigh(np.atleast_2d(covariance))
    kept = variance > smallest * variance[-1]
    return Normal(usual.mean(axis=0), direction[:, kept] / np.sqrt(variance[kept]) / scale[:, None])


class Flag(NamedTuple):
    """A calibrated flag over several distances.

    Attributes:
        normals: by the name of each set of features.
        usual: by the same names, the distances of simulated data sets that the normals have not seen, sorted.
        rate: share of simulated data sets flagged by each distance alone.
        shared_rate: the same for each distance, so that all of them together flag the share `rate`.
    """

    normals: dict[str, Normal]
    usual: dict[str, Float[np.ndarray, " dataset"]]
    rate: float
    shared_rate: float

    def flags(self, features: dict[str, np.ndarray]) -> dict[str, Bool[np.ndarray, " dataset"]]:
        """Return which data sets are flagged by each distance alone, and, under "any", by all together."""
        tails = {
            name: _tail(normal.distance(features[name]), self.usual[name])
            for name, normal in self.normals.items()
        }
        alone = {name: tail <= self.rate for name, tail in tails.items()}
        return alone | {"any": np.min(list(tails.values()), axis=0) <= self.shared_rate}


def calibrate(features: dict[str, Float[np.ndarray, "dataset feature"]], rate: float = RATE) -> Flag:
    """Learn from simulated data sets what is usual; a share `rate` of further ones will be flagged.

    Args:
        features: by name, of the same simulated data sets.
        rate: share of simulated data sets to flag.
    """
    half = len(next(iter(features.values()))) // 2
    normals = {name: learn(values[:half]) for name, values in features.items()}
    distances = {name: normals[name].distance(values[half:]) for name, values in features.items()}
    usual = {name: np.sort(d) for name, d in distances.items()}
    smallest = np.min([_tail(d, usual[name]) for name, d in distances.items()], axis=0)
    # Of data sets with equally small tails, which are common, none beyond the rate is flagged.
    allowed = np.sort(smallest)[: int(rate * len(smallest)) + 1]
    return Flag(normals, usual, rate, float(allowed[allowed < allowed[-1]].max(initial=0.0)))


def _tail(distance: Float[np.ndarray, " dataset"], usual: Float[np.ndarray, " usual"]) -> np.ndarray:
    """Return the share of usual distances that are at least as large."""
    return 1 - np.searchsorted(usual, distance, side="left") / len(usual)


def describe_residuals(
    residuals: Float[np.ndarray, "dataset obs"],
    mask: Bool[np.ndarray, "dataset obs"],
    within: Float[np.ndarray, " dataset"],
    within_kurtosis: Float[np.ndarray, " dataset"],
) -> Float[np.ndarray, "dataset feature"]:
    """Return statistics of standard normal residuals, each of a scale that large values do not dominate.

    Args:
        residuals: normal scores of the observations, 0 where there is none.
        mask: whether there is an observation.
        within: variance of replicates about their observation's mean, over the known one; 1 on average.
        within_kurtosis: mean fourth power of the same deviations over the square of their variance.
    """
    n = mask.sum(axis=1)
    moments = [(np.where(mask, residuals**power, 0).sum(axis=1) / n) for power in (1, 2, 3, 4)]
    next_to = (residuals[:, 1:] * residuals[:, :-1] * mask[:, 1:]).sum(axis=1) / n
    size = np.abs(residuals)
    return np.stack(
        [
            np.sqrt(n) * moments[0],
            np.sqrt(n) * np.log(moments[1]),
            np.arcsinh(np.sqrt(n) * moments[2]),
            np.sqrt(n) * np.log(moments[3] / moments[1] ** 2 / 3),
            size.max(axis=1),
            np.log(np.sort(size, axis=1)[:, -5:].mean(axis=1)),
            np.arcsinh(np.sqrt(n) * _share_error(residuals, mask, 1.0)),
            np.arcsinh(np.sqrt(n) * _share_error(residuals, mask, 0.3)),
            np.sqrt(n) * next_to,
            np.sqrt(n) * np.log(within),
            np.sqrt(n) * np.log(within_kurtosis),
        ],
        axis=1,
    )


def describe_shape(
    residuals: Float[np.ndarray, "dataset obs"], mask: Bool[np.ndarray, "dataset obs"]
) -> Float[np.ndarray, "dataset order"]:
    """Return the components of Neyman's (1937) smooth test of uniformity, by cosines.

    They see bumps in the distribution of residuals that a fit of too few components leaves.
    """
    place = np.pi * ndtr(residuals)
    n = mask.sum(axis=1)
    return np.stack(
        [
            np.sqrt(2 / n) * np.where(mask, np.cos(order * place), 0).sum(axis=1)
            for order in range(1, N_COSINES + 1)
        ],
        axis=1,
    )


def _share_error(residuals: np.ndarray, mask: np.ndarray, bound: float) -> np.ndarray:
    """Return by how much the share of residuals within the bound differs from a standard normal's."""
    share = np.where(mask, np.abs(residuals) < bound, False).sum(axis=1) / mask.sum(axis=1)
    return share - erf(bound / np.sqrt(2))


def within_statistics(deviations: Float[np.ndarray, "obs replicate"], sd: float) -> tuple[float, float]:
    """Return variance over the known one and kurtosis of replicates about their mean; 1 and 3 with one each.

    Args:
        deviations: of replicates from their observation's mean.
        sd: the known standard deviation.
    """
    n_obs, n_rep = deviations.shape
    if n_rep < 2:
        return 1.0, 3.0
    variance = float((deviations**2).sum() / (n_obs * (n_rep - 1)))
    return variance / sd**2, float((deviations**4).mean() / (deviations**2).mean() ** 2)
