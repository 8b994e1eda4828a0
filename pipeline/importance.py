"""Draws corrected by importance weights: smoothing, resampling.

To be imported where it is used, before the clock starts: ArviZ takes most of a second.
"""

import math
import warnings

import arviz as az
import numpy as np
from jaxtyping import Float


def smoothed(log_ratio: Float[np.ndarray, " draw"]) -> tuple[Float[np.ndarray, " draw"], float]:
    """Return Pareto-smoothed log weights, whose exponentials sum to one, and k-hat.

    Where the target rejects half of the draws or more, k-hat is infinite and the weights are not smoothed; a
    rejected draw has none.
    """
    is_there = np.isfinite(log_ratio)
    if not is_there.any():
        return np.full(len(log_ratio), -math.log(len(log_ratio))), math.inf
    log_ratio = np.where(is_there, log_ratio, -np.inf)
    if is_there.mean() <= 0.5:
        return log_ratio - np.logaddexp.reduce(log_ratio), math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a large k-hat, which is handed on
        log_weight, k_hat = az.psislw(log_ratio)
    return np.asarray(log_weight) - np.logaddexp.reduce(log_weight), float(k_hat)


def resample(
    log_weights: Float[np.ndarray, " proposal"], n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Return indices of draws in proportion to their weights, in random order.

    Systematic resampling (Douc, Cappe and Moulines 2005): a draw of share w comes floor(n w) or ceil(n w)
    times, which adds less noise than independent picks and repeats no draw of a share under 1 / n.
    """
    share = np.cumsum(np.exp(log_weights - log_weights.max()))
    places = (rng.uniform() + np.arange(n_draws)) / n_draws
    index = np.searchsorted(share / share[-1], places, side="right")
    return rng.permutation(np.minimum(index, len(log_weights) - 1))
