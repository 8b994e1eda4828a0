"""The first screen: a verdict for every method and scenario, and one plain sentence a method."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.report.cells import short
from pipeline.report.duels import duel
from pipeline.report.inputs import Run
from pipeline.report.scoring import METRICS, VERDICT_MEANINGS, Judgement, limit_share
from pipeline.report.sentences import YARDSTICK, Finding, answer, join, method_sentence
from pipeline.scores.label_metrics import MAX_R_HAT
from pipeline.scores.referenced import has_reference

FEW_DATA_SETS = 5
COMMON_METRIC = "wasserstein1_sd"  # shown in every cell, so that cells can be compared


@dataclass(frozen=True)
class Fact:
    """One line of a cell: a label with its glossary entry, a value and what stands beside it in grey."""

    label: str
    value: str
    aside: str = ""
    term: str = ""


@dataclass(frozen=True)
class OverviewCell:
    """What one method is worth on one scenario: a verdict, its gist in a few words, the facts behind it.

    ``rank`` and ``speed`` are what rows may be ordered by: 0 for the best verdict; the speedup, 0 for none.
    """

    scenario: str
    verdict: str
    gist: str
    facts: tuple[Fact, ...]
    rank: int
    speed: float


@dataclass(frozen=True)
class OverviewRow:
    """One method with its cells and its sentence."""

    method: str
    findings: tuple[Finding, ...]
    cells: tuple[OverviewCell, ...]
    words: str


@dataclass(frozen=True)
class Overview:
    """The whole first screen; ``columns`` and ``key`` hold dictionaries of texts."""

    answer: str
    notices: tuple[str, ...]
    columns: tuple[dict[str, str], ...]
    rows: tuple[OverviewRow, ...]
    key: tuple[dict[str, str], ...]
    footnote: str


def make_overview(
    run: Run,
    judgements: Mapping[tuple[str, str], Judgement],
    speedups: pd.DataFrame,
    break_evens: pd.DataFrame,
) -> Overview:
    """Put the verdicts, the numbers that they rest on and their sentences together.

    Args:
        run: the run.
        judgements: by scenario and method.
        speedups: as of pipeline.scores.timing.
        break_evens: as of pipeline.scores.break_even.
    """
    rows = []
    pays_from = {
        (row["scenario"], row["method"]): float(row["break_even"]) for row in break_evens.to_dict("records")
    }
    for method in run.methods:
        findings, cells = [], []
        for scenario in run.scenarios:
            judgement = judgements.get((scenario, method))
            finding = _finding(run, judgement, speedups, scenario, method)
            finding = replace(finding, pays_from=pays_from.get((scenario, method)))
            findings.append(finding)
            facts = tuple(_facts(judgement, finding))
            rank, speed = list(VERDICT_MEANINGS).index(finding.label), (finding.speedup or (0.0,))[0]
            cells.append(OverviewCell(scenario, finding.label, _gist(finding), facts, rank, speed))
        sentence = method_sentence(method, findings)
        rows.append(OverviewRow(method, tuple(findings), tuple(cells), sentence))
    used = {cell.verdict for row in rows for cell in row.cells}
    return Overview(
        answer=answer(rows),
        notices=tuple(_notices(run)),
        columns=tuple({"scenario": name, "note": _column_note(run, name)} for name in run.scenarios),
        rows=tuple(rows),
        key=tuple(
            {"verdict": kind, "meaning": text} for kind, text in VERDICT_MEANINGS.items() if kind in used
        ),
        footnote=_footnote(run, rows),
    )


def _finding(
    run: Run, judgement: Judgement | None, speedups: pd.DataFrame, scenario: str, method: str
) -> Finding:
    if judgement is None:
        return Finding(scenario, "absent", 0, 0, None, math.nan, math.nan, math.nan, None)
    row = speedups[
        (speedups["scenario"] == scenario)
        & (speedups["method"] == method)
        & (speedups["measure"] == "wall_s")
    ]
    speedup = None
    if len(row):
        first = row.iloc[0]
        speedup = (float(first["speedup"]), float(first["low"]), float(first["high"]))
    by_metric = {entry["metric"]: entry["value"] for entry in judgement.decisive}
    scores = run.scores
    own = scores[(scores["scenario"] == scenario) & (scores["method"] == method)]
    log_sd_ratios = own[own["metric"] == "log_sd_ratio"]["value"].to_numpy()
    unmixed = own[(own["metric"] == "rhat_invariant") & (own["value"] > MAX_R_HAT)]["dataset"]
    worst = judgement.decisive[0] if judgement.decisive and limit_share(judgement.decisive[0]) > 1 else None
    return Finding(
        scenario=scenario,
        label=judgement.label,
        n_tried=judgement.n_tried,
        n_unreferenced=judgement.n_unreferenced,
        n_uncertified=judgement.n_uncertified,
        n_failed=judgement.n_failed,
        speedup=speedup,
        mean_error=by_metric.get("mean_error_sd", math.nan),
        log_sd_ratio=by_metric.get("log_sd_ratio", math.nan),
        mean_log_sd_ratio=float(np.mean(log_sd_ratios)) if log_sd_ratios.size else math.nan,
        worst=None if worst is None else (METRICS[worst["metric"]].title, worst["value"], worst["limit"]),
        duel=duel(scores, run.timings, scenario, method),
        responsible=judgement.responsible,
        warned_of=tuple(sorted(int(number) for number in unmixed)),
    )


def _gist(finding: Finding) -> str:
    """Return what a reader who compares methods wants beside the verdict."""
    parts = []
    if finding.speedup:
        parts.append(f"{short(finding.speedup[0])}× as fast")
    if finding.pays_from is not None:
        is_finite = math.isfinite(finding.pays_from)
        parts.append(f"pays from {short(finding.pays_from)}" if is_finite else "training never pays")
    if finding.responsible:
        parts.append(f"through {len(finding.responsible)} of {finding.n_scored} data sets")
    if finding.n_failed:
        parts.append(f"{finding.n_failed} of {finding.n_tried} failed")
    return " · ".join(parts)


def _facts(judgement: Judgement | None, finding: Finding) -> list[Fact]:
    if judgement is None:
        return [Fact("not run", "")]
    # The common metric, and the score that weighs most in the verdict where that is another one.
    common = [row for row in judgement.decisive if row["metric"] == COMMON_METRIC]
    worst = [row for row in judgement.decisive[:1] if row["metric"] != COMMON_METRIC]
    facts = [_score_fact(row) for row in common + worst]
    if finding.speedup:
        value, low, high = finding.speedup
        interval = f"{short(low)} to {short(high)}" if math.isfinite(low) else "one data set"
        facts.append(Fact("speedup", f"{short(value)}×", interval, "speedup"))
    if finding.pays_from is not None:
        value = f"{short(finding.pays_from)} data sets" if math.isfinite(finding.pays_from) else "never"
        facts.append(Fact("break-even", value, "", "break-even"))
    if finding.responsible:
        which = f"data set{'' if len(finding.responsible) == 1 else 's'} "
        which += join([str(number) for number in sorted(finding.responsible)])
        facts.append(Fact("within limits without", which, f"of {finding.n_scored}", "few-data-sets"))
    if finding.n_tried:
        facts.append(Fact("failed", f"{finding.n_failed} of {finding.n_tried}", "", "status"))
    return facts


def _score_fact(row: Mapping) -> Fact:
    floor = f"floor {short(row['floor'])}" if math.isfinite(row["floor"]) else "no floor"
    value = short(row["value"])
    if math.isfinite(row["se"]):
        value += f" ± {short(row['se'])}"
    return Fact(METRICS[row["metric"]].title, value, floor, row["metric"])


def _column_note(run: Run, scenario: str) -> str:
    here = run.status[run.status["scenario"] == scenario]
    n = here["dataset"].nunique()
    uncertified = here[here["status"] == "uncertified"]["dataset"].nunique()
    text = f"{n:,} data set{'' if n == 1 else 's'}"
    n_referenced = here[has_reference(here, run.status)]["dataset"].nunique()
    if n_referenced < n:
        text += f", {n_referenced} with a reference"
    return f"{text}, {uncertified} uncertified" if uncertified else text


def _footnote(run: Run, rows: Sequence[OverviewRow]) -> str:
    texts = [
        "Speedups are of wall time against nuts on the same data sets, with 95% intervals from three data "
        "sets on; "
        "compiling and training are not in them."
    ]
    if any(finding.pays_from is not None for row in rows for finding in row.findings):
        texts.append("“Pays from 100”: training costs less than it saves from 100 data sets on.")
    few = [
        scenario
        for i, scenario in enumerate(run.scenarios)
        if 0 < max((_n_judged(row.findings[i]) for row in rows), default=0) < FEW_DATA_SETS
    ]
    if few:
        texts.append(
            f"Verdicts on {join(few)} rest on fewer than {FEW_DATA_SETS} data sets: "
            "differences too small for so few to show may exist."
        )
    return " ".join(texts)


def _n_judged(finding: Finding) -> int:
    return finding.n_tried - finding.n_unreferenced - finding.n_uncertified


def _notices(run: Run) -> list[str]:
    if run.scores.empty and run.truth_scores.empty:
        return ["Nothing was scored in this run. The reasons stand under Failures."]
    if YARDSTICK not in run.methods:
        return ["NUTS is not among this run’s methods, so no speedup can be given."]
    return []
