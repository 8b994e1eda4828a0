"""Whether a method that could not be told from Stan still cannot.

For such a method (value / mcse)^2 of a signed score is about one in every data set, whatever the data: the
noise has a known size, and a fault needs to be no larger than one Monte Carlo error to show over twenty data
sets. On the baseline's own data sets its spread is taken from the baseline, since a fault that strikes data
sets unequally would inflate the new run's own. On other data sets the new run's own spread counts too: a
method may be exact but on one data set in ten, and the baseline have met none of those.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student_t

MAX_MEAN, MAX_SINGLE = 1.5, 6.0
MIN_SPREAD = 0.5
TOLERANCE = 0.5  # a bias of .7 Monte Carlo errors, or such errors reported 18% too small

Column = Float[np.ndarray, " dataset"]


def is_exact(z2: Column, least: int) -> bool:
    """Whether the baseline's scores are no more than noise, in the mean and in every data set."""
    return len(z2) >= least and bool(np.mean(z2) <= MAX_MEAN and np.max(z2) <= MAX_SINGLE)


def p_inexact(old: Column, new: Column, same_data: bool) -> float:
    """Return the p-value of the new run's mean z2 exceeding the old one's by more than the tolerance.

    A data set counts at most ``MAX_SINGLE``, so that no single one decides. A spread is at least
    ``MIN_SPREAD``, that of the mean of eight independent squared normals.

    Args:
        old, new: mean over parameters of (value / mcse)^2, one a data set.
        same_data: whether the data sets of both are the same.
    """
    capped = np.minimum(new, MAX_SINGLE)
    spread = max(float(np.std(old, ddof=1)), MIN_SPREAD)
    new_spread = spread if same_data else max(float(np.std(capped, ddof=1)), spread)
    variances = spread**2 / len(old), new_spread**2 / len(new)
    freedom = len(old) - 1.0
    if not same_data:  # Welch's
        freedom = sum(variances) ** 2 / sum(
            v**2 / (len(z2) - 1) for v, z2 in zip(variances, (old, new), strict=True)
        )
    gain = float(np.mean(capped) - np.mean(old))
    return float(student_t.sf((gain - TOLERANCE) / math.sqrt(sum(variances)), freedom))
