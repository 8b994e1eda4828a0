"""What an order of the components does: exchangeable scenarios beside their ordered twins."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.report.cells import Column, Table, make_table
from pipeline.report.inputs import Run
from pipeline.report.scoring import VERDICT_WORDS, Judgement
from pipeline.scores.timing import costs

SHOWN = ("sliced_wasserstein", "c2st", "pareto_k")
_SIDES = ("free", "ordered")


def twin_table(
    run: Run, summary: pd.DataFrame, judgements: Mapping[tuple[str, str], Judgement]
) -> Table | None:
    """Return one row a pair of scenarios and method that both have; None where the run has no twins.

    Args:
        run: its configuration names the twins (``twin_of``).
        summary: aggregates, as of ``scoring.summarise``.
        judgements: verdicts by (scenario, method).
    """
    blocks = run.provenance.get("config", {}).get("scenarios", {})
    pairs = [(block["twin_of"], name) for name, block in blocks.items() if block and "twin_of" in block]
    if not pairs:
        return None
    whole = summary[summary["parameter"] == ""].set_index(["scenario", "method", "metric"])["value"]
    wall_s = costs(run.timings).groupby(["scenario", "method"])["wall_s"].median()
    rows = [
        _row(pair, method, judgements, whole, wall_s)
        for pair in pairs
        for method in run.methods
        if all((scenario, method) in judgements for scenario in pair)
    ]
    metrics = {"sliced_wasserstein": "SW", "c2st": "C2ST", "pareto_k": "k-hat"}
    columns = [Column("pair", "Scenarios", filtered=True), Column("method", "Method", filtered=True)]
    for key, label, kind, term in (
        ("verdict", "Verdict", "status", ""),
        *((name, label, "number", name) for name, label in metrics.items()),
        ("wall_s", "Wall time", "seconds", "wall-time"),
    ):
        columns += [
            Column(f"{key}_{side}", f"{label}, {word}", kind, term)
            for side, word in zip(_SIDES, ("exchangeable", "ordered"), strict=True)
        ]
    return make_table(
        "twins",
        "The same data without an order of the components, and with one",
        columns,
        rows,
        note="Each side is held against certified references of its own program, after relabelling where "
        "there is no order. Wall times are medians over data sets.",
        empty="No method was run on both scenarios of a pair.",
    )


def _row(
    pair: tuple[str, str],
    method: str,
    judgements: Mapping[tuple[str, str], Judgement],
    whole: pd.Series,
    wall_s: pd.Series,
) -> dict[str, Any]:
    row: dict[str, Any] = {"pair": " / ".join(pair), "method": method}
    for side, scenario in zip(_SIDES, pair, strict=True):
        row[f"verdict_{side}"] = VERDICT_WORDS[judgements[scenario, method].label]
        row |= {f"{name}_{side}": whole.get((scenario, method, name)) for name in SHOWN}
        row[f"wall_s_{side}"] = wall_s.get((scenario, method))
    return row
