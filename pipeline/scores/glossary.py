"""Write the list of metrics in docs/metrics.md from the registry: ``python -m pipeline.scores.glossary``."""

import math
from pathlib import Path

from pipeline.scores.membership_metrics import KINDS
from pipeline.scores.metric import Metric
from pipeline.scores.metrics import METRICS

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN = "<!-- written by python -m pipeline.scores.glossary: do not edit from here -->"
END = "<!-- to here -->"


def glossary() -> str:
    """Return the list of metrics as Markdown."""
    return "\n".join(_entry(metric) for metric in METRICS.values() if not _repeated(metric))


def updated(document: str) -> str:
    """Return the document with the current list between its two marks."""
    before, rest = document.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{glossary()}\n{END}{after}"


def _repeated(metric: Metric) -> bool:
    """Whether the metric differs from an earlier one only in the kind of membership."""
    return metric.name.startswith(tuple(f"{kind}_" for kind in list(KINDS)[1:]))


def _entry(metric: Metric) -> str:
    names = [metric.name]
    if metric.name.startswith("membership_"):
        names = [metric.name.replace("membership", kind, 1) for kind in KINDS]
    return "\n".join(
        [
            f"### {', '.join(f'`{name}`' for name in names)}",
            metric.definition,
            "",
            f"- formula: {metric.formula}" + (", for each scalar parameter" if metric.per_parameter else ""),
            f"- unit: {metric.unit} · range: {_range(metric)} · ideal: {metric.ideal_text}"
            + f" · {metric.direction}"
            + ("" if metric.close is None else f" · close up to {metric.close:g}"),
            f"- summary over {'parameters and ' if metric.per_parameter else ''}data sets: {metric.summary}",
            f"- floor: {metric.floor}",
            f"- source: {metric.source}",
            "",
        ]
    )


def _range(metric: Metric) -> str:
    def text(bound: float) -> str:
        return f"{bound:g}" if math.isfinite(bound) else ("∞" if bound > 0 else "-∞")

    return f"{text(metric.minimum)} to {text(metric.maximum)}"


if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text()))
