"""Which rows of a run's tables are about data sets that were to have a reference."""

import pandas as pd

REFERENCE_METHODS = ("reference-1", "reference-2")

WEIGHED = "drawn by importance sampling"  # how the remark on such a reference begins in status.csv


def has_reference(table: pd.DataFrame, status: pd.DataFrame) -> pd.Series:
    """Say of each row whether its data set was to have a reference, whatever became of that.

    Args:
        table: with columns scenario and dataset.
        status: the columns of status.csv, where each reference run has a row. Where a scenario has none at
            all, nothing is known to be without.
    """
    runs = status[status["method"].isin(REFERENCE_METHODS)]
    known = pd.MultiIndex.from_frame(runs[["scenario", "dataset"]])
    of_table = pd.MultiIndex.from_frame(table[["scenario", "dataset"]])
    found = of_table.isin(known) | ~table["scenario"].isin(runs["scenario"]).to_numpy()
    return pd.Series(found, index=table.index)
