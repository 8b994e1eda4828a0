"""One word for a method in a scenario, by rules that a statistician can check against the table.

indistinguishable
    Every judged aggregate exceeds its floor by at most three standard errors, and is close; no fit failed.
close
    Every judged aggregate is at most its metric's ``close`` limit; at most a fifth of the fits failed.
unclear
    Some judged aggregate is above its limit, but none exceeds its floor by more than three times what the
    scores of two exact methods differ by. More draws or data sets would tell.
biased
    Some judged aggregate is above its limit and exceeds its floor by more than that.
failed
    More than a fifth of the fits failed or timed out.
unscored
    No data set had a certified reference.

Failures count on all data sets, among all fits, also on those without a certified reference, on which
nothing else is judged.

Judged are the metrics with a ``close`` limit, which all methods have: mean_error_sd, log_sd_ratio,
wasserstein1_sd, sliced_wasserstein, c2st, and excess_log_loss and total_variation of the memberships.
Three standard errors keep the chance low that one of these seven to nine accuses an exact method. The
limits keep noisy comparisons from passing as agreement, and noise alone is no evidence of bias: 0.1 posterior
sd is the error which 100 effective draws leave in a mean, and a log sd ratio of -0.1 turns a 95% interval
into one of 92%.
"""

import math
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pipeline.scores.aggregate import aggregate
from pipeline.scores.metrics import METRICS
from pipeline.scores.referenced import has_reference

NOISE_SE = 3.0
MAX_FAILED_SHARE = 0.2

Label = Literal["indistinguishable", "close", "unclear", "biased", "failed", "unscored"]


@dataclass(frozen=True)
class Verdict:
    """A verdict with the findings that led to it.

    Attributes:
        label: the word.
        reasons: what keeps the method from a better word, the worst first; empty for indistinguishable.
    """

    label: Label
    reasons: tuple[str, ...]


def verdict(
    summary: pd.DataFrame, n_scored: int, n_failed: int, n_unreferenced: int = 0, n_uncertified: int = 0
) -> Verdict:
    """Judge one method in one scenario.

    Args:
        summary: its rows of ``aggregate``.
        n_scored: number of data sets scored against a reference.
        n_failed: number of data sets whose fit failed or timed out.
        n_unreferenced: number of data sets fitted that were to have no reference.
        n_uncertified: number of data sets fitted whose reference got no certificate.
    """
    n_tried = n_scored + n_failed + n_unreferenced + n_uncertified
    failures = (f"{n_failed} of {n_tried} fits failed",) if n_failed else ()
    if n_failed and n_failed / n_tried > MAX_FAILED_SHARE:
        return Verdict("failed", failures)
    if n_scored == 0:
        return Verdict("unscored", ("no data set has a certified reference",))

    biased: list[tuple[float, str]] = []
    unclear: list[tuple[float, str]] = []
    above_noise: list[tuple[float, str]] = []
    for row in summary.to_dict("records"):
        metric = METRICS[row["metric"]]
        if metric.close is None:
            continue
        # Negated comparisons, so that a NaN never passes.
        if not row["value"] <= metric.close:
            severity = (row["value"] - metric.ideal) / (metric.close - metric.ideal)
            text = f"{metric.name} {row['value']:.3g} > {metric.close:g}"
            # The floor is one exact run's score, whose own error is that of another's.
            if row["excess"] <= NOISE_SE * math.sqrt(2) * row["floor_se"]:
                unclear.append((severity, f"{text}, floor {row['floor']:.3g}"))
            else:
                biased.append((severity, text))
        elif not row["excess"] <= NOISE_SE * row["excess_se"]:
            text = f"{metric.name} {row['value']:.3g}, floor {row['floor']:.3g}"
            above_noise.append((row["excess"] / row["excess_se"] if row["excess_se"] else 0.0, text))
    if biased:
        return Verdict("biased", _worst_first(biased) + failures)
    if unclear:
        return Verdict("unclear", _worst_first(unclear) + failures)
    if above_noise or failures:
        return Verdict("close", _worst_first(above_noise) + failures)
    return Verdict("indistinguishable", ())


def verdicts(scores: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    """Judge every method in every scenario.

    Args:
        scores: the columns of scores.csv; those of data sets without a reference are passed over.
        status: the columns of status.csv; only methods named here are judged, in this order. Data sets
            without a certified reference are not scored; whether the method failed there counts.

    Returns:
        A row for each scenario and method: n_scored, n_failed, n_unreferenced, n_uncertified, verdict,
        reasons (joined by "; ").
    """
    summary = aggregate(scores[has_reference(scores, status)])
    with_reference = has_reference(status, status)
    rows = []
    for scenario, method in status[["scenario", "method"]].drop_duplicates().itertuples(index=False):
        own = summary.query("scenario == @scenario and method == @method")
        here = (status["scenario"] == scenario) & (status["method"] == method)
        outcome = status["status"][here]
        n_failed = int(outcome.isin(["failed", "timeout"]).sum())
        n_scored = int(((outcome == "ok") & with_reference[here]).sum())
        n_unreferenced = int(((outcome == "ok") & ~with_reference[here]).sum())
        counts = (n_scored, n_failed, n_unreferenced, int((outcome == "uncertified").sum()))
        judged = verdict(own, *counts)
        rows.append((scenario, method, *counts, judged.label, "; ".join(judged.reasons)))
    columns = ["n_scored", "n_failed", "n_unreferenced", "n_uncertified", "verdict", "reasons"]
    return pd.DataFrame(rows, columns=["scenario", "method", *columns])


def _worst_first(findings: list[tuple[float, str]]) -> tuple[str, ...]:
    return tuple(text for _, text in sorted(findings, key=lambda finding: -finding[0]))
