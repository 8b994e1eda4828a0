"""What the report's figures show: scores, timings and examples turned into the records of charts.py."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from markupsafe import Markup
from scipy.stats import gaussian_kde

from pipeline.report import charts
from pipeline.report.cells import number, percent, seconds
from pipeline.report.examples import REFERENCE, Example
from pipeline.report.inputs import PHASES
from pipeline.report.scoring import Metric, metric
from pipeline.report.style import Mark

MAX_POINTS = 150  # data sets drawn a method; beyond that evenly spaced ones by value, extremes included
_GRID = 72  # points of a density curve
FLOOR_ROW = "Stan vs Stan"
EXACT_ROW = "exact posterior"


@dataclass(frozen=True)
class Figure:
    """A chart with what stands around it.

    Attributes:
        id: of the HTML element, and the name of the downloaded SVG.
        title: what is drawn.
        caption: how to read it.
        spec: the Vega-Lite specification.
        term: glossary entry of what is drawn, "" for none.
        method_legend: whether the page's legend of methods belongs to it.
    """

    id: str
    title: str
    caption: str
    spec: dict[str, Any]
    term: str = ""

    @property
    def json(self) -> Markup:
        """The specification for a script element, four significant digits, with no way out of the element."""
        text = json.dumps(_rounded(self.spec), separators=(",", ":"), allow_nan=False)
        return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def parameter_dots(summary: pd.DataFrame, scenario: str, name: str, rows: Sequence[Mark]) -> Figure | None:
    """Aggregates of one metric for each parameter and method over the floor's band."""
    chosen = summary[(summary["scenario"] == scenario) & (summary["metric"] == name) & (summary["parameter"] != "")]
    chosen = chosen[np.isfinite(chosen["value"])]
    if chosen.empty:
        return None
    info = metric(name)
    groups = list(dict.fromkeys(chosen["parameter"]))
    bands = []
    for group, part in chosen.groupby("parameter", sort=False):
        floor = part["floor"].mean()
        if math.isfinite(floor):
            bands.append({"group": group, "x": 0.0, "x2": floor, "floor": number(floor)})
    points = [_summary_point(row, row["parameter"]) for row in chosen.to_dict("records")]
    spec = charts.dodged(points, groups, _present(rows, chosen), title=info.aggregate_label, bands=bands)
    return Figure(
        f"dots-{scenario}-{name}",
        info.title,
        "Each mark one method, its line the interval. Grey: the floor.",
        spec,
        term=name,
    )


def score_strip(
    scores: pd.DataFrame, summary: pd.DataFrame, scenario: str, name: str, rows: Sequence[Mark], *, floor_row: str
) -> Figure | None:
    """One metric's value for every data set and method, with the floor's own values as a row."""
    here = scores[(scores["scenario"] == scenario) & (scores["metric"] == name) & (scores["parameter"] == "")]
    finite = here[np.isfinite(here["value"])]
    if finite.empty:
        return None
    info = metric(name)
    rows = _present(rows, finite)
    points = [point for mark in rows for point in _points(finite[finite["method"] == mark.method], mark.method)]
    floors = finite.dropna(subset=["floor"]).drop_duplicates(["dataset", "floor"])
    if not floors.empty:
        as_values = floors.assign(value=floors["floor"], floor=math.nan, mcse=math.nan)
        points += _points(as_values, floor_row)
    centres = [
        {"method": row["method"], "x": row["value"], **_summary_texts(row)}
        for row in summary[
            (summary["scenario"] == scenario) & (summary["metric"] == name) & (summary["parameter"] == "")
        ].to_dict("records")
        if math.isfinite(row["value"]) and any(row["method"] == mark.method for mark in rows)
    ]
    use_log = info.positive and _wide([point["x"] for point in points])
    if use_log:
        points = [point for point in points if point["x"] > 0]
    spec = charts.strip(
        points,
        centres,
        rows,
        title=info.title,
        scale=charts.LOG if use_log else charts.LINEAR,
        floor_row="" if floors.empty else floor_row,
        threshold=info.threshold,
    )
    left_out = len(here) - len(finite)
    notes = ["Each dot one data set, the bar their aggregate."]
    if left_out:
        notes.append(f"{left_out} infinite or undefined values are not drawn.")
    if finite.groupby("method").size().max() > MAX_POINTS:
        notes.append(f"{MAX_POINTS} data sets a method are drawn, evenly spaced by value.")
    return Figure(f"strip-{scenario}-{name}", info.title, " ".join(notes), spec, term=name)


def density_overlays(example: Example, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """Marginal posteriors of every scalar parameter in the example data set."""
    out = []
    for column, parameter in enumerate(example.parameters):
        draws = {
            source: values[np.isfinite(values)]
            for source, values in zip(example.sources, example.draws[:, column], strict=True)
        }
        draws = {source: values for source, values in draws.items() if values.size > 1 and np.ptp(values) > 0}
        if REFERENCE not in draws:
            continue
        low, high = _plot_range(list(draws.values()))
        grid = np.linspace(low, high, _GRID)
        curves = [
            {"method": source, "x": float(x), "density": float(density)}
            for source, values in draws.items()
            for x, density in zip(grid, _density(values, grid), strict=True)
        ]
        truth = float(example.truth[column])
        spec = charts.densities(
            curves,
            [mark for mark in rows if mark.method in draws],
            reference=REFERENCE,
            truth=truth if low <= truth <= high else None,
        )
        out.append(Figure(f"density-{scenario}-{parameter}", parameter, "", spec))
    return out


def membership_timelines(example: Example, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """Membership probabilities of the example data set by kind and component."""
    out = []
    is_series = example.family == "hmm"
    x = np.arange(1, example.observed.size + 1) if is_series else example.observed
    for kind, values in example.memberships.items():
        n_components = values.shape[-1]
        # Two components say the same thing twice.
        for component in range(1 if n_components == 2 else 0, n_components):
            points = [
                {"method": source, "n": n + 1, "x": float(x[n]), "p": float(p)}
                for source, by_obs in zip(example.sources, values[..., component], strict=True)
                for n, p in enumerate(by_obs)
                if math.isfinite(p)
            ]
            truth = [{"x": float(x[n])} for n in np.flatnonzero(example.true_component == component)]
            noun = "state" if is_series else "component"
            spec = charts.timeline(
                points,
                truth,
                [mark for mark in rows if mark.method in example.sources],
                reference=REFERENCE,
                title=f"P({noun} {component + 1})",
                x_title="time t" if is_series else "observation (mean of its replicates)",
                width_of_step=1.0 if is_series else 0.0,
            )
            out.append(
                Figure(
                    f"timeline-{scenario}-{kind}-{component + 1}",
                    f"{kind.capitalize()}, {noun} {component + 1}",
                    "",
                    spec,
                )
            )
    return out


def phase_bars(costs: pd.DataFrame, scenario: str, methods: Sequence[str]) -> Figure | None:
    """Mean seconds a data set by phase; ``costs`` has scenario, method, phase, s and per_scenario_s."""
    here = costs[(costs["scenario"] == scenario) & (costs["s"] > 0)]
    if here.empty:
        return None
    total = here.groupby("method")["s"].transform("sum")
    records = [
        {
            "method": row.method,
            "phase": row.phase,
            "s": row.s,
            "order": PHASES.index(row.phase) if row.phase in PHASES else len(PHASES),
            "time": seconds(row.s),
            "share": percent(row.s / whole),
        }
        for row, whole in zip(here.itertuples(), total, strict=True)
    ]
    present = [method for method in methods if method in set(here["method"])]
    spec = charts.stacked_phases(records, present, title="wall seconds a data set")
    return Figure(f"phases-{scenario}", f"Wall time by phase, {scenario}", "", spec, term="wall-time")


def speedup_dots(speedups: pd.DataFrame, measure: str, title: str, rows: Sequence[Mark]) -> Figure | None:
    """Speedup against nuts of every method and scenario; ``speedups`` as of pipeline.scores.timing."""
    here = speedups[speedups["measure"] == measure]
    if here.empty:
        return None
    groups = list(dict.fromkeys(here["scenario"]))
    points = []
    for row in here.to_dict("records"):
        point = {
            "group": row["scenario"],
            "method": row["method"],
            "x": row["speedup"],
            "value": f"{number(row['speedup'])}×",
            "datasets": row["n_datasets"],
        }
        if math.isfinite(row["low"]):
            point |= {"low": row["low"], "high": row["high"]}
            point["interval"] = f"{number(row['low'])} to {number(row['high'])}"
        points.append(point)
    spec = charts.dodged(
        points,
        groups,
        _present(rows, here),
        title="times faster than nuts (log scale)",
        scale=charts.LOG,
        reference=1.0,
    )
    return Figure(f"speedup-{measure}", title, "", spec, term="speedup")


def cost_scatter(records: Sequence[dict[str, Any]], scenario: str, rows: Sequence[Mark], y_title: str) -> Figure | None:
    """Error in units of the floor against seconds a data set; ``records`` have method, x, y and texts."""
    usable = [record for record in records if record["x"] > 0 and record["y"] > 0]
    usable = [record for record in usable if math.isfinite(record["x"]) and math.isfinite(record["y"])]
    if not usable:
        return None
    present = [mark for mark in rows if any(record["method"] == mark.method for record in usable)]
    spec = charts.trade_off(usable, present, x_title="wall seconds a data set (log scale)", y_title=y_title)
    return Figure(f"cost-{scenario}", scenario, "", spec)


def _summary_texts(row: dict[str, Any]) -> dict[str, Any]:
    texts = {"mean": number(row["value"]), "datasets": int(row["n_datasets"])}
    if math.isfinite(row["se"]):
        texts["se"] = number(row["se"])
    if math.isfinite(row["floor"]):
        texts["floor"] = number(row["floor"])
    return texts


def _summary_point(row: dict[str, Any], group: str) -> dict[str, Any]:
    texts = _summary_texts(row)
    point = {"group": group, "method": row["method"], "x": row["value"], "value": texts.pop("mean"), **texts}
    if "se" in texts:
        minimum = metric(row["metric"]).minimum if not metric(row["metric"]).signed else 0.0
        point |= {"low": max(row["value"] - 2 * row["se"], minimum), "high": row["value"] + 2 * row["se"]}
    return point


def _points(scores: pd.DataFrame, label: str) -> list[dict[str, Any]]:
    ordered = scores.sort_values("value", kind="stable")
    if len(ordered) > MAX_POINTS:
        ordered = ordered.iloc[np.linspace(0, len(ordered) - 1, MAX_POINTS).round().astype(int)]
    out = []
    for i, row in enumerate(ordered.to_dict("records")):
        # The golden ratio's multiples spread neighbours in value apart; no random numbers are needed.
        jitter = 2 * ((i * 0.6180339887) % 1) - 1 if len(ordered) > 1 else 0.0
        point = {"method": label, "x": row["value"], "jitter": jitter, "value": number(row["value"])}
        if not pd.isna(row["dataset"]):
            point["dataset"] = int(row["dataset"])
        point |= {key: number(row[key]) for key in ("mcse", "floor") if math.isfinite(row[key])}
        out.append(point)
    return out


def _present(rows: Sequence[Mark], frame: pd.DataFrame) -> list[Mark]:
    here = set(frame["method"])
    return [mark for mark in rows if mark.method in here]


def _wide(values: Sequence[float]) -> bool:
    positive = [value for value in values if value > 0]
    return len(positive) > 0.98 * len(values) and max(positive) > 25 * min(positive)


def _plot_range(samples: Sequence[Float[np.ndarray, " draw"]]) -> tuple[float, float]:
    # Wide enough for every source's bulk; one wild draw does not flatten all the curves.
    low = min(float(np.quantile(values, 0.002)) for values in samples)
    high = max(float(np.quantile(values, 0.998)) for values in samples)
    pad = 0.04 * (high - low)
    pooled_low, pooled_high = min(v.min() for v in samples), max(v.max() for v in samples)
    low, high = low - pad, high + pad
    if pooled_low >= 0:
        low = max(low, 0.0)
    if pooled_low >= 0 and pooled_high <= 1:
        high = min(high, 1.0)
    return low, high


def _density(values: Float[np.ndarray, " draw"], grid: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    # Mirroring at 0 (and 1) keeps the mass of positive parameters and of probabilities inside their range.
    kernel = gaussian_kde(values)
    density = kernel(grid)
    if values.min() >= 0:
        density = density + kernel(-grid)
        if values.max() <= 1:
            density = density + kernel(2 - grid)
    return density


def _rounded(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _rounded(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_rounded(value) for value in node]
    if isinstance(node, (float, np.floating)):
        return float(f"{node:.4g}")
    return node.item() if isinstance(node, np.integer) else node
