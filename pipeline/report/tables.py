"""The report's tables but for the first screen's and those of costs: scores, fits, verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.cells import Column, Table, make_table, number
from pipeline.report.inputs import REFERENCE_METHODS, Run
from pipeline.report.scoring import LABEL_NAMES, METRICS, VERDICT_WORDS, Judgement, kind_of
from pipeline.scores.aggregate import aggregate
from pipeline.scores.referenced import has_reference

MAX_ROWS = 1500  # rows of one table; what is left out stands in scores.csv, and the table says so
MAX_WORST = 60

SCENARIO = Column("scenario", "Scenario", filtered=True)
METHOD = Column("method", "Method", filtered=True)
DATASET = Column("dataset", "Data set", "integer", term="data-set")
_VALUES = (
    Column("value", "Value", "number", term="aggregate"),
    Column("se", "± SE", "number", term="se"),
    Column("floor", "Floor", "number", term="floor"),
)


def aggregates(summary: pd.DataFrame) -> Table:
    """Every aggregate of the posterior's scores."""
    kept = summary[summary["metric"].map(kind_of) == ""].reset_index(drop=True)
    return make_table(
        "aggregates",
        "Posterior agreement, by scenario, method, metric and parameter",
        (
            SCENARIO,
            METHOD,
            Column("metric", "Metric", filtered=True, links=True),
            Column("parameter", "Parameter", filtered=True),
            *_VALUES,
            Column("ratio", "× floor", "number", term="ratio"),
            Column("n_datasets", "Data sets", "integer", term="data-set"),
        ),
        kept,
        note="An empty parameter means the whole posterior, or all parameters together.",
        empty="No method has a score: see Failures.",
    )


def classification(summary: pd.DataFrame) -> Table:
    """Every aggregate of the membership scores, the exact posterior's own beside it."""
    kept = summary[summary["metric"].map(kind_of) != ""].reset_index(drop=True)
    kept = kept.assign(kind=kept["metric"].map(kind_of))
    return make_table(
        "classification-scores",
        "Classification, by scenario, method and metric",
        (
            SCENARIO,
            METHOD,
            Column("kind", "Kind", term="membership", filtered=True),
            Column("metric", "Metric", filtered=True, links=True),
            *_VALUES[:2],
            Column("floor", "Exact posterior", "number", term="floor"),
            Column("n_datasets", "Data sets", "integer", term="data-set"),
        ),
        kept,
        empty="No membership was scored.",
    )


def membership_means(summary: pd.DataFrame, scenario: str, kind: str, names: Sequence[str]) -> Table:
    """One row a method, one column a metric: its aggregate, its floor behind it."""
    here = summary[(summary["scenario"] == scenario) & (summary["parameter"] == "")]
    records = []
    for method in dict.fromkeys(here["method"]):
        own = here[(here["method"] == method)].set_index("metric")
        record: dict[str, Any] = {"method": method}
        for name in names:
            if name in own.index:
                record[name] = own.at[name, "value"]
                record[f"{name} aside"] = f"({number(float(own.at[name, 'floor']))})"
                record["n"] = own.at[name, "n_datasets"]
        if len(record) > 1:
            records.append(record)
    titles = {name: METRICS[name].title.removeprefix(f"{kind} ") for name in names}
    return make_table(
        f"means-{scenario}-{kind}",
        f"{kind.capitalize()} on {scenario}",
        (
            Column("method", "Method"),
            *(Column(name, _capitalised(title), "number", term=name) for name, title in titles.items()),
            Column("n", "Data sets", "integer", term="data-set"),
        ),
        records,
        note="Means over data sets; in brackets what the exact posterior (the second reference run) scores.",
    )


def fits(run: Run) -> Table:
    """One row a fit: its status, its whole-posterior scores, its worst parameters and its cost."""
    keys = ["scenario", "dataset", "method"]
    scores = run.scores
    whole = scores[(scores["parameter"] == "") & (scores["metric"].map(kind_of) == "")]
    whole = whole[~whole["metric"].isin(LABEL_NAMES)]
    wide = whole.pivot_table(index=keys, columns="metric", values="value", aggfunc="first", sort=False)
    for name in ("mean_error_sd", "log_sd_ratio", "wasserstein1_sd"):
        part = scores[(scores["metric"] == name) & (scores["parameter"] != "")]
        worst = part.assign(size=part["value"].abs()).groupby(keys)["size"].max()
        wide = wide.join(worst.rename(name), how="outer")
    wall = run.timings.dropna(subset=["dataset"]).groupby(keys)["wall_s"].sum()
    scored_here = has_reference(run.status, run.status) | (run.status["status"] != "ok")
    status = run.status[~run.status["method"].isin(REFERENCE_METHODS) & scored_here]
    table = status.join(wide, on=keys).join(wall, on=keys)
    names = [name for name in METRICS if name in wide.columns and wide[name].notna().any()]
    shown = _limited(table, names)
    columns = [
        SCENARIO,
        DATASET,
        METHOD,
        Column("status", "Status", "status", term="status", filtered=True),
        *(Column(name, _capitalised(METRICS[name].title), "number", term=name) for name in names),
        Column("wall_s", "Wall time, s", "number", term="wall-time"),
    ]
    note = "For metrics of single parameters the value furthest from zero, as a size."
    if len(shown) < len(table):
        note += f" {len(shown):,} of {len(table):,} fits are shown, the worst by sliced_wasserstein;"
        note += " all stand in scores.csv."
    if not scored_here.all():
        note += f" {int((~scored_here).sum()):,} fits to data sets without a reference are left out."
    return make_table("fits", "Every fit", columns, shown, note=note, empty="No method was run.")


def without_reference(run: Run) -> Table:
    """Aggregates over the data sets that were to have no reference: scores that need none."""
    scores = run.truth_scores
    summary = aggregate(scores)
    keys = ["scenario", "method", "metric"]
    limits = scores["metric"].map(lambda name: METRICS[name].threshold).astype(float)
    beyond = (scores["value"] > limits).where(limits.notna()).astype(float)
    shares = beyond.groupby([scores[key] for key in keys]).mean().rename("beyond")
    return make_table(
        "without-reference",
        "Data sets without a reference, by scenario, method and metric",
        (
            SCENARIO,
            METHOD,
            Column("metric", "Metric", filtered=True, links=True),
            *_VALUES[:2],
            Column("beyond", "Beyond its threshold", "percent"),
            Column("n_datasets", "Data sets", "integer", term="data-set"),
        ),
        summary.join(shares, on=keys),
        note="Against the truth, which no method knows where components overlap. Beyond its threshold: share "
        f"of data sets with a pareto_k above {METRICS['pareto_k'].threshold:g}.",
        empty="Every data set was to have a reference.",
    )


def worst(run: Run) -> Table:
    """Scores with a floor that lie furthest above it, one row a fit: its worst score."""
    scores = run.scores
    known = scores[np.isfinite(scores["floor"]) & (scores["metric"].map(kind_of) == "")]
    # Those of a classifier lie about 0.5, and so do their floors: their quotient says nothing.
    ranked = {name for name in METRICS if METRICS[name].ideal == 0} - LABEL_NAMES
    known = known[known["metric"].isin(ranked)]
    # Where labels are exchangeable these count the copies that a method leaves out, which is no fault.
    exchangeable = set(scores["scenario"][scores["metric"].isin(LABEL_NAMES)])
    of_copies = known["metric"].isin(["kl_to_reference", "evidence_gap"])
    known = known[~(known["scenario"].isin(exchangeable) & of_copies)]
    keys = ["scenario", "method", "metric", "parameter"]
    typical = known.assign(size=known["floor"].abs()).groupby(keys)["size"]
    table = known.assign(floor=typical.transform("mean"), size=known["value"].abs())
    table = table[table["floor"] > 0]
    # A floor may be near zero by chance; what lies within its own error is no fault.
    table = table.assign(ratio=table["size"] / table[["floor", "mcse"]].max(axis=1))
    table = table.sort_values("ratio", ascending=False, kind="stable")
    table = table.drop_duplicates(["scenario", "dataset", "method"]).head(MAX_WORST)
    return make_table(
        "worst",
        "Fits furthest above their floor",
        (
            SCENARIO,
            DATASET,
            METHOD,
            Column("metric", "Metric", filtered=True, links=True),
            Column("parameter", "Parameter"),
            Column("value", "Value", "number", term="aggregate"),
            Column("mcse", "MCSE", "number", term="mcse"),
            Column("floor", "Mean floor", "number", term="floor"),
            Column("ratio", "× floor", "number", term="ratio"),
        ),
        table,
        sorted_by="-ratio",
        note="One row a fit: the score that lies the most floors away from ideal. "
        "The floor is its mean over the method’s fits to the scenario; where the score’s own error is "
        f"larger, that is the unit. At most {MAX_WORST} fits.",
        empty="No score has a floor, so nothing can be ranked.",
    )


def verdict_reasons(
    judgements: Mapping[tuple[str, str], Judgement], speedups: pd.DataFrame, break_evens: pd.DataFrame
) -> Table:
    """What led to each verdict, and what the first screen says beside it.

    Args:
        judgements: by scenario and method.
        speedups: as of pipeline.scores.timing.
        break_evens: as of pipeline.scores.break_even.
    """
    keys = ["scenario", "method"]
    wall = speedups[speedups["measure"] == "wall_s"].set_index(keys)["speedup"]
    pays = break_evens.set_index(keys)["break_even"]
    pays_from = [Column("break_even", "Pays from", "number", term="break-even")] if len(pays) else []
    records = [
        {
            "scenario": scenario,
            "method": method,
            "verdict": VERDICT_WORDS[judgement.label],
            "n_scored": judgement.n_scored,
            "n_failed": judgement.n_failed,
            "speedup": wall.get((scenario, method)),
            "break_even": pays.get((scenario, method)),
            "reasons": judgement.reasons,
        }
        for (scenario, method), judgement in judgements.items()
        if method not in REFERENCE_METHODS
    ]
    return make_table(
        "verdict-reasons",
        "What led to each verdict",
        (
            SCENARIO,
            METHOD,
            Column("verdict", "Verdict", "status", term="verdict", filtered=True),
            Column("n_scored", "Scored", "integer", term="data-set"),
            Column("n_failed", "Failed", "integer", term="status"),
            Column("speedup", "Speedup", "times", term="speedup"),
            *pays_from,
            Column("reasons", "Reasons", "long"),
        ),
        records,
        note="Reasons: what keeps a method from a better verdict, the worst first.",
        empty="Nothing was judged.",
    )


def _limited(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    if len(table) <= MAX_ROWS:
        return table
    by = "sliced_wasserstein" if "sliced_wasserstein" in names else "wall_s"
    return table.sort_values(by, ascending=False, na_position="last", kind="stable").head(MAX_ROWS)


def _capitalised(title: str) -> str:
    return title[:1].upper() + title[1:]
