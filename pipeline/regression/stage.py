"""The gate's two stages: compare a run with its baseline, and accept a run as the baseline."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from pipeline.files import whole, write_json
from pipeline.regression.baseline import check_same_problem, read_baseline, write_baseline
from pipeline.regression.gate import FAILING, judge
from pipeline.regression.junit import junit
from pipeline.regression.markdown import markdown
from pipeline.regression.settings import OUTPUTS, Regression
from pipeline.regression.snapshot import snapshot


def check_baseline(folder: Path, config: dict[str, Any]) -> None:
    """Refuse a baseline with which a run of this configuration cannot be compared, before the run is made.

    Raises:
        UserError: missing, damaged, of another format or of other problems.
    """
    check_same_problem(folder, read_baseline(folder, config["run"]).record, config)


def compare_run(run_folder: Path, baseline_folder: Path, settings: Regression, output: Path) -> None:
    """Write ``OUTPUTS`` to a folder, whatever the verdict.

    Raises:
        UserError: as ``check_baseline``, or for a damaged run.
    """
    run = snapshot(run_folder)
    baseline = read_baseline(baseline_folder, run.record["run"])
    check_same_problem(baseline_folder, baseline.record, run.record["config"])
    outcome = judge(baseline, run, settings)
    record = {
        "failed": outcome.failed,
        "n_comparisons": outcome.n_tests,
        "settings": dataclasses.asdict(settings),
        "notes": outcome.notes,
        "findings": [_without_nan(dataclasses.asdict(finding)) for finding in outcome.findings],
        "slower": [row._asdict() for row in outcome.slower],
        "baseline": {key: baseline.record.get(key) for key in ("run", "seed", "git_commit", "finished")},
        "run": {key: run.record.get(key) for key in ("run", "seed", "git_commit", "finished")},
    }
    write_json(output / "regression.json", record)
    with whole(output / "regression.md") as temporary:
        text = markdown(outcome, baseline.record, run.record, settings)
        temporary.write_text(text, encoding="utf-8")
    with whole(output / "regression.xml") as temporary:
        temporary.write_bytes(junit(outcome, run.record))


def accept(run_folder: Path, baseline_folder: Path) -> None:
    """Write a finished run as the baseline.

    Raises:
        UserError: the run is damaged, or the folder cannot be written.
    """
    write_baseline(baseline_folder, snapshot(run_folder))


def verdict_of(file: Path) -> tuple[bool, str]:
    """Return whether the gate failed, and one line for the terminal, from regression.json."""
    record = json.loads(file.read_text(encoding="utf-8"))
    failing = [f for f in record["findings"] if f["verdict"] in FAILING]
    if not record["failed"]:
        return False, f"Regression gate: passed, {record['n_comparisons']} comparisons."
    worst = "; ".join(
        f"{f['scenario']} / {f['method']} / {f['subject']}: {f['verdict']}" for f in failing[:5]
    )
    more = f" and {len(failing) - 5} more" if len(failing) > 5 else ""
    return True, f"Regression gate: failed. {worst}{more}. Read {file.with_suffix('.md')}."


def withdraw_verdict(run_folder: Path, started: float) -> None:
    """Remove the gate's files after a run that failed before the gate: they are of an earlier run.

    Args:
        run_folder: of the run.
        started: when it began, in seconds since the epoch; the gate's last step has a log from then on.
    """
    log = run_folder / "logs/regression.log"
    if log.exists() and log.stat().st_mtime >= started:
        return
    for name in OUTPUTS:
        (run_folder / "regression" / name).unlink(missing_ok=True)


def _without_nan(finding: dict[str, Any]) -> dict[str, Any]:
    """Return a finding with null where JSON has no number for it."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in finding.items()
    }
