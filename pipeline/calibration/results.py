"""What the checks of a network come to, from draws beside the truth: a row a data set, and summaries."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.calibration.importance import Importance
from pipeline.calibration.ranks import examine, rank
from pipeline.calibration.recovery import LEVELS, Share, coverage, mean_of, recover

TAILS = (0.159, 0.5, 0.841)  # a normal's mean less one sd, mean, and mean plus one sd
FAR = 10.0  # prior sds from the prior mean, where no posterior has mass


class Compared(NamedTuple):
    """Draws beside the truth.

    Attributes:
        names: of the quantities: the parameters by their Stan names, and last a log density.
        truth, draws: of each quantity; the log density up to a constant of the data set.
        importance: what the importance weights say.
    """

    names: list[str]
    truth: Float[np.ndarray, "dataset quantity"]
    draws: Float[np.ndarray, "dataset quantity draw"]
    importance: Importance


def tabulate(columns: dict[str, np.ndarray], compared: Compared, seed: int) -> pd.DataFrame:
    """Return a row a data set: what is known of it, importance weights, ranks, and parameters recovered.

    Args:
        columns: what is known of each data set by itself, ``n_values`` among it.
        compared: its draws beside the truth.
        seed: of the ranks' ties.
    """
    rng = np.random.default_rng(seed)
    table = dict(columns)
    table |= {
        "kl": compared.importance.kl,
        "efficiency": compared.importance.efficiency,
        "largest_weight": compared.importance.largest_weight,
    }
    for i, name in enumerate(compared.names):
        table[f"rank {name}"] = rank(compared.truth[:, i], compared.draws[:, i], rng)
        if name != compared.names[-1]:
            table[f"truth {name}"] = compared.truth[:, i]
            low, middle, high = np.quantile(compared.draws[:, i], TAILS, axis=1)
            table[f"median {name}"] = middle
            table[f"sd {name}"] = (high - low) / 2
    return pd.DataFrame(table)


def calibration(table: pd.DataFrame, names: Sequence[str], n_draws: int) -> list[dict[str, Any]]:
    """Return a row a quantity: whether its ranks are uniform."""
    return [
        {"quantity": name, **examine(table[f"rank {name}"].to_numpy(), n_draws)._asdict()} for name in names
    ]


def recovery(
    table: pd.DataFrame, compared: Compared, prior: Float[np.ndarray, "dataset parameter"], n_draws: int
) -> list[dict[str, Any]]:
    """Return a row a parameter: how near the truth draws come, and how often intervals hold it."""
    rows = []
    for i in range(prior.shape[1]):
        name, mean, sd = compared.names[i], float(prior[:, i].mean()), float(prior[:, i].std())
        truth, median, own_sd = (table[f"{what} {name}"].to_numpy() for what in ("truth", "median", "sd"))
        far = 1 - (np.abs(compared.draws[:, i] - mean) <= FAR * sd).mean()  # counts what is not a number
        row: dict[str, Any] = {"quantity": name, "prior_sd": sd, "far": float(far)}
        for key, share in recover(truth, median, own_sd, sd)._asdict().items():
            row |= with_se(key, share)
        for level in LEVELS:
            share = coverage(table[f"rank {name}"].to_numpy(), n_draws, level)
            row |= with_se(f"coverage_{100 * level:.0f}", share)
        rows.append(row)
    return rows


def of_weights(weights: Importance) -> dict[str, Any]:
    """Return how far the network is from the exact posterior."""
    kl, efficiency = weights.kl, weights.efficiency
    return {
        "n": len(kl),
        **with_se("kl", mean_of(kl)),
        "kl_median": float(np.median(kl)),
        "kl_largest": float(kl.max()),
        "efficiency_median": float(np.median(efficiency)),
        "efficiency_5": float(np.quantile(efficiency, 0.05)),
    }


def shares(data: str, flags: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return a row a distance: the share of data sets of one kind that it flags."""
    return [
        {"data": data, "by": name, "n": len(found), **with_se("flagged", mean_of(found.astype(float)))}
        for name, found in flags.items()
    ]


def with_se(name: str, share: Share) -> dict[str, float]:
    """Return a number and its standard error by their names in a summary."""
    return {name: share.value, f"{name}_se": share.se}
