"""Whether a bias is general, or the work of a few data sets."""

import numpy as np
import pandas as pd

from pipeline.scores.metrics import METRICS

MAX_SHARE = 0.25  # of the data sets; what more of them make is general
MAX_NAMED = 5


def responsible_data_sets(scores: pd.DataFrame) -> tuple[int, ...]:
    """Return the data sets that make a method biased, the worst first: without them it would not be.

    They leave in the order of the judged score furthest along its limit, until every aggregate over the
    others is within its own.

    Args:
        scores: the rows of scores.csv of one method in one scenario.

    Returns:
        Their numbers. None where no aggregate is beyond its limit, and where more than a quarter of the data
        sets, or more than five, would have to leave.
    """
    names = scores["metric"].astype(str)
    judged = scores[[METRICS[name].close is not None for name in names]]
    if judged.empty:
        return ()
    is_squared = [METRICS[name].summary == "root mean square" for name in judged["metric"].astype(str)]
    # What is no number never passes; data sets without a score of some metric do not count in it.
    value = np.nan_to_num(judged["value"].to_numpy(dtype=float), nan=np.inf, posinf=np.inf, neginf=np.inf)
    by_data_set = (
        judged.assign(value=np.where(is_squared, value**2, value))
        .groupby(["dataset", "metric"])["value"]
        .mean()
        .unstack()
    )
    order = _along_limits(by_data_set).max(axis=1).sort_values(ascending=False, kind="stable").index
    most = min(MAX_NAMED, int(MAX_SHARE * len(order)))
    for n_left_out in range(most + 1):
        rest = by_data_set.loc[order[n_left_out:]].mean(axis=0).to_frame().T
        if _along_limits(rest).to_numpy().max() <= 1:
            return tuple(int(number) for number in order[:n_left_out])
    return ()


def _along_limits(values: pd.DataFrame) -> pd.DataFrame:
    """Return how far along its limit each stands: 0 at the ideal, 1 at the limit."""
    shares = {}
    for name, column in values.items():
        metric = METRICS[str(name)]
        assert metric.close is not None
        combined = np.sqrt(column) if metric.summary == "root mean square" else column
        shares[name] = (combined - metric.ideal) / (metric.close - metric.ideal)
    return pd.DataFrame(shares)
