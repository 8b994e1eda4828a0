"""The gate's findings as a Markdown comment: the verdict and the worst first, the rest folded."""

import html
import math
from collections.abc import Sequence
from typing import Any

from pipeline.regression.gate import FAILING, Finding, Outcome
from pipeline.regression.settings import Regression

MAX_SHOWN = 15
MAX_FOLDED = 200  # a comment on GitHub holds 65,536 characters
_MARKS = {
    "regression": "❌",
    "missing": "❌",
    "suspect": "⚠️",
    "better": "✅",
    "new": "🆕",
    "not judged": "➖",
}


def markdown(outcome: Outcome, baseline: dict[str, Any], record: dict[str, Any], settings: Regression) -> str:
    """Return the comment.

    Args:
        outcome: what the gate found.
        baseline, record: the records of the two runs.
        settings: those of the gate.
    """
    failing = [f for f in outcome.findings if f.verdict in FAILING]
    suspect = [f for f in outcome.findings if f.verdict == "suspect"]
    rest = [f for f in outcome.findings if f not in failing and f not in suspect]
    parts = [f"## Regression gate: {_headline(outcome, failing)}", "", _runs(baseline, record)]
    if failing:
        parts += ["", *_table(failing[:MAX_SHOWN])]
        if len(failing) > MAX_SHOWN:
            parts += _folded("more regressions", failing[MAX_SHOWN:])
    if outcome.slower:
        parts += ["", *_slower(outcome)]
    if suspect:
        parts += _folded("suspect: worse, but within what chance gives over so many comparisons", suspect)
    if rest:
        parts += _folded("all other comparisons", rest)
    notes = [*outcome.notes, _method(outcome, settings)]
    parts += ["", *(f"- {_text(note)}" for note in notes)]
    return "\n".join(parts) + "\n"


def _headline(outcome: Outcome, failing: Sequence[Finding]) -> str:
    n_lost, n_missing = (sum(f.verdict == verdict for f in failing) for verdict in FAILING)
    if not failing:
        return f"passed ✅ ({outcome.n_tests} comparisons)"
    counts = [f"{n} {word}" for n, word in ((n_lost, "regressed"), (n_missing, "missing")) if n]
    return f"failed ❌ ({', '.join(counts)}; {outcome.n_tests} comparisons)"


def _runs(baseline: dict[str, Any], record: dict[str, Any]) -> str:
    def of(run: dict[str, Any]) -> str:
        commit = str(run.get("git_commit") or "unknown")[:12]
        return (
            f"`{_text(commit)}`{' with local changes' if run.get('git_changes') else ''}, seed {run['seed']}"
        )

    return f"Run `{_text(record['run'])}` at {of(record)}, against the baseline of {of(baseline)}."


def _method(outcome: Outcome, settings: Regression) -> str:
    return (
        "old and new: typical score over the data sets, by which the verdict goes; ratio: distance from the "
        f"ideal; p: corrected for {outcome.n_tests} comparisons, except for suspect and watched ones. Fails "
        f"below {settings.error_rate:g}. docs/regression.md says how."
    )


def _folded(title: str, findings: Sequence[Finding]) -> list[str]:
    left_out = len(findings) - MAX_FOLDED
    tail = [f"\n{left_out} more stand in regression.json.\n"] if left_out > 0 else []
    summary = f"<summary>{len(findings)} {title}</summary>"
    return ["", "<details>", summary, "", *_table(findings[:MAX_FOLDED]), *tail, "", "</details>"]


def _table(findings: Sequence[Finding]) -> list[str]:
    rows = [
        "| | scenario | method | metric | old | new | ratio | p | verdict |",
        "|---|---|---|---|--:|--:|--:|--:|---|",
    ]
    for f in findings:
        verdict = f.verdict + (f" ({_text(f.note)})" if f.note else "")
        cells = [_MARKS.get(f.verdict, ""), _text(f.scenario), _text(f.method), _text(f.subject)]
        cells += [number(f.old), number(f.new), number(f.ratio, 2), number(f.p_value, 1), verdict]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _slower(outcome: Outcome) -> list[str]:
    rows = [
        "Slower, in units of `nuts` in the same run (a warning only):",
        "",
        "| scenario | method | old | new | ratio |",
    ]
    rows.append("|---|---|--:|--:|--:|")
    for s in outcome.slower:
        cells = [_text(s.scenario), _text(s.method), number(s.old), number(s.new), number(s.ratio, 2)]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def number(value: float, digits: int = 3) -> str:
    """Return a number for a table; nothing for NaN."""
    if math.isnan(value):
        return ""
    return f"{value:.{digits}g}" if math.isfinite(value) else ("∞" if value > 0 else "-∞")


def _text(text: Any) -> str:
    """Return text that neither Markdown's tables nor HTML can take for anything else."""
    return html.escape(" ".join(str(text).split()), quote=False).replace("|", "\\|")
