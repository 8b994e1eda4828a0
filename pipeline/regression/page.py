"""Two runs on one page: what changed between them, by the gate's own tests, and what the numbers were."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from pipeline.files import whole
from pipeline.regression.gate import Finding, Outcome, judge
from pipeline.regression.settings import Regression
from pipeline.regression.snapshot import Snapshot, snapshot
from pipeline.report.cells import Column, Table, make_table
from pipeline.report.drawing import LOG, Drawing, x_axis
from pipeline.report.figures import Figure
from pipeline.report.page import render_page
from pipeline.report.style import RULE

VERDICTS = {
    "regression": "worse, beyond what chance gives over all comparisons",
    "missing": "in the first run only",
    "suspect": "worse, but within what chance gives over so many comparisons",
    "better": "better, beyond chance",
    "unchanged": "no change that can be told from chance",
    "new": "in the second run only",
    "not judged": "too few data sets to tell a change from chance",
}
_COLOURS = {"regression": "#d55e00", "suspect": "#e69f00", "better": "#0072b2", "unchanged": RULE}
_SHAPES = {"regression": "triangle-right", "suspect": "diamond", "better": "triangle-left"}


def write_comparison(old: Path, new: Path, settings: Regression, target: Path) -> str:
    """Write the page of two finished runs, and return its first sentence.

    Raises:
        UserError: a run's files are missing or damaged.
    """
    first, second = snapshot(old), snapshot(new)
    outcome = judge(first, second, settings)
    html = render_comparison(first, second, outcome, settings, (str(old), str(new)))
    with whole(target) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return sentences(outcome)[0]


def render_comparison(
    old: Snapshot, new: Snapshot, outcome: Outcome, settings: Regression, folders: tuple[str, str]
) -> str:
    """Return the page as one HTML document; ``folders`` name the two runs."""
    context = {
        "folders": folders,
        "error_rate": settings.error_rate,
        "sentences": sentences(outcome),
        "table": findings_table(outcome.findings),
        "figures": ratio_figures(outcome.findings),
        "speed": speed_table(old.speed, new.speed),
        "runs": runs_table(old, new, folders),
        "verdicts": VERDICTS,
        "glossary": {},
    }
    return render_page("comparison.html", context)


def sentences(outcome: Outcome) -> list[str]:
    """Say what came out, then in what the runs differ."""
    counts = {name: sum(f.verdict == name for f in outcome.findings) for name in VERDICTS}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    texts = [f"{outcome.n_tests} comparisons that count: {said or 'nothing in common'}."]
    texts += [
        f"{row.method} on {row.scenario} takes {row.ratio:.2g} times as long as it did, in units of nuts "
        "of the same run."
        for row in outcome.slower
    ]
    return [*texts, *outcome.notes]


def findings_table(findings: Sequence[Finding]) -> Table:
    """One row a comparison, the worst first."""
    return make_table(
        "findings",
        "Every comparison",
        (
            Column("scenario", "Scenario", filtered=True),
            Column("method", "Method", filtered=True),
            Column("subject", "What", filtered=True),
            Column("verdict", "Verdict", filtered=True),
            Column("old", "First run", "number"),
            Column("new", "Second run", "number"),
            Column("ratio", "Ratio", "times"),
            Column("p_value", "p of a loss", "number"),
            Column("n_datasets", "Data sets", "integer"),
            Column("design", "Design"),
            Column("note", "Note", "long"),
        ),
        [vars(finding) for finding in findings],
        note="Typical scores over the data sets, by which the verdict goes; the ratio is of their distances "
        "from the ideal, below 1 where the second run is nearer.",
    )


def ratio_figures(findings: Sequence[Finding]) -> list[Figure]:
    """One figure a scenario: by what factor each score's distance from the ideal changed."""
    judged = [f for f in findings if np.isfinite(f.ratio) and f.ratio > 0 and f.verdict in _COLOURS]
    scenarios = sorted({f.scenario for f in judged})
    return [
        Figure(f"ratios-{name}", name, _ratios([f for f in judged if f.scenario == name]))
        for name in scenarios
    ]


def _ratios(findings: Sequence[Finding]) -> dict[str, Any]:
    drawing = Drawing()
    records = [
        {"method": f.method, "what": f.subject, "ratio": f.ratio, "verdict": f.verdict, "p": f.p_value}
        for f in findings
    ]
    axis = x_axis("second run / first run", LOG, [f.ratio for f in findings] + [0.8, 1.25])
    names = list(_COLOURS)
    layer = drawing.chart(records).mark_point(filled=True, size=70, opacity=0.8)
    layer = layer.encode(
        x=alt.X("ratio:Q", **axis),
        y=alt.Y("method:N", title=None),
        yOffset=alt.YOffset("what:N"),
        color=alt.Color(
            "verdict:N", title=None, scale=alt.Scale(domain=names, range=list(_COLOURS.values()))
        ),
        shape=alt.Shape(
            "verdict:N",
            title=None,
            scale=alt.Scale(domain=names, range=[_SHAPES.get(name, "circle") for name in names]),
        ),
        tooltip=[alt.Tooltip(f"{field}:N") for field in ("method", "what", "verdict", "ratio", "p")],
    )
    height = 40 + 12 * len({(f.method, f.subject) for f in findings})
    return drawing.spec([drawing.rule(1.0, axis, dashed=True), layer], height)


def speed_table(old: pd.DataFrame, new: pd.DataFrame) -> Table:
    """One row a method: its wall time in units of nuts' of the same run, in both runs."""
    both = old.merge(new, on=["scenario", "method"], suffixes=("_old", "_new"))
    both = both.assign(ratio=both["slowdown_new"] / both["slowdown_old"])
    for side in ("old", "new"):
        both[f"slowdown_{side} aside"] = [
            f"{low:.2g} to {high:.2g}"
            for low, high in zip(both[f"low_{side}"], both[f"high_{side}"], strict=True)
        ]
    return make_table(
        "speed",
        "Wall time of a fit, in units of nuts of the same run",
        (
            Column("scenario", "Scenario", filtered=True),
            Column("method", "Method", filtered=True),
            Column("slowdown_old", "First run", "number"),
            Column("slowdown_new", "Second run", "number"),
            Column("ratio", "Ratio", "times"),
        ),
        both.sort_values("ratio", ascending=False),
        sorted_by="-ratio",
        note="In grey the 99.9% intervals over data sets.",
    )


def runs_table(old: Snapshot, new: Snapshot, folders: tuple[str, str]) -> Table:
    """One row a property of the runs, such as seed and commit."""
    rows: list[dict[str, str]] = [{"what": "folder", "old": folders[0], "new": folders[1]}]
    for key in ("run", "seed", "finished", "git_commit", "machine"):
        rows.append({"what": key, "old": _said(old.record.get(key)), "new": _said(new.record.get(key))})
    columns = (Column("what", ""), Column("old", "First run", "long"), Column("new", "Second run", "long"))
    return make_table("both-runs", "The two runs", columns, rows)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_said(part)}" for key, part in value.items())
    return "" if value is None else str(value)
