"""The checks and trainings of a run's networks, as the report reads them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import UserError

Cell = tuple[str, str]  # scenario and method


@dataclass(frozen=True)
class Checked:
    """The checks of one network: ``pipeline.calibration.checks`` says what the fields are."""

    summary: dict[str, Any]
    table: pd.DataFrame


@dataclass(frozen=True)
class Networks:
    """What is known of a run's networks, by (scenario, method); empty where no method is trained."""

    checks: dict[Cell, Checked] = field(default_factory=dict)
    learning: dict[Cell, dict[str, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.checks or self.learning)

    @property
    def scenarios(self) -> list[str]:
        """Names of the scenarios with networks, in order."""
        return list(dict.fromkeys(scenario for scenario, _ in [*self.checks, *self.learning]))


def read_networks(folder: Path, scenarios: Iterable[str], methods: Iterable[str]) -> Networks:
    """Read the checks and training records of those scenarios and methods that have any.

    Raises:
        UserError: a file is damaged.
    """
    checks, learning = {}, {}
    cells = [(scenario, method) for scenario in scenarios for method in methods]
    for scenario, method in cells:
        summary = folder / "checks" / scenario / f"{method}.json"
        if summary.is_file():
            checks[scenario, method] = Checked(_read(summary), _read_table(summary.with_suffix(".parquet")))
        record = folder / "networks" / scenario / f"{method}.json"
        if record.is_file() and (found := _read(record)).get("curve"):
            learning[scenario, method] = found
    return Networks(checks, learning)


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); rerun the workflow to write it anew") from error


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except Exception as error:  # pyarrow raises many kinds for a damaged file
        raise UserError(f"{path}: cannot be read ({error}); rerun the workflow to write it anew") from error
