"""The figures of scores and costs: rows of tables turned into the records of charts.py."""

import base64
import gzip
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from pipeline.report import charts
from pipeline.report.cells import frame_records, number, percent, seconds
from pipeline.report.inputs import PHASES
from pipeline.report.scoring import METRICS, kind_of
from pipeline.report.style import Mark
from pipeline.scores.metric import Metric

MAX_POINTS = 150  # data sets drawn a method; beyond that evenly spaced ones by value, extremes included
FLOOR_ROW = "Stan vs Stan"


@dataclass(frozen=True)
class Figure:
    """A chart with what stands around it.

    Attributes:
        name: what makes its HTML id, and the file name of the downloaded SVG.
        title: what is drawn.
        spec: the Vega-Lite specification.
        term: glossary entry of what is drawn, "" for none.
        caption: what is not said above the figure's grid, "" for nothing.
    """

    name: str
    title: str
    spec: dict[str, Any]
    term: str = ""
    caption: str = ""

    @property
    def id(self) -> str:
        """The HTML id: the name without brackets and the like."""
        return re.sub(r"[^\w]+", "-", f"figure-{self.name}").strip("-")

    @property
    def packed(self) -> Markup:
        """The specification for a script element: numbers of four digits, as JSON, by gzip, in base64.

        Packed, the charts of a run take a seventh of their size, which keeps reports of many scenarios small.
        """
        described = {"description": f"{self.title} ({self.name})", **self.spec}
        text = json.dumps(_rounded(described), separators=(",", ":"), allow_nan=False)
        return Markup(base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode())


def parameter_dots(summary: pd.DataFrame, scenario: str, name: str, rows: Sequence[Mark]) -> Figure | None:
    """Aggregates of one metric for each parameter and method over the floor's band.

    Args:
        summary: as of ``scoring.summarise``.
        scenario: whose aggregates.
        name: of a metric with one value a parameter.
        rows: the methods.
    """
    chosen = summary[
        (summary["scenario"] == scenario) & (summary["metric"] == name) & (summary["parameter"] != "")
    ]
    finite = chosen[np.isfinite(chosen["value"])]
    if finite.empty:
        return None
    info = METRICS[name]
    floors = finite.groupby("parameter", sort=False)["floor"].mean().dropna()
    shown = [*finite["value"], *floors]
    use_log = _wide(shown)
    edge = min(shown) / 1.5 if use_log else 0.0
    bands = [
        {"group": group, "x": edge, "x2": floor, "floor": number(floor)} for group, floor in floors.items()
    ]
    points = []
    for row in frame_records(finite):
        texts = _texts(row)
        point = {"group": row["parameter"], "method": row["method"], "x": row["value"]}
        point |= {"value": texts.pop("aggregate"), **texts}
        if "se" in texts:
            point |= {"low": max(row["value"] - 2 * row["se"], edge), "high": row["value"] + 2 * row["se"]}
        points.append(point)
    groups = list(dict.fromkeys(finite["parameter"]))
    title = f"{info.summary}, {info.unit}" if info.signed else f"{info.summary}, {_axis_title(info)}"
    scale = charts.LOG if use_log else charts.LINEAR
    spec = charts.dodged(points, groups, _present(rows, finite), title=title, scale=scale, bands=bands)
    return Figure(f"{name}-{scenario}", _capitalised(info.title), spec, name, _left_out(chosen, finite))


def score_strip(
    scores: pd.DataFrame, summary: pd.DataFrame, scenario: str, name: str, rows: Sequence[Mark]
) -> Figure | None:
    """One metric's value for every data set and method, with the floor's own values as a last row.

    A score against the truth, whose floor is no noise but the exact posterior's score, is drawn as the
    difference from that: how hard a data set is would otherwise hide what the method adds.

    Args:
        scores: the run's scores.
        summary: as of ``scoring.summarise``.
        scenario: whose scores.
        name: of a metric of the whole posterior.
        rows: the methods.
    """
    info = METRICS[name]
    here = scores[(scores["scenario"] == scenario) & (scores["metric"] == name) & (scores["parameter"] == "")]
    against_truth = info.baseline == "reference"
    drawn = here.assign(x=here["value"] - here["floor"] if against_truth else here["value"])
    finite = drawn[np.isfinite(drawn["x"])]
    if finite.empty:
        return None
    rows = _present(rows, finite)
    points = [
        point for mark in rows for point in _points(finite[finite["method"] == mark.method], mark.method)
    ]
    floors = finite[np.isfinite(finite["floor"])].drop_duplicates(["dataset", "floor"])
    floor_row = FLOOR_ROW if info.baseline == "noise" and len(floors) else ""
    if floor_row:
        unknown = {"mcse": math.nan, "floor": math.nan}
        points += _points(floors.assign(x=floors["floor"], value=floors["floor"], **unknown), FLOOR_ROW)
    if against_truth:
        for point in points:
            point["difference"] = number(point["x"])
            point["exact"] = point.pop("floor", "–")
    centres = _centres(summary, scenario, name, rows, against_truth)
    use_log = info.positive and not against_truth and _wide([point["x"] for point in points])
    spec = charts.strip(
        points,
        centres,
        rows,
        title="minus the exact posterior’s" if against_truth else _axis_title(info),
        scale=charts.LOG if use_log else charts.LINEAR,
        floor_row=floor_row,
        threshold=0.0 if against_truth else info.threshold,
    )
    title = _capitalised(info.title.removeprefix(f"{kind_of(name)} "))
    return Figure(f"{name}-{scenario}", title, spec, name, _left_out(here, finite))


def phase_bars(costs: pd.DataFrame, scenario: str, methods: Sequence[str]) -> Figure | None:
    """Mean seconds a data set by phase; ``costs`` as of ``costs.phase_seconds``."""
    here = costs[(costs["scenario"] == scenario) & (costs["s"] > 0)]
    if here.empty:
        return None
    total = here.groupby("method")["s"].transform("sum")
    records = [
        {
            "method": row["method"],
            "phase": row["phase"],
            "s": row["s"],
            "order": PHASES.index(row["phase"]) if row["phase"] in PHASES else len(PHASES),
            "time": seconds(row["s"]),
            "share": percent(row["s"] / whole),
        }
        for row, whole in zip(frame_records(here), total, strict=True)
    ]
    present = [method for method in methods if method in set(here["method"])]
    spec = charts.stacked_phases(records, present, title="wall seconds a data set")
    return Figure(f"phases-{scenario}", scenario, spec, "wall-time")


def speedup_dots(speedups: pd.DataFrame, measure: str, title: str, rows: Sequence[Mark]) -> Figure | None:
    """Speedup against nuts of every method and scenario; ``speedups`` as of pipeline.scores.timing."""
    here = speedups[speedups["measure"] == measure]
    if here.empty:
        return None
    points = []
    for row in frame_records(here):
        point = {"group": row["scenario"], "method": row["method"], "x": row["speedup"]}
        point |= {"value": f"{number(row['speedup'])}×", "datasets": row["n_datasets"]}
        if math.isfinite(row["low"]):
            interval = f"{number(row['low'])} to {number(row['high'])}"
            point |= {"low": row["low"], "high": row["high"], "interval": interval}
        points.append(point)
    groups = list(dict.fromkeys(here["scenario"]))
    axis = "times as fast as nuts (log scale)"
    spec = charts.dodged(points, groups, _present(rows, here), title=axis, scale=charts.LOG, reference=1.0)
    return Figure(f"speedup-{measure}", title, spec, "speedup")


def cost_scatter(records: Sequence[dict[str, Any]], scenario: str, rows: Sequence[Mark]) -> Figure | None:
    """Error in units of the floor against seconds a data set; ``records`` have method, x, y and texts."""
    usable = [
        record
        for record in records
        if math.isfinite(record["x"]) and math.isfinite(record["y"]) and min(record["x"], record["y"]) > 0
    ]
    if not usable:
        return None
    present = [mark for mark in rows if any(record["method"] == mark.method for record in usable)]
    axes = {"x_title": "wall seconds a data set (log scale)", "y_title": "error, in floors (log scale)"}
    return Figure(f"cost-{scenario}", scenario, charts.trade_off(usable, present, **axes))


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    texts = {"aggregate": number(row["value"]), "datasets": int(row["n_datasets"])}
    return texts | {key: number(row[key]) for key in ("se", "floor") if math.isfinite(row[key])}


def _centres(
    summary: pd.DataFrame, scenario: str, name: str, rows: Sequence[Mark], against_truth: bool
) -> list[dict[str, Any]]:
    own = summary[
        (summary["scenario"] == scenario) & (summary["metric"] == name) & (summary["parameter"] == "")
    ]
    shown = {mark.method for mark in rows}
    out = []
    for row in frame_records(own):
        x = row["value"] - row["floor"] if against_truth else row["value"]
        if math.isfinite(x) and row["method"] in shown:
            out.append({"method": row["method"], "x": x, **_texts(row)})
    return out


def _points(scores: pd.DataFrame, label: str) -> list[dict[str, Any]]:
    ordered = scores.sort_values("x", kind="stable")
    if len(ordered) > MAX_POINTS:
        ordered = ordered.iloc[np.linspace(0, len(ordered) - 1, MAX_POINTS).round().astype(int)]
    out = []
    for i, row in enumerate(frame_records(ordered)):
        # Multiples of the golden ratio spread neighbours apart without random numbers.
        jitter = 2 * ((i * 0.6180339887) % 1) - 1 if len(ordered) > 1 else 0.0
        point = {"method": label, "x": row["x"], "jitter": jitter, "value": number(row["value"])}
        if not pd.isna(row["dataset"]):
            point["dataset"] = int(row["dataset"])
        out.append(point | {key: number(row[key]) for key in ("mcse", "floor") if math.isfinite(row[key])})
    return out


def _left_out(everything: pd.DataFrame, finite: pd.DataFrame) -> str:
    notes = []
    if len(finite) < len(everything):
        notes.append(f"{len(everything) - len(finite)} infinite or undefined values are not drawn.")
    if "dataset" in finite and finite.groupby("method").size().max() > MAX_POINTS:
        notes.append(f"{MAX_POINTS} data sets a method are drawn, evenly spaced by value.")
    return " ".join(notes)


def _axis_title(info: Metric) -> str:
    # Small charts have room for some thirty letters, whatever fonts the reader has.
    unit = "" if info.unit == "none" else f"{info.unit.replace(' per observation', ' / obs.')}, "
    return f"{unit}{info.direction}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _present(rows: Sequence[Mark], frame: pd.DataFrame) -> list[Mark]:
    here = set(frame["method"])
    return [mark for mark in rows if mark.method in here]


def _wide(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) > 25 * min(values)


def _rounded(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _rounded(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_rounded(value) for value in node]
    if isinstance(node, (float, np.floating)):
        return float(f"{node:.4g}")
    return node.item() if isinstance(node, np.integer) else node
