"""Accuracy as a function of how much and how clear the data are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from pipeline.calibration.recovery import mean_of

N_BINS = 5
BY = {"n_values": "observations", "separation": "separation"}  # column of the table, and its name


def edges(values: Float[np.ndarray, " dataset"], n_bins: int = N_BINS) -> Float[np.ndarray, " edge"]:
    """Return the edges of bins with about as many values each; one for each value where these are few."""
    different = np.unique(values)
    if len(different) <= n_bins:
        return np.append(different, different[-1] + 1)
    return np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))


def assign(
    values: Float[np.ndarray, " dataset"], at: Float[np.ndarray, " edge"]
) -> Int[np.ndarray, " dataset"]:
    """Return each value's bin from 0; the last bin holds its upper edge."""
    return np.clip(np.searchsorted(at, values, side="right") - 1, 0, max(len(at) - 2, 0))


def by_bins(table: pd.DataFrame, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Return means with their Monte Carlo errors by number of observations and by separation.

    Args:
        table: a row a data set, with n_values (observations times replicates), separation (the smallest
            difference of neighbouring means, in sds of a replicate) where it is known, kl, efficiency and
            KIND_excess.
        kinds: of memberships.
    """
    rows = []
    for column, name in BY.items():
        if column not in table:
            continue
        values = table[column].to_numpy(dtype=float)
        at = edges(values)
        where = assign(values, at)
        for b in np.unique(where):
            chosen = where == b
            row: dict[str, Any] = {
                "by": name,
                "low": float(values[chosen].min()),
                "high": float(values[chosen].max()),
                "centre": float(values[chosen].mean()),
                "n": int(chosen.sum()),
            }
            for score in ("kl", "efficiency", *(f"{kind}_excess" for kind in kinds)):
                mean = mean_of(table[score].to_numpy()[chosen])
                row |= {score: mean.value, f"{score}_se": mean.se}
            rows.append(row)
    return rows
