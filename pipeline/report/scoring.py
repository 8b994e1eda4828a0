"""What the report takes from pipeline.scores: aggregates and verdicts in the shape that it shows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.errors import UserError
from pipeline.report.cells import frame_records
from pipeline.scores.aggregate import aggregate
from pipeline.scores.concentration import responsible_data_sets
from pipeline.scores.label_metrics import LABEL_METRICS
from pipeline.scores.metrics import METRICS
from pipeline.scores.referenced import has_reference
from pipeline.scores.verdict import MAX_FAILED_SHARE, NOISE_SE, verdicts

LABEL_NAMES = frozenset(metric.name for metric in LABEL_METRICS)  # they have a section of their own
KINDS = ("membership", "filtering", "smoothing")
VERDICT_WORDS = {
    "indistinguishable": "indistinguishable",
    "close": "close",
    "unclear": "unclear",
    "biased": "biased",
    "failed": "failed",
    "unscored": "not scored",
    "absent": "not run",
}
VERDICT_MEANINGS = {
    "indistinguishable": f"every judged score within {NOISE_SE:g} standard errors of its floor and "
    "within its limit; no fit failed",
    "close": f"every judged score within its limit; at most {MAX_FAILED_SHARE:.0%} of the fits failed",
    "unclear": "some judged score beyond its limit, but none further from its floor than noise may put an "
    "exact method; more draws or data sets would tell",
    "biased": "some judged score beyond its limit, and beyond what noise explains",
    "failed": f"more than {MAX_FAILED_SHARE:.0%} of the fits failed",
    "unscored": "no data set had a certified reference",
    "absent": "the method was not run on the scenario",
}


@dataclass(frozen=True)
class Judgement:
    """A verdict with the numbers to show beside it.

    Attributes:
        label: "indistinguishable", "close", "unclear", "biased", "failed" or "unscored".
        reasons: what keeps the method from a better word.
        n_scored: data sets scored against a reference.
        n_failed: data sets whose fit failed or timed out.
        n_unreferenced: data sets fitted that were to have no reference.
        n_uncertified: data sets fitted whose reference got no certificate.
        decisive: the judged scores as rows of the summary with their ``limit``, the furthest along it first.
        responsible: a few data sets without which it would not be biased, the worst first.
    """

    label: str
    reasons: str
    n_scored: int
    n_failed: int
    n_unreferenced: int
    n_uncertified: int
    decisive: tuple[dict[str, Any], ...]
    responsible: tuple[int, ...] = ()

    @property
    def n_tried(self) -> int:
        """All fits."""
        return self.n_scored + self.n_failed + self.n_unreferenced + self.n_uncertified


def kind_of(name: str) -> str:
    """Return the kind of membership that a metric scores, "" for a metric of the posterior."""
    return next((kind for kind in KINDS if name.startswith(f"{kind}_")), "")


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Aggregate over data sets: whole posteriors, and each parameter by itself.

    Returns:
        The columns of ``pipeline.scores.aggregate.aggregate`` and ``parameter``, which is empty for scores of
        the whole posterior and for the aggregate over all parameters, in the registry's order of metrics.

    Raises:
        UserError: a metric that is not in the registry.
    """
    unknown = sorted(set(scores["metric"]) - METRICS.keys())
    if unknown:
        raise UserError(
            f"scores.parquet: metric {', '.join(unknown)} is not known; known are {', '.join(METRICS)}. "
            "Score the run again with this version"
        )
    parts = [aggregate(scores).assign(parameter="")]
    single = scores[scores["parameter"] != ""]
    parts += [
        aggregate(part).assign(parameter=name) for name, part in single.groupby("parameter", sort=False)
    ]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    order = {name: i for i, name in enumerate(METRICS)}
    scenarios = {name: i for i, name in enumerate(dict.fromkeys(scores["scenario"]))}
    keys = pd.DataFrame({"scenario": table["scenario"].map(scenarios), "metric": table["metric"].map(order)})
    return table.loc[keys.sort_values(["scenario", "metric"], kind="stable").index].reset_index(drop=True)


def judge_all(
    scores: pd.DataFrame, status: pd.DataFrame, summary: pd.DataFrame
) -> dict[tuple[str, str], Judgement]:
    """Judge every method that the status table names, by (scenario, method)."""
    out = {}
    scored = scores[has_reference(scores, status)]
    for row in frame_records(verdicts(scores, status)):
        here = (scored["scenario"] == row["scenario"]) & (scored["method"] == row["method"])
        own = summary[(summary["scenario"] == row["scenario"]) & (summary["method"] == row["method"])]
        decisive = _along_limit(own[own["parameter"] == ""])
        out[row["scenario"], row["method"]] = Judgement(
            row["verdict"],
            row["reasons"],
            row["n_scored"],
            row["n_failed"],
            row["n_unreferenced"],
            row["n_uncertified"],
            decisive,
            responsible_data_sets(scored[here]) if row["verdict"] == "biased" else (),
        )
    return out


def limit_share(row: Mapping[str, Any]) -> float:
    """Return how far along its metric's limit a judged aggregate stands: 0 at the ideal, 1 at the limit."""
    ideal = METRICS[row["metric"]].ideal
    return (row["value"] - ideal) / (row["limit"] - ideal)


def _along_limit(summary: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    judged = [
        {**row, "limit": METRICS[row["metric"]].close}
        for row in frame_records(summary)
        if METRICS[row["metric"]].close is not None and not math.isnan(row["value"])
    ]
    return tuple(sorted(judged, key=limit_share, reverse=True))
