"""What stands in the sections on checked networks, with the sentences that say what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from pipeline.report import check_figures, check_tables
from pipeline.report.cells import Table, frame_records, percent, short
from pipeline.report.checked import Networks
from pipeline.report.figures import Figure
from pipeline.report.style import Mark

SECTIONS = (
    ("calibration", "Calibration"),
    ("recovery", "Recovery"),
    ("learning", "Learning curves"),
    ("breaks", "Where it breaks"),
)

_DASHES = ((1, 0), (5, 2), (2, 2), (8, 2, 2, 2))


@dataclass(frozen=True)
class ScenarioPart:
    """Sentences and figures about the networks of one scenario; ``more`` is a second row of figures."""

    scenario: str
    marks: tuple[Mark, ...]
    sentences: list[str]
    figures: list[Figure]
    more: list[Figure] = field(default_factory=list)


@dataclass(frozen=True)
class NetworkSections:
    """The sections on trained methods; all lists are empty where the run has none."""

    calibration: list[ScenarioPart]
    recovery: list[ScenarioPart]
    learning: list[ScenarioPart]
    breaks: list[ScenarioPart]
    tables: dict[str, Table]
    settling: str = percent(check_figures.SETTLING)


@dataclass(frozen=True)
class BreakEven:
    """When training has paid for itself; no figures where no method is trained."""

    marks: tuple[Mark, ...]
    sentences: list[str]
    figures: list[Figure]
    table: Table


def network_sections(networks: Networks, rows: Sequence[Mark]) -> NetworkSections:
    """Return the sections on the checks and trainings of a run."""
    calibration, recovery, learning, breaks = [], [], [], []
    rows = _told_by_dashes(rows, {method for _, method in [*networks.checks, *networks.learning]})
    for scenario in networks.scenarios:
        checks = check_figures.of_scenario(networks.checks, scenario)
        curves = check_figures.of_scenario(networks.learning, scenario)
        marks = tuple(mark for mark in rows if mark.method in checks)
        if checks:
            words = [calibration_sentence(m, c.summary["calibration"]) for m, c in checks.items()]
            figures = check_figures.rank_figures(checks, scenario, rows)
            calibration.append(ScenarioPart(scenario, marks, words, figures))
            figures = check_figures.recovery_figures(checks, scenario, rows)
            covered = check_figures.coverage_figures(checks, scenario, rows)
            recovery.append(ScenarioPart(scenario, marks, [], figures, covered))
            words = [accuracy_sentence(m, c.summary) for m, c in checks.items()]
            flagging = {m: c for m, c in checks.items() if c.summary["unlike"]}
            words += [strange_sentence(m, c.summary["unlike"]) for m, c in flagging.items()]
            figures = check_figures.bin_figures(checks, scenario, rows)
            flagged = [check_figures.flag_figure(flagging, scenario, rows)] if flagging else []
            breaks.append(ScenarioPart(scenario, marks, words, figures, flagged))
        if curves:
            marks = tuple(mark for mark in rows if mark.method in curves)
            figures = check_figures.learning_figures(curves, scenario, rows)
            learning.append(ScenarioPart(scenario, marks, [], figures))
    tables = {}
    if networks.checks:
        makers = ("calibration", "memberships", "recovery", "accuracy", "strange")
        tables = {name: getattr(check_tables, name)(networks.checks) for name in makers}
    return NetworkSections(calibration, recovery, learning, breaks, tables)


def break_even_section(counts: pd.DataFrame, rows: Sequence[Mark]) -> BreakEven:
    """Return costs in all against numbers of data sets; ``counts`` as of ``pipeline.scores.break_even``."""
    found = [
        check_figures.break_even_figure(counts, name, rows) for name in dict.fromkeys(counts["scenario"])
    ]
    figures = [figure for figure in found if figure is not None]
    shown = {"nuts", *counts["method"]}
    return BreakEven(
        tuple(mark for mark in rows if mark.method in shown) if figures else (),
        [break_even_sentence(row) for row in frame_records(counts)],
        figures,
        check_tables.break_even(counts),
    )


def _told_by_dashes(rows: Sequence[Mark], methods: set[str]) -> list[Mark]:
    """Return the marks of some methods with the most different dashes, since no others stand beside them."""
    own = [mark for mark in rows if mark.method in methods]
    return [replace(mark, dash=_DASHES[i % len(_DASHES)]) for i, mark in enumerate(own)]


def calibration_sentence(method: str, rows: Sequence[dict[str, Any]]) -> str:
    """Say for how many quantities the ranks stay inside their band, and where they do not."""
    outside = sorted((row for row in rows if not row["inside"]), key=lambda row: row["p_value"])
    n = len(rows)
    if not outside:
        return f"{method}: all {n} quantities stay inside their simultaneous 95% bands."
    named = "; ".join(
        f"{row['quantity']} by up to {short(abs(row['deviation']))} (p {_p(row['p_value'])})"
        for row in outside
    )
    text = f"{method}: {n - len(outside)} of {n} quantities stay inside their bands. Outside: {named}."
    if outside[0]["p_value"] * n > 0.05:
        text += f" With {n} quantities, one this far out is not unusual."
    return text


def accuracy_sentence(method: str, summary: dict[str, Any]) -> str:
    """Say how far from the exact posterior a network is, and in which bin of separation most."""
    found = summary["accuracy"]
    text = (
        f"{method}: {short(found['kl'])} ± {short(found['kl_se'])} nats from the exact posterior on average, "
        f"{short(found['kl_median'])} for half of the data sets; median efficiency "
        f"{short(found['efficiency_median'])}."
    )
    worst = max(summary["bins"], key=lambda row: row["kl"])
    what = "sd between the closest means" if worst["by"] == "separation" else "values"
    return text + (
        f" Worst at {short(worst['low'])} to {short(worst['high'])} {what}: {short(worst['kl'])} nats."
    )


def strange_sentence(method: str, rows: Sequence[dict[str, Any]]) -> str:
    """Say how much strange data the flag catches."""
    shares = {row["data"]: row["flagged"] for row in rows if row["by"] == "any"}
    usual = shares.pop("as simulated")
    named = ", ".join(f"{data} {percent(round(share, 3))}" for data, share in shares.items())
    return f"{method} flags {percent(round(usual, 4))} of data sets as simulated; {named}."


def break_even_sentence(row: dict[str, Any]) -> str:
    """Say from how many data sets on training has paid for itself."""
    where = f"{row['method']} on {row['scenario']}"
    if row["break_even"] == float("inf"):
        return f"{where}: never; nuts takes no longer for a data set."
    text = f"{where}: from {short(row['break_even'])} data sets on"
    if row["low"] == row["low"]:
        text += f" (95% interval {short(row['low'])} to {short(row['high'])})"
    return text + "."


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
