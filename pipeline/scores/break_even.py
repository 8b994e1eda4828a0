"""From how many data sets on training has paid for itself."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.scores.timing import BASELINE, ONE_OFF_PHASES, costs

N_RESAMPLES = 2000


def break_even(timings: pd.DataFrame, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Return what each trained method cost, and from how many data sets on it is cheaper than ``nuts``.

    With a cost c paid once (training, compiling and loading) and mean seconds a for each data set, against
    mean seconds b of nuts, it is c / (b - a); infinite where b <= a. The interval comes from a bootstrap over
    the data sets that both fitted, whose times differ much more than their measurement errs. Compiling the
    Stan program, which nuts needs and a network does not, is left out.

    Args:
        timings: the columns of timings.csv.
        level: coverage of the interval.
        seed: of the bootstrap.

    Returns:
        A row for each scenario and trained method: n_datasets; once_s; each_s and nuts_each_s, means over the
        data sets; break_even, and its interval's low and high, which are NaN for one data set.
    """
    per_fit = costs(timings)
    once = timings[timings["phase"].isin(ONE_OFF_PHASES) & timings["dataset"].isna()]
    trained = timings[timings["phase"] == "train"][["scenario", "method"]].drop_duplicates()
    rows = []
    for scenario, method in trained.itertuples(index=False):
        of_scenario = per_fit[per_fit["scenario"] == scenario]
        own = of_scenario[of_scenario["method"] == method]
        pairs = own.merge(
            of_scenario[of_scenario["method"] == BASELINE], on="dataset", suffixes=("", "_nuts")
        )
        if pairs.empty:
            continue
        paid = once[(once["scenario"] == scenario) & (once["method"] == method)]["wall_s"].sum()
        each, of_nuts = (pairs[name].to_numpy(dtype=float) for name in ("wall_s", "wall_s_nuts"))
        low, high = _interval(float(paid), each, of_nuts, level, seed)
        rows.append(
            (scenario, method, len(pairs), float(paid), each.mean(), of_nuts.mean())
            + (count(float(paid), each.mean(), of_nuts.mean()), low, high)
        )
    columns = ["scenario", "method", "n_datasets", "once_s", "each_s", "nuts_each_s"]
    return pd.DataFrame(rows, columns=[*columns, "break_even", "low", "high"])


def count(once_s: float, each_s: float, other_each_s: float) -> float:
    """Return the number of data sets from which on c + a n is below b n; infinite where it never is."""
    return once_s / (other_each_s - each_s) if other_each_s > each_s else float("inf")


def _interval(
    once_s: float,
    each_s: Float[np.ndarray, " dataset"],
    other_each_s: Float[np.ndarray, " dataset"],
    level: float,
    seed: int,
) -> tuple[float, float]:
    n = len(each_s)
    if n < 2:
        return float("nan"), float("nan")
    chosen = np.random.default_rng(seed).integers(n, size=(N_RESAMPLES, n))
    means = zip(each_s[chosen].mean(axis=1), other_each_s[chosen].mean(axis=1), strict=True)
    found = np.sort([count(once_s, a, b) for a, b in means])
    # By order statistics, since some may be infinite.
    tail = round((1 - level) / 2 * N_RESAMPLES)
    return float(found[tail]), float(found[-1 - tail])
