"""How much faster than NUTS a method is, by wall clock, by CPU time and for as many effective draws."""

import math

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import t as student_t

BASELINE = "nuts"
FIT_PHASES = ("warmup", "sample", "infer", "correct")
ONE_OFF_PHASES = ("build", "train")
MIN_FOR_INTERVAL = 3  # data sets; of two, the interval may go from nothing to a million
MEASURES = ("wall_s", "cpu_s", "wall_s_per_1000_ess", "cpu_s_per_1000_ess")


def costs(timings: pd.DataFrame) -> pd.DataFrame:
    """Return what each fit cost, without building and training.

    Args:
        timings: the columns of timings.csv.

    Returns:
        scenario, dataset, method, wall_s, cpu_s, ess_bulk_min, and the two costs per 1,000 effective draws,
        which are NaN where the effective sample size is not known. The effective size of an approximation's
        draws tells their precision about its own mean, however biased.
    """
    keys = ["scenario", "dataset", "method"]
    fits = timings[timings["phase"].isin(FIT_PHASES)]
    sums = {"wall_s": "sum", "cpu_s": "sum", "ess_bulk_min": "max"}
    table = pd.DataFrame(fits.groupby(keys, sort=False).agg(sums)).reset_index()
    for measure in ("wall_s", "cpu_s"):
        table[f"{measure}_per_1000_ess"] = table[measure] / table["ess_bulk_min"] * 1000
    return table


def one_off_costs(timings: pd.DataFrame) -> pd.DataFrame:
    """Return scenario, method, phase, wall_s and cpu_s of building and training.

    They are no part of a speedup: building is shared by all methods of Stan, training by all data sets.
    """
    rows = timings[timings["phase"].isin(ONE_OFF_PHASES)]
    keys = ["scenario", "method", "phase"]
    return pd.DataFrame(rows.groupby(keys, sort=False)[["wall_s", "cpu_s"]].sum()).reset_index()


def speedups(timings: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Return by what factor each method is cheaper than ``nuts`` on the data sets that both fitted.

    The ratio is taken for each data set; its geometric mean has Student's t interval for the mean log ratio.
    Data sets without the measure for both are left out.

    Args:
        timings: the columns of timings.csv.
        level: coverage of the interval.

    Returns:
        A row for each scenario, method (``nuts`` left out) and one of ``MEASURES``: n_datasets; the geometric
        means method_cost and nuts_cost; speedup, and its interval's low and high, which are NaN for one or
        two data sets. Above 1 the method is cheaper.
    """
    keys = ["scenario", "dataset"]
    table = costs(timings)
    rivals = table[table["method"] != BASELINE]
    pairs = rivals.merge(table[table["method"] == BASELINE], on=keys, suffixes=("", "_nuts"))
    rows = []
    for scenario, method in pairs[["scenario", "method"]].drop_duplicates().itertuples(index=False):
        own = pairs[(pairs["scenario"] == scenario) & (pairs["method"] == method)]
        for measure in MEASURES:
            cost, of_nuts = (np.asarray(own[name], dtype=float) for name in (measure, f"{measure}_nuts"))
            known = (cost > 0) & (of_nuts > 0)
            if known.any():
                log_cost, log_of_nuts = np.log(cost[known]), np.log(of_nuts[known])
                summary = geometric_mean(log_of_nuts - log_cost, level)
                centre = (math.exp(log_cost.mean()), math.exp(log_of_nuts.mean()))
                rows.append((scenario, method, measure, int(known.sum()), *centre, *summary))
    columns = ["n_datasets", "method_cost", "nuts_cost", "speedup", "low", "high"]
    return pd.DataFrame(rows, columns=["scenario", "method", "measure", *columns])


def geometric_mean(
    log_ratios: Float[np.ndarray, " dataset"], level: float = 0.95
) -> tuple[float, float, float]:
    """Return exp of the mean log ratio and its interval by Student's t, NaN of one or two values."""
    n, mean = len(log_ratios), float(np.mean(log_ratios))
    if n < MIN_FOR_INTERVAL:
        return math.exp(mean), math.nan, math.nan
    half = float(student_t.ppf((1 + level) / 2, n - 1)) * float(np.std(log_ratios, ddof=1)) / math.sqrt(n)
    with np.errstate(over="ignore"):  # two values at a high level say nothing: 0 to infinity
        return math.exp(mean), float(np.exp(mean - half)), float(np.exp(mean + half))
