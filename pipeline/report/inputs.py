"""Read the files of one run, the only thing that a report sees of it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import UserError
from pipeline.job_costs import read_job_costs
from pipeline.report.checked import Networks, read_networks
from pipeline.report.examples import Example, read_examples
from pipeline.scores.referenced import REFERENCE_METHODS, has_reference

PHASES = ("build", "train", "warmup", "sample", "infer", "correct")
STATUSES = ("ok", "failed", "timeout", "uncertified")

_TEXT, _INTEGER, _NUMBER, _FLAG = "text", "integer", "number", "flag"
_COLUMNS = {
    "scores.parquet": {
        "scenario": _TEXT,
        "dataset": _INTEGER,
        "method": _TEXT,
        "metric": _TEXT,
        "parameter": _TEXT,
        "value": _NUMBER,
        "mcse": _NUMBER,
        "floor": _NUMBER,
    },
    "timings.csv": {
        "scenario": _TEXT,
        "dataset": _INTEGER,
        "method": _TEXT,
        "phase": _TEXT,
        "wall_s": _NUMBER,
        "cpu_s": _NUMBER,
        "n_draws": _NUMBER,
        "ess_bulk_min": _NUMBER,
    },
    "status.csv": {
        "scenario": _TEXT,
        "dataset": _INTEGER,
        "method": _TEXT,
        "status": _TEXT,
        "reason": _TEXT,
    },
    "certificates.csv": {
        "scenario": _TEXT,
        "dataset": _INTEGER,
        "run": _INTEGER,
        "attempt": _INTEGER,
        "r_hat_max": _NUMBER,
        "ess_bulk_min": _NUMBER,
        "ess_tail_min": _NUMBER,
        "divergences": _INTEGER,
        "e_bfmi_min": _NUMBER,
        "treedepth_saturated": _NUMBER,
        "certified": _FLAG,
        "reason": _TEXT,
    },
    "copies.csv": {
        "scenario": _TEXT,
        "dataset": _INTEGER,
        "method": _TEXT,
        "chain": _INTEGER,
        "copy": _TEXT,
        "share": _NUMBER,
        "switch_rate": _NUMBER,
    },
}
_NEWER = ("copies.csv",)  # a run of an earlier version, with which one may compare, has none


@dataclass(frozen=True)
class Run:
    """One run's results as read from ``results/<run>/``; every table may be empty.

    Attributes:
        folder: where they were read from.
        scores: one row a number (scores.parquet), of data sets that were to have a reference.
        truth_scores: the same of those that were not, which are scored against the truth alone.
        timings: one row a phase of a fit (timings.csv); ``dataset`` is missing for builds.
        status: one row a fit (status.csv).
        certificates: one row an attempt at a reference run (certificates.csv).
        copies: one row a chain and copy of a mode that it visited (copies.csv).
        provenance: what ran where (provenance.json).
        examples: plot-ready arrays of one data set a scenario (examples.nc), where there are any.
        job_costs: one row a finished job (logs/).
        networks: checks and trainings of methods that are trained.
    """

    folder: Path
    scores: pd.DataFrame
    truth_scores: pd.DataFrame
    timings: pd.DataFrame
    status: pd.DataFrame
    certificates: pd.DataFrame
    copies: pd.DataFrame
    provenance: dict[str, Any]
    examples: dict[str, Example]
    job_costs: pd.DataFrame
    networks: Networks = field(default_factory=Networks)

    @property
    def name(self) -> str:
        """The run's name, as in ``results/<run>``."""
        return str(self.provenance.get("run") or self.folder.resolve().name)

    @property
    def scenarios(self) -> list[str]:
        """Names of the scenarios in the order in which the status table names them first."""
        return _in_order(self.status["scenario"], self.scores["scenario"], self.timings["scenario"])

    @property
    def methods(self) -> list[str]:
        """Names of the methods, ``nuts`` first, without the reference runs."""
        return _methods(self.status, self.scores)


def read_run(folder: Path) -> Run:
    """Read and check the files of ``results/<run>/``.

    Raises:
        UserError: a file is missing, cannot be read or lacks a column, or a cell has the wrong type.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the folder of a run, such as results/default")
    tables = {
        name: _read_table(folder / name, columns)
        if name not in _NEWER or (folder / name).exists()
        else pd.DataFrame(columns=list(columns))
        for name, columns in _COLUMNS.items()
    }
    examples_file = folder / "examples.nc"
    scores, status = tables["scores.parquet"], tables["status.csv"]
    with_reference = has_reference(scores, status)
    return Run(
        folder=folder,
        scores=scores[with_reference].reset_index(drop=True),
        truth_scores=scores[~with_reference].reset_index(drop=True),
        timings=tables["timings.csv"],
        status=status,
        certificates=tables["certificates.csv"],
        copies=tables["copies.csv"],
        provenance=_read_json(folder / "provenance.json"),
        examples=read_examples(examples_file) if examples_file.exists() else {},
        job_costs=read_job_costs(folder),
        networks=read_networks(folder, _in_order(status["scenario"]), _methods(status, scores)),
    )


def _methods(status: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    names = _in_order(status["method"], scores["method"])
    names = [name for name in names if name and name not in REFERENCE_METHODS and name != "reference"]
    return sorted(names, key=lambda name: name != "nuts")


def _read_table(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    _require(path)
    try:
        if path.suffix == ".parquet":
            raw = pd.read_parquet(path)
        elif path.read_bytes() in (b"\n", b"\r\n"):  # how pandas writes a table without columns
            raw = pd.DataFrame(columns=list(columns))
        else:
            raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    except Exception as error:  # pyarrow and pandas raise many kinds for a damaged file
        raise UserError(f"{path}: cannot be read ({error}); rerun the workflow to write it anew") from error
    missing = [name for name in columns if name not in raw.columns]
    if missing:
        raise UserError(
            f"{path}: lacks column {', '.join(missing)}; found {', '.join(map(str, raw.columns))}"
        )
    return pd.DataFrame({name: _as_kind(path, raw[name], kind) for name, kind in columns.items()})


def _as_kind(path: Path, column: pd.Series, kind: str) -> pd.Series:
    if kind == _TEXT:
        return column.astype(object).where(column.notna(), "").astype(str)
    if kind == _FLAG:
        text = column.astype(str).str.lower()
        return _checked(path, column, text == "true", text.isin(("true", "false")))
    filled = column if pd.api.types.is_numeric_dtype(column) else column.replace("", None)
    numbers = pd.to_numeric(filled, errors="coerce").astype(float)
    absent = column.isna() | column.astype(str).str.lower().isin(("", "nan"))
    if kind == _NUMBER:
        return _checked(path, column, numbers, numbers.notna() | absent)
    whole = numbers.isna() | (numbers == numbers.round())
    return _checked(path, column, numbers.where(whole), (numbers.notna() & whole) | absent).astype("Int64")


def _checked(path: Path, raw: pd.Series, parsed: pd.Series, valid: pd.Series) -> pd.Series:
    if not valid.all():
        row = int((~valid).to_numpy().argmax())
        raise UserError(
            f"{path}: column {raw.name}, data row {row + 1}: found {raw.iloc[row]!r}, which is not of the "
            "column's type; rerun the workflow to write the file anew"
        )
    return parsed


def _read_json(path: Path) -> dict[str, Any]:
    _require(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); rerun the workflow to write it anew") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds {type(content).__name__}, where an object is needed")
    return content


def _require(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path}: no such file; a run's report needs it, so let the workflow finish first")


def _in_order(*columns: pd.Series) -> list[str]:
    return list(dict.fromkeys(name for column in columns for name in column if name))
