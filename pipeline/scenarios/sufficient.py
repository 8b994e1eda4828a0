"""Sufficient statistics of replicated Gaussian observations."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Replicates:
    """All that a Gaussian likelihood needs of replicated observations.

    Attributes:
        mean: mean of the replicates of each observation.
        n_rep: number of replicates, the same for all observations of a data set.
        sum_squares: sum of squared deviations of the replicates from their mean.
    """

    mean: Float[np.ndarray, " obs"]
    n_rep: int
    sum_squares: Float[np.ndarray, " obs"]


def summarise(y: Float[np.ndarray, "obs replicate"]) -> Replicates:
    """Reduce observations to their sufficient statistics.

    Raises:
        ValueError: `y` is not a matrix of at least one row and one column, or not finite.
    """
    if y.ndim != 2 or 0 in y.shape:
        raise ValueError(f"Observations must have shape (obs, replicate) and not be empty, not {y.shape}.")
    if not np.isfinite(y).all():
        row, column = np.argwhere(~np.isfinite(y))[0]
        raise ValueError(f"Observation {row}, replicate {column} is {y[row, column]}; all must be finite.")
    mean = y.mean(axis=1)
    return Replicates(mean=mean, n_rep=y.shape[1], sum_squares=((y - mean[:, None]) ** 2).sum(axis=1))
