"""A snapshot in a folder of text files: one record and five tables, which git's differences show by line."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import UserError
from pipeline.files import whole, write_json
from pipeline.regression.settings import RECORD_FILE, TABLE_NAMES
from pipeline.regression.snapshot import (
    CELL,
    DATA_COLUMNS,
    FIT_COLUMNS,
    SCORE_COLUMNS,
    SPEED_COLUMNS,
    Snapshot,
)

FORMAT = 1
_COLUMNS = {
    "summary": [*CELL, "n_datasets", "value", "se", "floor"],
    "scores": SCORE_COLUMNS,
    "fits": FIT_COLUMNS,
    "data": DATA_COLUMNS,
    "speed": SPEED_COLUMNS,
}


def write_baseline(folder: Path, found: Snapshot) -> None:
    """Write a baseline; numbers have six digits, the record, written last, holds each table's hash."""
    hashes = {}
    for name in TABLE_NAMES:
        path = folder / f"{name}.csv"
        with whole(path) as temporary:
            table: pd.DataFrame = getattr(found, name)
            table[_COLUMNS[name]].to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
            hashes[path.name] = _hash(temporary)
    write_json(folder / RECORD_FILE, {"format": FORMAT, "sha256": hashes, **found.record})


def read_baseline(folder: Path, run: str) -> Snapshot:
    """Read a baseline.

    Args:
        folder: where it lies.
        run: name of the run, for the command that makes one.

    Raises:
        UserError: there is none, it is damaged or of another format; what to do.
    """
    anew = "write a new one with `snakemake --cores all accept_baseline`"
    if not (folder / RECORD_FILE).is_file():
        raise UserError(
            f"{folder}: holds no baseline of the run {run} ({RECORD_FILE} is missing). Check out a version "
            f"whose results you trust and {anew} there (the same --configfile behind it), or name the "
            "folder by regression.baseline in the configuration."
        )
    again = f"Restore the folder, for example with `git checkout -- {folder}`, or {anew}."
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        version = record["format"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(
            f"{folder / RECORD_FILE}: is damaged ({type(error).__name__}: {error}). {again}"
        ) from error
    if version != FORMAT:
        raise UserError(
            f"{folder / RECORD_FILE}: format {version}, where this version reads {FORMAT}. Check out the "
            f"version that wrote it, or {anew}."
        )
    missing = [key for key in ("run", "seed", "config", "sha256") if key not in record]
    if missing:
        raise UserError(f"{folder / RECORD_FILE}: is damaged (lacks {', '.join(missing)}). {again}")
    for name in TABLE_NAMES:
        path = folder / f"{name}.csv"
        if not path.is_file() or _hash(path) != record["sha256"].get(path.name):
            found = "is not what baseline.json was written with" if path.is_file() else "is missing"
            raise UserError(f"{path}: {found}, so the baseline is damaged. {again}")
    tables = {name: _table(folder / f"{name}.csv") for name in TABLE_NAMES}
    record = {key: value for key, value in record.items() if key not in ("format", "sha256")}
    return Snapshot(record=record, **tables)


def check_same_problem(folder: Path, baseline: dict[str, Any], config: dict[str, Any]) -> None:
    """Refuse a baseline of other problems; other methods and their settings are what is compared.

    Args:
        folder: the baseline's.
        baseline: its record.
        config: the configuration now.

    Raises:
        UserError: another run's, or scenarios or reference settings that differ.
    """
    remedy = (
        "Undo the change, write a new baseline with `snakemake --cores all accept_baseline`, or name another "
        "folder by regression.baseline in the configuration."
    )
    if baseline["run"] != config["run"]:
        raise UserError(
            f"{folder}: is a baseline of the run {baseline['run']!r}, not of {config['run']!r}. {remedy}"
        )
    then = baseline["config"]
    differing = [
        (f"scenarios.{name}", block, config["scenarios"][name])
        for name, block in then["scenarios"].items()
        if name in config["scenarios"] and _problem(block) != _problem(config["scenarios"][name])
    ]
    if (then.get("reference") or {}) != (config.get("reference") or {}):
        differing.append(("reference", then.get("reference"), config.get("reference")))
    if differing:
        key, before, now = differing[0]
        raise UserError(
            f"{folder}: the baseline's configuration has {key}: {json.dumps(before)}, the present one "
            f"{json.dumps(now)}; scores of different problems cannot be compared. {remedy}"
        )


def _problem(block: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a scenario's data and posterior depend on, however many data sets there are."""
    return {key: value for key, value in (block or {}).items() if key != "n_datasets"}


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _hash(path: Path) -> str:
    # By lines, since git may turn line ends into Windows' own.
    return hashlib.sha256("\n".join(path.read_text(encoding="utf-8").splitlines()).encode()).hexdigest()
