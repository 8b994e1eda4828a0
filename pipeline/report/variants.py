"""One method with several settings: its blocks of the configuration side by side."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.cells import Column, Table, make_table
from pipeline.report.inputs import Run
from pipeline.report.scoring import VERDICT_WORDS, Judgement
from pipeline.scores.timing import costs

SHOWN = {"sliced_wasserstein": "SW", "c2st": "C2ST", "pareto_k": "k-hat", "kl_to_reference": "KL"}
GAP = "evidence_gap"
_NO_SETTINGS = ("type", "scenarios")  # keys of a block that say nothing of how the method works


def variant_table(
    run: Run, summary: pd.DataFrame, judgements: Mapping[tuple[str, str], Judgement]
) -> Table | None:
    """Return one row a scenario and block of a method that has several; None where the run has none such.

    The gain of the evidence lower bound over the first block of the method is the mean over the data sets
    that both have, with its standard error over data sets in grey: for mixtures of M components it is the
    gain of the bound with M.

    Args:
        run: its configuration names the methods of the blocks (``type``).
        summary: aggregates, as of ``scoring.summarise``.
        judgements: verdicts by (scenario, method).
    """
    blocks = run.provenance.get("config", {}).get("methods", {})
    families: dict[str, list[str]] = {}
    for name, block in blocks.items():
        if name in run.methods:
            families.setdefault((block or {}).get("type", name), []).append(name)
    several = {kind: names for kind, names in families.items() if len(names) > 1}
    if not several:
        return None
    whole = summary[summary["parameter"] == ""].set_index(["scenario", "method", "metric"])["value"]
    present = set(summary["metric"])
    wall_s = costs(run.timings).groupby(["scenario", "method"])["wall_s"].median()
    rows: list[dict[str, Any]] = []
    for scenario in run.scenarios:
        gaps = _gaps(run.scores, scenario)
        for kind, names in several.items():
            here = [name for name in names if (scenario, name) in judgements]
            for name in here if len(here) > 1 else ():
                own = {k: v for k, v in (blocks[name] or {}).items() if k not in _NO_SETTINGS}
                row = {
                    "scenario": scenario,
                    "kind": kind,
                    "method": name,
                    "settings": ", ".join(f"{key}: {json.dumps(value)}" for key, value in own.items()),
                    "verdict": VERDICT_WORDS[judgements[scenario, name].label],
                    "wall_s": wall_s.get((scenario, name)),
                }
                row |= {metric: whole.get((scenario, name, metric)) for metric in (*SHOWN, GAP)}
                rows.append(row | _gain(gaps, here[0], name))
    bounds = [
        Column(GAP, "Evidence gap", "number", term=GAP),
        Column("gain", "Gain of the bound", "number", term=GAP),
    ]
    bounds = bounds if GAP in present else []
    return make_table(
        "variants",
        "One method with several settings",
        (
            Column("scenario", "Scenario", filtered=True, term="scenario"),
            Column("kind", "Method", filtered=True),
            Column("method", "Block"),
            Column("settings", "Settings", "long"),
            Column("verdict", "Verdict", "status", term="verdict"),
            *(Column(name, label, "number", term=name) for name, label in SHOWN.items() if name in present),
            *bounds,
            Column("wall_s", "Wall time", "seconds", term="wall-time"),
        ),
        rows,
        note="Settings: those that differ from the method’s own. Gain of the bound: by how many nats the "
        "evidence lower bound is above that of the method’s first block, on data sets that both have, with "
        "its standard error over data sets. Wall times are medians over data sets.",
        empty="No two blocks of one method were run on one scenario.",
    )


def _gaps(scores: pd.DataFrame, scenario: str) -> pd.DataFrame:
    """Return evidence gaps by data set and method."""
    found = scores[(scores["scenario"] == scenario) & (scores["metric"] == GAP)]
    return found.pivot_table(index="dataset", columns="method", values="value", aggfunc="first")


def _gain(gaps: pd.DataFrame, first: str, name: str) -> dict[str, Any]:
    """Return the mean gain over the first block, and its error; nothing for the first one itself."""
    if name == first or not {first, name} <= set(gaps.columns):
        return {}
    difference = (gaps[first] - gaps[name]).to_numpy(float)
    difference = difference[np.isfinite(difference)]
    if difference.size == 0:
        return {}
    error = difference.std(ddof=1) / difference.size**0.5 if difference.size > 1 else None
    return {"gain": difference.mean(), "gain aside": "" if error is None else f"± {error:.2g}"}
