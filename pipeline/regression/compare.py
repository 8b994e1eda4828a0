"""Whether a metric of a method has become worse: one test for each scenario, method and metric.

Scores are compared on the scale asinh(score / floor), where one unit is one floor for scores near it and a
factor of e for scores far above: errors of data sets differ by orders of magnitude, and a mean of them would
be the worst one's. Worse means: the mean over data sets has grown by more than the tolerance. The p-value is
that of Student's t test, paired where both runs have the same data sets and Welch's where not, its error at
least the scores' Monte Carlo error; or that of a rank test, Wilcoxon's or Mann and Whitney's; the smaller,
doubled. A fault that spoils every data set, some of them ten times more than others, is plain to ranks and
not to t. With fewer than five data sets there is no spread to go by: the Monte Carlo error then counts alone,
against a doubling, and only where both runs have the same data sets and seed, because it does not know of
random numbers within a method that are not draws.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import mannwhitneyu, norm, wilcoxon
from scipy.stats import t as student_t

from pipeline.scores.metric import Metric

MIN_DATA_SETS = 5
FEW_TOLERANCE = math.log(2)
_LARGEST = 1e6  # floors; infinite scores count as this much

Column = Float[np.ndarray, " dataset"]


class Change(NamedTuple):
    """How a metric of one method has moved.

    Attributes:
        old, new: the typical score: mean over data sets on the scale of the comparison, back-transformed.
        ratio: distance from the ideal, new in units of old; NaN where the old one is none.
        n_datasets: in the comparison; the smaller number where the two differ.
        design: how data sets were compared.
        p_worse, p_better: one-sided p-values; NaN where there are too few data sets.
    """

    old: float
    new: float
    ratio: float
    n_datasets: int
    design: Literal["paired", "unpaired", "none"]
    p_worse: float
    p_better: float


class Side(NamedTuple):
    """One run's scores of one metric and method on the scale of the comparison, with Monte Carlo errors."""

    dataset: np.ndarray
    score: Column
    mcse: Column


def noise_unit(metric: Metric, floors: Column) -> float:
    """Return the score that counts as noise: the baseline's median floor, or a tenth of ``close``."""
    if metric.baseline == "noise":
        usable = np.abs(floors[np.isfinite(floors)] - metric.ideal)
        if usable.size and np.median(usable) > 0:
            return float(np.median(usable))
    return abs((metric.close if metric.close is not None else metric.ideal + 1) - metric.ideal) / 10


def scaled(metric: Metric, unit: float, rows: pd.DataFrame) -> Side:
    """Return scores on the scale of the comparison; infinite ones, and unknown ones, count as ``_LARGEST``.

    Args:
        metric: whose they are.
        unit: of ``noise_unit``.
        rows: dataset, value and mcse.
    """
    value, mcse = rows["value"].to_numpy(dtype=float), rows["mcse"].to_numpy(dtype=float)
    sign = -1 if metric.direction == "higher is better" else 1
    units = np.clip(np.nan_to_num(sign * (value - metric.ideal) / unit, nan=_LARGEST), -_LARGEST, _LARGEST)
    return Side(rows["dataset"].to_numpy(), np.arcsinh(units), mcse / unit / np.sqrt(1 + units**2))


def change(
    metric: Metric,
    unit: float,
    old: Side,
    new: Side,
    same_data: set[int],
    same_seed: bool,
    tolerance: float,
) -> Change:
    """Compare two runs.

    Args:
        metric: what is compared.
        unit: of ``noise_unit``.
        old, new: the sides.
        same_data: numbers of the data sets whose observations are the same in both runs.
        same_seed: whether both runs have the same root seed.
        tolerance: what may be lost on the scale of the comparison.
    """
    common = sorted(set(old.dataset) & set(new.dataset) & same_data)
    if len(common) >= MIN_DATA_SETS or (common and same_seed):
        old, new = _only(old, common), _only(new, common)
        difference = new.score - old.score
        centre, n = float(np.mean(difference)), len(common)
        sampling = math.sqrt(float(np.sum(old.mcse**2 + new.mcse**2))) / n
        if n >= MIN_DATA_SETS:
            spread = float(np.std(difference, ddof=1)) / math.sqrt(n)
            p = _p_values(centre, tolerance, max(spread, _known(sampling)), n - 1)
            if spread >= _known(sampling):
                p = _either(p, _signed_rank(difference, tolerance), _signed_rank(-difference, tolerance))
        else:
            p = _p_values(centre, FEW_TOLERANCE, sampling, math.inf)
        return Change(*_typical(metric, unit, old, new), n, "paired", *p)
    n_old, n_new = len(old.score), len(new.score)
    centres = _typical(metric, unit, old, new) if n_old and n_new else (math.nan, math.nan, math.nan)
    n = min(n_old, n_new)
    if n < MIN_DATA_SETS:
        return Change(*centres, n, "none", math.nan, math.nan)
    variances = [float(np.var(side.score, ddof=1)) / len(side.score) for side in (old, new)]
    total = sum(variances)
    parts = variances[0] ** 2 / (n_old - 1) + variances[1] ** 2 / (n_new - 1)
    freedom = total**2 / parts if parts > 0 else math.inf
    sampling = math.hypot(*(_known(float(np.sqrt(np.sum(s.mcse**2))) / len(s.score)) for s in (old, new)))
    centre = float(np.mean(new.score) - np.mean(old.score))
    p = _p_values(centre, tolerance, max(math.sqrt(total), sampling), freedom)
    if math.sqrt(total) >= sampling:
        p = _either(p, _rank_sum(old, new, tolerance), _rank_sum(new, old, tolerance))
    return Change(*centres, n, "unpaired", *p)


def holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Return p-values adjusted for their number (Holm 1979, Scand. J. Statist. 6(2)); NaN ones stay out."""
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = p_values[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def _p_values(difference: float, tolerance: float, error: float, freedom: float) -> tuple[float, float]:
    """Return the chances of a loss, and of a gain, as large beyond the tolerance if there were none."""
    if not (math.isfinite(difference) and math.isfinite(error)):
        return math.nan, math.nan
    if error == 0:
        return float(difference <= tolerance), float(difference >= -tolerance)
    tail = norm.sf if math.isinf(freedom) else lambda z: student_t.sf(z, freedom)
    return float(tail((difference - tolerance) / error)), float(tail((-difference - tolerance) / error))


def _either(p_values: tuple[float, float], *by_ranks: float) -> tuple[float, float]:
    """Return twice the smaller of two p-values, of the loss and of the gain."""
    worse, better = (min(1.0, 2 * min(pair)) for pair in zip(p_values, by_ranks, strict=True))
    return worse, better


def _signed_rank(difference: Column, tolerance: float) -> float:
    """Return Wilcoxon's chance of differences as large beyond the tolerance."""
    return float(np.asarray(wilcoxon(difference - tolerance, alternative="greater"))[1])


def _rank_sum(smaller: Side, larger: Side, tolerance: float) -> float:
    """Return Mann and Whitney's chance of the second side's scores lying as high beyond the tolerance."""
    return float(mannwhitneyu(larger.score - tolerance, smaller.score, alternative="greater").pvalue)


def _only(side: Side, data_sets: list[int]) -> Side:
    position = {number: i for i, number in enumerate(side.dataset)}
    index = [position[number] for number in data_sets]
    return Side(side.dataset[index], side.score[index], side.mcse[index])


def _known(error: float) -> float:
    return error if math.isfinite(error) else 0.0


def _typical(metric: Metric, unit: float, old: Side, new: Side) -> tuple[float, float, float]:
    distances = [unit * math.sinh(float(np.mean(side.score))) for side in (old, new)]
    sign = -1 if metric.direction == "higher is better" else 1
    values = [metric.ideal + sign * distance for distance in distances]
    return values[0], values[1], distances[1] / distances[0] if distances[0] > 0 else math.nan
