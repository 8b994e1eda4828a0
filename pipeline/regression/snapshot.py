"""What the gate needs of a run, small enough to be stored as a baseline."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.errors import UserError
from pipeline.files import fingerprint
from pipeline.posterior_io import read_data_sets
from pipeline.report.inputs import Run, read_run
from pipeline.scores.aggregate import aggregate
from pipeline.scores.metrics import METRICS
from pipeline.scores.timing import speedups

CELL = ["scenario", "method", "metric"]
SCORE_COLUMNS = [*CELL, "dataset", "value", "mcse", "floor", "z2"]
FIT_COLUMNS = ["scenario", "dataset", "method", "status"]
DATA_COLUMNS = ["scenario", "dataset", "data"]
SPEED_COLUMNS = ["scenario", "method", "n_datasets", "slowdown", "low", "high"]
RECORDED = ("run", "seed", "command", "git_commit", "git_changes", "finished", "machine", "python")
SPEED_LEVEL = 0.999


@dataclass(frozen=True)
class Snapshot:
    """A run as the gate sees it.

    Attributes:
        record: seed, configuration, versions and machine, from provenance.json.
        summary: the aggregates of the report, for people who read a baseline's changes.
        scores: one row a data set and metric, signed scores as root mean square over the parameters, others
            as their mean; floor in the same way; z2, for signed scores, the mean of (value / mcse)^2.
        fits: one row a fit and reference run.
        data: a hash of each data set's observations; equal ones are compared in pairs.
        speed: wall time of a fit in units of nuts' in the same run, with its interval.
    """

    record: dict[str, Any]
    summary: pd.DataFrame
    scores: pd.DataFrame
    fits: pd.DataFrame
    data: pd.DataFrame
    speed: pd.DataFrame

    @property
    def seed(self) -> int:
        """Root seed of the run."""
        return self.record["seed"]


def snapshot(folder: Path) -> Snapshot:
    """Read ``results/<run>``.

    Raises:
        UserError: a file is missing or damaged.
    """
    run = read_run(folder)
    if not run.provenance.get("config"):
        raise UserError(f"{folder / 'provenance.json'}: missing; run the workflow to its end first.")
    return Snapshot(
        record=_record(run),
        summary=_summary(run.scores),
        scores=per_data_set(run.scores),
        fits=run.status[FIT_COLUMNS].sort_values(FIT_COLUMNS, ignore_index=True),
        data=_fingerprints(folder, run.scenarios),
        speed=_speed(run.timings),
    )


def per_data_set(scores: pd.DataFrame) -> pd.DataFrame:
    """Combine the parameters of each data set, as ``aggregate`` does before it combines data sets.

    Args:
        scores: the columns of scores.csv.

    Returns:
        ``SCORE_COLUMNS``, sorted; mcse treats the parameters as if they moved together.
    """
    keys = [*CELL, "dataset"]
    codes = scores.groupby(keys).ngroup().to_numpy()
    table = scores[keys].assign(code=codes).drop_duplicates("code").sort_values("code", ignore_index=True)
    value, mcse, floor = (scores[name].to_numpy(dtype=float) for name in ("value", "mcse", "floor"))
    squared = _is_squared(scores["metric"])

    def over_parameters(column: np.ndarray) -> np.ndarray:
        return np.bincount(codes, column) / np.bincount(codes)  # a NaN shows, which pandas would skip

    means = over_parameters(np.where(squared, value**2, value))
    floors = over_parameters(np.where(squared, floor**2, floor))
    errors = over_parameters(np.where(squared, np.abs(value) * mcse, mcse))
    squared = _is_squared(table["metric"])
    with np.errstate(divide="ignore", invalid="ignore"):  # an mcse of zero tells nothing
        z2 = over_parameters((value / mcse) ** 2)
    root = np.sqrt(np.where(squared, means, 1.0))
    return table[keys].assign(
        value=np.where(squared, root, means),
        mcse=np.where(squared, errors / np.where(root > 0, root, np.inf), errors),
        floor=np.where(squared, np.sqrt(np.abs(floors)), floors),
        z2=np.where(squared & np.isfinite(z2), z2, np.nan),
    )


def _is_squared(metrics: pd.Series) -> np.ndarray:
    return np.array([METRICS[name].summary == "root mean square" for name in metrics], dtype=bool)


def _summary(scores: pd.DataFrame) -> pd.DataFrame:
    columns = [*CELL, "n_datasets", "value", "se", "floor"]
    return aggregate(scores)[columns].sort_values(CELL, ignore_index=True)


def _record(run: Run) -> dict[str, Any]:
    keys = [*RECORDED, "packages", "toolchain", "config"]
    return {key: run.provenance.get(key) for key in keys}


def _fingerprints(folder: Path, scenarios: list[str]) -> pd.DataFrame:
    rows = []
    for scenario in sorted(scenarios):
        file = folder / "data" / f"{scenario}.nc"
        if not file.exists():
            raise UserError(f"{file}: missing; run the workflow to its end first.")
        rows += [(scenario, i, fingerprint(data.y)) for i, data in read_data_sets(file).items()]
    return pd.DataFrame(rows, columns=DATA_COLUMNS)


def _speed(timings: pd.DataFrame) -> pd.DataFrame:
    """Return by what factor each method is slower than nuts; below 1 it is faster."""
    table = speedups(timings, level=SPEED_LEVEL)
    table = table[table["measure"] == "wall_s"]
    table = table.assign(slowdown=1 / table["speedup"], low=1 / table["high"], high=1 / table["low"])
    references = table["method"].str.startswith("reference-")
    return table[~references][SPEED_COLUMNS].sort_values(SPEED_COLUMNS[:2], ignore_index=True)
