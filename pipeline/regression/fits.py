"""Whether fits fail that did not: by data set where the runs share them, by counts where they do not."""

from typing import NamedTuple

import pandas as pd
from scipy.stats import binomtest, hypergeom

FAILURES = ("failed", "timeout")
UNCERTIFIED = ("uncertified",)


class Failures(NamedTuple):
    """How many fits of one method, or reference runs, ended badly.

    Attributes:
        scenario, method: of which fits.
        old, new: how many of how many.
        old_fits, new_fits: how many there were.
        p_worse: one-sided p-value; NaN where nothing is to be compared.
        certain: a fit with the same data and seed newly fails where none of the baseline's did: such a run
            repeats itself, so that no chance is needed to explain it.
        which: numbers of the data sets that newly fail.
    """

    scenario: str
    method: str
    old: int
    new: int
    old_fits: int
    new_fits: int
    p_worse: float
    certain: bool
    which: tuple[int, ...]


def failures(
    scenario: str,
    method: str,
    old: pd.DataFrame,
    new: pd.DataFrame,
    same_data: set[int],
    same_seed: bool,
) -> Failures:
    """Compare how often fits of one method failed.

    Shared data sets give McNemar's exact test (the sign test of those that changed), others Fisher's. A
    reference run counts as failed where it has no certificate; an uncertified reference is no failure of the
    methods on that data set.

    Args:
        scenario: name of the scenario.
        method: name of the method, or reference-1 and -2.
        old, new: its rows of the tables of fits, columns dataset and status.
        same_data: numbers of the data sets whose observations are the same in both runs.
        same_seed: whether both runs have the same root seed.
    """
    bad = UNCERTIFIED + FAILURES if method.startswith("reference-") else FAILURES
    was, now = (dict(zip(side["dataset"], side["status"].isin(bad), strict=True)) for side in (old, new))
    common = sorted(set(was) & set(now) & same_data)
    n_old, n_new = sum(was.values()), sum(now.values())
    counts = (scenario, method, n_old, n_new, len(was), len(now))
    if not common:
        # Given the failures in all, how many of them fall to the new run is hypergeometric.
        p = float(hypergeom.sf(n_new - 1, len(was) + len(now), n_old + n_new, len(now)))
        return Failures(*counts, p, False, ())
    broken = [i for i in common if now[i] and not was[i]]
    mended = [i for i in common if was[i] and not now[i]]
    p = 1.0
    if broken:
        p = float(binomtest(len(broken), len(broken) + len(mended), alternative="greater").pvalue)
    certain = bool(broken) and n_old == 0 and same_seed
    return Failures(*counts, p, certain, tuple(int(i) for i in broken))
