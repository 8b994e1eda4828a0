"""The first screen: a verdict for every method and scenario, and one plain sentence a method.

Every sentence is put together from the numbers beside it, so that nothing is said that they do not say.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.report.cells import number
from pipeline.report.inputs import Run
from pipeline.report.scoring import VERDICT_MEANINGS, Judgement, metric

YARDSTICK = "nuts"
GOOD = ("indistinguishable", "close")
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
    """What one method is worth on one scenario."""

    scenario: str
    verdict: str
    facts: tuple[Fact, ...]
    n_fits: int
    n_failed: int
    speedup: tuple[float, float, float] | None  # value, low, high


@dataclass(frozen=True)
class OverviewRow:
    """One method with its cells and its sentence."""

    method: str
    cells: tuple[OverviewCell, ...]
    words: str


@dataclass(frozen=True)
class Overview:
    """The whole first screen."""

    answer: str
    notices: tuple[str, ...]
    columns: tuple[dict[str, str], ...]
    rows: tuple[OverviewRow, ...]
    key: tuple[dict[str, str], ...]


def make_overview(
    run: Run, judgements: Mapping[tuple[str, str], Judgement], speedups: pd.DataFrame
) -> Overview:
    """Judge every method on every scenario and say it in words."""
    rows = []
    for method in run.methods:
        cells = tuple(_cell(judgements.get((scenario, method)), speedups, scenario, method) for scenario in run.scenarios)
        rows.append(OverviewRow(method, cells, _sentence(method, cells)))
    used = {cell.verdict for row in rows for cell in row.cells}
    return Overview(
        answer=_answer(rows),
        notices=tuple(_notices(run)),
        columns=tuple({"scenario": name, "note": _column_note(run, name)} for name in run.scenarios),
        rows=tuple(rows),
        key=tuple({"verdict": kind, "meaning": text} for kind, text in VERDICT_MEANINGS.items() if kind in used),
    )


def _cell(
    judgement: Judgement | None, speedups: pd.DataFrame, scenario: str, method: str
) -> OverviewCell:
    if judgement is None:
        return OverviewCell(scenario, "unscored", (Fact("not run", ""),), 0, 0, None)
    row = speedups[
        (speedups["scenario"] == scenario) & (speedups["method"] == method) & (speedups["measure"] == "wall_s")
    ]
    speedup = tuple(row[["speedup", "low", "high"]].iloc[0]) if len(row) and method != YARDSTICK else None
    facts = _score_facts(judgement)
    if speedup is not None:
        low, high = speedup[1:]
        interval = f"{number(low)}–{number(high)}" if math.isfinite(low) and math.isfinite(high) else "one fit"
        facts.append(Fact("speedup", f"{number(speedup[0])}×", interval, "speedup"))
    n_tried = judgement.n_scored + judgement.n_failed
    if n_tried:
        facts.append(Fact("failed fits", f"{judgement.n_failed} of {n_tried}", "", "status"))
    return OverviewCell(scenario, judgement.label, tuple(facts), n_tried, judgement.n_failed, speedup)


def _score_facts(judgement: Judgement) -> list[Fact]:
    """The common yardstick, and the score that weighs most in the verdict where that is another one."""
    common = [row for row in judgement.decisive if row["metric"] == COMMON_METRIC]
    worst = [row for row in judgement.decisive[:1] if row["metric"] != COMMON_METRIC]
    return [
        Fact(
            metric(row["metric"]).title,
            number(row["value"]),
            f"floor {number(row['floor'])}" if math.isfinite(row["floor"]) else "no floor",
            row["metric"],
        )
        for row in common + worst
    ]


def _sentence(method: str, cells: Sequence[OverviewCell]) -> str:
    if method == YARDSTICK:
        head = "The yardstick: NUTS at its usual length, with its own seed."
        return f"{head} {_judged(cells)}{_failed(cells)}"
    return f"{_judged(cells)} {_speed(cells)}{_failed(cells)}".replace("  ", " ").strip()


def _judged(cells: Sequence[OverviewCell]) -> str:
    phrases = {
        "indistinguishable": "indistinguishable from Stan on",
        "close": "close on",
        "biased": "biased on",
        "failed": "fails on",
        "unscored": "not scored on",
    }
    by_kind = {
        kind: [cell.scenario for cell in cells if cell.verdict == kind]
        for kind in phrases
        if any(cell.verdict == kind for cell in cells)
    }
    if len(by_kind) == 1 and len(cells) > 1:
        kind = next(iter(by_kind))
        text = f"{phrases[kind]} {'both' if len(cells) == 2 else f'all {len(cells)}'} scenarios"
    else:
        text = "; ".join(f"{phrases[kind]} {join(names)}" for kind, names in by_kind.items())
    return text[:1].upper() + text[1:] + "." if text else "Not run."


def _speed(cells: Sequence[OverviewCell]) -> str:
    known = [cell.speedup for cell in cells if cell.speedup is not None]
    if not known:
        return "No speedup is known."
    lowest, highest = min(value for value, *_ in known), max(value for value, *_ in known)
    span = number(lowest) if number(lowest) == number(highest) else f"{number(lowest)} to {number(highest)}"
    if lowest > 1:
        return f"{span} times faster than NUTS."
    if highest < 1:
        return f"Slower than NUTS: {span} times its speed."
    return f"Between {number(lowest)} and {number(highest)} times the speed of NUTS."


def _failed(cells: Sequence[OverviewCell]) -> str:
    failed, fits = sum(cell.n_failed for cell in cells), sum(cell.n_fits for cell in cells)
    return f" {failed} of {fits} fits failed." if failed else ""


def _answer(rows: Sequence[OverviewRow]) -> str:
    candidates = [row for row in rows if row.method != YARDSTICK]
    if not candidates:
        return "This run compares no approximation with NUTS."
    judged = [row for row in candidates if any(cell.verdict != "unscored" for cell in row.cells)]
    if not judged:
        return "No approximation could be judged: no reference was certified, or nothing was scored."
    exact = [row for row in judged if all(cell.verdict == "indistinguishable" for cell in row.cells)]
    close = [row for row in judged if all(cell.verdict in GOOD for cell in row.cells) and row not in exact]
    parts = []
    if exact:
        parts.append(f"On every scenario here {join([row.method for row in exact])} cannot be told from certified NUTS.")
    else:
        parts.append("No approximation is indistinguishable from certified NUTS on every scenario here.")
    if close:
        parts.append(f"{join([row.method for row in close])} {'is' if len(close) == 1 else 'are'} at least close on all.")
    rest = [row.method for row in judged if row not in exact and row not in close]
    if rest:
        parts.append(f"Biased, failing or not judged somewhere: {join(rest)}.")
    return " ".join(parts)


def _column_note(run: Run, scenario: str) -> str:
    here = run.status[run.status["scenario"] == scenario]
    n = here["dataset"].nunique()
    uncertified = here[here["status"] == "uncertified"]["dataset"].nunique()
    text = f"{n} data set{'' if n == 1 else 's'}"
    return f"{text}, {uncertified} without a certified reference" if uncertified else text


def _notices(run: Run) -> list[str]:
    notices = []
    if run.scores.empty:
        notices.append("Nothing was scored in this run. The reasons stand under Failures.")
    elif YARDSTICK not in run.methods:
        notices.append("NUTS is not among this run’s methods, so no speedup can be given.")
    return notices


def join(names: Sequence[str]) -> str:
    """Join names in prose: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
