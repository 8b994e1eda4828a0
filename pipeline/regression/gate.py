"""The gate: every comparison of a run with a baseline, and the verdict on the whole."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from pipeline.regression.compare import MIN_DATA_SETS, Change, change, holm, noise_unit, scaled
from pipeline.regression.exactness import is_exact, p_inexact
from pipeline.regression.fits import Failures, failures
from pipeline.regression.settings import Regression
from pipeline.regression.snapshot import Snapshot
from pipeline.regression.speed import Slower, slower
from pipeline.scores.membership_metrics import KINDS
from pipeline.scores.metrics import METRICS

GATING = (
    ("mean_error_sd", "log_sd_ratio", "wasserstein1_sd", "sliced_wasserstein", "kl_to_reference")
    + tuple(f"{kind}_excess_log_loss" for kind in KINDS)
)  # fmt: skip
"""Metrics that can fail a run: few, so that each keeps its power. C2ST is only watched: it rests on a
classifier; k-hat has no floor, and scores against the truth measure the data as much as the method."""
WATCHED = ("c2st", "pareto_k", *(f"{kind}_total_variation" for kind in KINDS))

Verdict = Literal["regression", "missing", "suspect", "better", "unchanged", "new", "not judged"]
FAILING = ("regression", "missing")
SUSPECT = 0.01  # a p-value without correction that is worth a second look


@dataclass(frozen=True)
class Finding:
    """One line of the gate's table.

    Attributes:
        scenario, method: whose.
        subject: the metric, or "failures".
        verdict: the word.
        old, new, ratio: as in ``Change``; for failures the shares.
        p_value: one-sided, of a loss, after the correction where the finding gates and before it where not.
        n_datasets, design: of the comparison.
        note: what else there is to say.
    """

    scenario: str
    method: str
    subject: str
    verdict: Verdict
    old: float = math.nan
    new: float = math.nan
    ratio: float = math.nan
    p_value: float = math.nan
    n_datasets: int = 0
    design: str = "none"
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What the gate found.

    Attributes:
        findings: the worst first.
        slower: methods that lost speed against nuts; they only warn.
        notes: what is different between the two runs.
        n_tests: comparisons over which the error rate is held.
    """

    findings: list[Finding]
    slower: list[Slower]
    notes: list[str]
    n_tests: int

    @property
    def failed(self) -> bool:
        """Whether the run must not pass."""
        return any(finding.verdict in FAILING for finding in self.findings)


def judge(baseline: Snapshot, run: Snapshot, settings: Regression) -> Outcome:
    """Compare a run with a baseline of the same problems."""
    same_data = _same_data(baseline.data, run.data)
    changes = _changes(baseline, run, same_data, settings.tolerance)
    fits = _failures(baseline, run, same_data)
    gating = [key for key in changes if key[2] in GATING]
    adjusted = holm(np.array([changes[key].p_worse for key in gating] + [fit.p_worse for fit in fits]))
    gains = holm(np.array([changes[key].p_better for key in gating]))
    findings = []
    for key, found in changes.items():
        p, gain = found.p_worse, found.p_better
        if key in gating:
            p, gain = adjusted[gating.index(key)], gains[gating.index(key)]
        findings.append(_finding(key, found, float(p), float(gain), settings.error_rate))
    for fit, p in zip(fits, adjusted[len(gating) :], strict=True):
        findings.append(_failure_finding(fit, float(p), settings.error_rate))
    findings += _absent(baseline, run)
    findings.sort(key=_severity)
    return Outcome(
        findings,
        slower(baseline.speed, run.speed),
        _notes(baseline, run, same_data),
        int(np.sum(~np.isnan(adjusted))),
    )


def _severity(finding: Finding) -> tuple[int, bool, float, float]:
    """Return the place in the table: by verdict, what gates before what is watched, by p-value and ratio."""
    p = 2.0 if math.isnan(finding.p_value) else finding.p_value
    ratio = finding.ratio if math.isfinite(finding.ratio) else 0.0
    return get_args(Verdict).index(finding.verdict), finding.subject in WATCHED, p, -ratio


def _same_data(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, set[int]]:
    """Return by scenario the numbers of the data sets with the same observations."""
    both = old.merge(new, on=["scenario", "dataset", "data"])
    return {str(name): set(rows["dataset"]) for name, rows in both.groupby("scenario")}


def _changes(
    baseline: Snapshot, run: Snapshot, same_data: dict[str, set[int]], tolerance: float
) -> dict[tuple[str, str, str], Change]:
    keys = ["scenario", "method", "metric"]
    groups: list[dict[Any, pd.DataFrame]] = [
        dict(iter(side.scores.groupby(keys))) for side in (baseline, run)
    ]
    old_groups, new_groups = groups
    found = {}
    for key, rows in old_groups.items():
        if key[2] not in GATING + WATCHED or key not in new_groups:
            continue
        metric = METRICS[key[2]]
        unit = noise_unit(metric, rows["floor"].to_numpy(dtype=float))
        old, new = scaled(metric, unit, rows), scaled(metric, unit, new_groups[key])
        compared = change(
            metric, unit, old, new, same_data.get(key[0], set()), baseline.seed == run.seed, tolerance
        )
        found[key] = _with_exactness(compared, rows, new_groups[key])
    return found


def _with_exactness(compared: Change, old: pd.DataFrame, new: pd.DataFrame) -> Change:
    """Add the second look at methods that the baseline cannot tell from Stan: twice the smaller p-value."""
    was, now = old["z2"].to_numpy(dtype=float), new["z2"].to_numpy(dtype=float)
    if not is_exact(was, MIN_DATA_SETS) or len(now) < MIN_DATA_SETS:
        return compared
    # A score without an error, such as that of draws that are all the same, is not exact.
    p = p_inexact(was, np.nan_to_num(now, nan=math.inf), compared.design == "paired")
    return compared._replace(p_worse=min(1.0, 2 * np.fmin(p, compared.p_worse)))


def _failures(baseline: Snapshot, run: Snapshot, same_data: dict[str, set[int]]) -> list[Failures]:
    cell = ["scenario", "method"]
    groups: list[dict[Any, pd.DataFrame]] = [dict(iter(side.fits.groupby(cell))) for side in (baseline, run)]
    old_groups, new_groups = groups
    return [
        failures(
            scenario,
            method,
            old_groups[scenario, method],
            new_groups[scenario, method],
            same_data.get(scenario, set()),
            baseline.seed == run.seed,
        )
        for scenario, method in old_groups
        if (scenario, method) in new_groups
    ]


def _finding(
    key: tuple[str, str, str], found: Change, p_worse: float, p_better: float, error_rate: float
) -> Finding:
    gates = key[2] in GATING
    verdict: Verdict = "unchanged"
    note = "" if gates else "watched, does not gate"
    if math.isnan(found.p_worse):
        verdict = "not judged"
        note = f"{found.n_datasets} data sets with a score, too few to tell a change from chance"
    elif gates and p_worse < error_rate:
        verdict = "regression"
    elif found.p_worse < SUSPECT:
        verdict = "suspect"
    elif p_better < error_rate:
        verdict = "better"
    return Finding(
        *key, verdict, found.old, found.new, found.ratio, p_worse, found.n_datasets, found.design, note
    )


def _failure_finding(fit: Failures, p_value: float, error_rate: float) -> Finding:
    share_old, share_new = fit.old / fit.old_fits, fit.new / fit.new_fits
    note = f"{fit.old} of {fit.old_fits}, now {fit.new} of {fit.new_fits}"
    if fit.which:
        note += f"; newly data set {', '.join(map(str, fit.which[:10]))}" + (" …" * (len(fit.which) > 10))
    verdict: Verdict = "unchanged"
    if fit.certain or p_value < error_rate:
        verdict = "regression"
    elif fit.new > fit.old or fit.which:
        verdict = "suspect"
    elif fit.new < fit.old:
        verdict = "better"
    subject = "uncertified references" if fit.method.startswith("reference-") else "failed fits"
    ratio = share_new / share_old if share_old else math.nan
    return Finding(
        fit.scenario,
        fit.method,
        subject,
        verdict,
        share_old,
        share_new,
        ratio,
        0.0 if fit.certain else p_value,
        min(fit.old_fits, fit.new_fits),
        "paired" if fit.which else "",
        note,
    )


def _absent(baseline: Snapshot, run: Snapshot) -> list[Finding]:
    """Return what only one of the two runs has: a cell (scenario and method), or a metric of a common one.

    A cell none of whose fits succeeded has no metrics; its failures say so.
    """
    (old_cells, old_metrics), (new_cells, new_metrics) = (
        (
            set(zip(side.fits["scenario"], side.fits["method"], strict=True)),
            set(zip(side.scores["scenario"], side.scores["method"], side.scores["metric"], strict=True)),
        )
        for side in (baseline, run)
    )
    scored = {key[:2] for key in new_metrics}
    findings = [
        Finding(*cell, "all metrics", "missing", note="the run has no such method in this scenario")
        for cell in sorted(old_cells - new_cells)
    ]
    findings += [
        Finding(*key, "missing", note="the run has no such score")
        for key in sorted(old_metrics - new_metrics)
        if key[:2] in scored
    ]
    findings += [
        Finding(*cell, "all metrics", "new", note="not in the baseline")
        for cell in sorted(new_cells - old_cells)
    ]
    findings += [
        Finding(*key, "new", note="not in the baseline")
        for key in sorted(new_metrics - old_metrics)
        if key[:2] in old_cells
    ]
    return findings


def _notes(baseline: Snapshot, run: Snapshot, same_data: dict[str, set[int]]) -> list[str]:
    """Say in what the two runs differ beside their scores."""
    notes = []
    counts = baseline.data.groupby("scenario").size()
    if same_data and all(len(same_data.get(str(name), ())) == count for name, count in counts.items()):
        notes.append("All data sets of the baseline are in this run: scores are compared in pairs.")
    elif same_data:
        shared = sum(len(numbers) for numbers in same_data.values())
        notes.append(f"{shared} of the baseline's {len(baseline.data)} data sets are in this run.")
    else:
        notes.append("No data set of the baseline is in this run: scores are not compared in pairs.")
    if few := [str(name) for name, count in counts.items() if count < MIN_DATA_SETS]:
        notes.append(
            f"Of {', '.join(few)} the baseline has fewer than {MIN_DATA_SETS} data sets: only losses beyond "
            "twice a score and its Monte Carlo error can be told from chance there, and only with the same "
            "seed; others read as unchanged."
        )
    then, now = baseline.record["config"].get("methods", {}), run.record["config"].get("methods", {})
    notes += [
        f"Settings of {name}: {then[name] or {}} in the baseline, {now[name] or {}} now."
        for name in then
        if name in now and (then[name] or {}) != (now[name] or {})
    ]
    packages, own = (side.record.get("packages") or {} for side in (baseline, run))
    changed = [
        f"{name} {packages[name]} → {own[name]}" for name in packages if own.get(name, "") != packages[name]
    ]
    if changed:
        notes.append(f"Versions: {', '.join(changed)}.")
    if baseline.record.get("machine") != run.record.get("machine"):
        notes.append("Another machine than the baseline's: times are compared as ratios to nuts only.")
    return notes
