"""Whether a method has become slower against nuts of the same run; it warns and never fails a run."""

from typing import NamedTuple

import pandas as pd

MIN_FACTOR = 1.25


class Slower(NamedTuple):
    """A method that takes longer than it did, in units of nuts' wall time on the same data sets."""

    scenario: str
    method: str
    old: float
    new: float
    ratio: float


def slower(old: pd.DataFrame, new: pd.DataFrame) -> list[Slower]:
    """Return the methods whose wall time in units of nuts' grew by a quarter or more, clear of its interval.

    Args:
        old, new: the columns of ``SPEED_COLUMNS``; low and high are the ends of 99.9% intervals.
    """
    both = old.merge(new, on=["scenario", "method"], suffixes=("_old", "_new"))
    both = both.assign(ratio=both["slowdown_new"] / both["slowdown_old"])
    found = both[(both["ratio"] > MIN_FACTOR) & (both["low_new"] > both["high_old"])]
    return [
        Slower(
            str(row["scenario"]), str(row["method"]), row["slowdown_old"], row["slowdown_new"], row["ratio"]
        )
        for row in found.sort_values("ratio", ascending=False).to_dict("records")
    ]
