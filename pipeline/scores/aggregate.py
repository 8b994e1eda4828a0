"""From scores of single data sets to one number, with its error and floor, for each scenario and method."""

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from pipeline.scores.metric import Metric
from pipeline.scores.metrics import METRICS

_MIN_DATA_SETS = 5  # fewer tell too little of their spread

_KEYS = ["scenario", "method", "metric"]
_Column = Float[np.ndarray, " score"]
_PerDataSet = Float[np.ndarray, " dataset"]


@dataclass(frozen=True)
class Summary:
    """One metric of one method over the data sets of a scenario.

    Attributes:
        n_datasets: data sets with a score.
        value: the aggregate.
        se: its standard error: from the spread between data sets where there are at least five, else the
            Monte Carlo error for these very data sets.
        floor, floor_se: the same of the floor.
        excess: by how much the value is worse than the floor.
        excess_se: its error, with value and floor of a data set paired.
        ratio: distance of the value from the ideal in units of the floor's; NaN where the floor is no noise
            level, or is not above the ideal by more than its own error.
    """

    n_datasets: int
    value: float
    se: float
    floor: float
    floor_se: float
    excess: float
    excess_se: float
    ratio: float


def aggregate(scores: pd.DataFrame) -> pd.DataFrame:
    """Summarise scores over parameters and data sets.

    Signed errors are combined as root mean square, so that errors of opposite sign do not cancel and one bad
    data set shows; other scores by their mean, Pareto k-hat by its median, which bears infinite values.

    Args:
        scores: the columns of scores.csv.

    Returns:
        One row for each scenario, method and metric, in the order of ``scores``: these and the fields of
        ``Summary``.
    """
    data_sets = np.asarray(scores["dataset"])
    columns = [np.asarray(scores[name], dtype=float) for name in ("value", "mcse", "floor")]
    positions = scores.groupby(_KEYS).indices
    rows = []
    for values in scores[_KEYS].drop_duplicates().itertuples(index=False):
        key = dict(zip(_KEYS, values, strict=True))
        own = positions[tuple(values)]
        summary = summarise(METRICS[key["metric"]], data_sets[own], *(column[own] for column in columns))
        rows.append({**key, **asdict(summary)})
    return pd.DataFrame(rows, columns=[*_KEYS, *Summary.__dataclass_fields__])


def summarise(
    metric: Metric, data_sets: Shaped[np.ndarray, " score"], values: _Column, mcses: _Column, floors: _Column
) -> Summary:
    """Summarise one metric of one method, given a row for each score."""
    squared = metric.summary == "root mean square"
    if squared:
        values, mcses, floors = values**2, 2 * np.abs(values) * mcses, floors**2
    index, inverse = np.unique(data_sets, return_inverse=True)
    n = len(index)

    def over_parameters(column: _Column) -> _PerDataSet:
        return np.bincount(inverse, column) / np.bincount(inverse)

    by_value, by_floor = over_parameters(values), over_parameters(floors)
    value, slope = _combine(metric, by_value)
    floor, floor_slope = _combine(metric, by_floor)
    # Parameters of one posterior are correlated: averaging over them is not trusted to lower the error.
    monte_carlo = slope * math.sqrt(float(np.sum(over_parameters(mcses) ** 2))) / n
    spread = n >= _MIN_DATA_SETS
    # The floor's own Monte Carlo error is not stored; near the floor it is the method's.
    floor_se = floor_slope * _standard_error(by_floor) if spread else monte_carlo
    with np.errstate(invalid="ignore"):  # of infinite values, which have no error
        paired = slope * by_value - floor_slope * by_floor
    excess_se = _standard_error(paired) if spread else math.sqrt(2) * monte_carlo
    with_floor = metric.baseline != "none"
    noise = floor - metric.ideal
    return Summary(
        n_datasets=n,
        value=value,
        se=slope * _standard_error(by_value) if spread else monte_carlo,
        floor=floor,
        floor_se=floor_se if with_floor else math.nan,
        excess=(floor - value) if metric.direction == "higher is better" else (value - floor),
        excess_se=excess_se if with_floor else math.nan,
        ratio=(value - metric.ideal) / noise if metric.baseline == "noise" and noise > floor_se else math.nan,
    )


def _combine(metric: Metric, per_data_set: _PerDataSet) -> tuple[float, float]:
    """Return the aggregate over data sets, and how far it moves with the data sets' mean."""
    if metric.summary == "median":
        # A normal sample's median has sqrt(pi / 2) times the standard error of its mean.
        return float(np.median(per_data_set)), math.sqrt(math.pi / 2)
    mean = float(np.mean(per_data_set))
    if metric.summary == "mean":
        return mean, 1.0
    root = math.sqrt(mean)
    return root, 1 / (2 * root) if root > 0 else 0.0


def _standard_error(per_data_set: _PerDataSet) -> float:
    """Return the standard error of the mean over data sets; NaN where values are infinite."""
    if not np.isfinite(per_data_set).all():
        return math.nan
    return float(np.std(per_data_set, ddof=1)) / math.sqrt(len(per_data_set))
