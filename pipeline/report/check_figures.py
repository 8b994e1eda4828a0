"""The figures of checks of networks: summaries and tables turned into the records of check_charts.py."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.calibration.ranks import curve
from pipeline.report import charts, check_charts
from pipeline.report.cells import frame_records, number, percent, seconds
from pipeline.report.checked import Cell, Checked
from pipeline.report.figures import MAX_POINTS, Figure
from pipeline.report.style import Mark
from pipeline.scores.timing import BASELINE

MAX_CURVE = 250  # points drawn of a loss curve
SETTLING = 0.03  # share of a training whose losses would squeeze all others into a line
KL_TARGET = 0.05
N_LINE = 40

Checks = Mapping[str, Checked]  # by method


def of_scenario(cells: Mapping[Cell, Any], scenario: str) -> dict[str, Any]:
    """Return what belongs to one scenario, by method."""
    return {method: found for (name, method), found in cells.items() if name == scenario}


def rank_figures(checks: Checks, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """One figure a quantity: the ranks' distribution function less the uniform one."""
    rows = [mark for mark in rows if mark.method in checks]
    figures = []
    for quantity in _quantities(checks, "calibration"):
        points: list[dict[str, Any]] = []
        for i, mark in enumerate(rows):
            own = checks[mark.method]
            found = curve(own.table[f"rank {quantity}"].to_numpy(), own.summary["draws"])
            if not points:
                points = [
                    {"x": x, "low": low, "high": high}
                    for x, low, high in zip(found.x, found.lower, found.upper, strict=True)
                ]
            for point, difference in zip(points, found.difference, strict=True):
                point[f"m{i}"] = difference
        spec = check_charts.rank_curves(points, rows)
        figures.append(Figure(f"ranks-{scenario}-{quantity}", quantity, spec, "rank"))
    return figures


def recovery_figures(checks: Checks, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """One figure a parameter: posterior medians against the truth."""
    rows = [mark for mark in rows if mark.method in checks]
    figures = []
    for quantity in _quantities(checks, "recovery"):
        points = []
        for mark in rows:
            table = checks[mark.method].table
            # Spread evenly over the truth, so that the rare values show.
            order = table[f"truth {quantity}"].to_numpy().argsort(kind="stable")
            kept = order[np.linspace(0, len(order) - 1, min(len(order), MAX_POINTS)).round().astype(int)]
            for i in kept:
                truth, median, sd = (
                    float(table[f"{what} {quantity}"].iloc[i]) for what in ("truth", "median", "sd")
                )
                texts = {"true": number(truth), "median": number(median), "sd": number(sd)}
                points.append({"method": mark.method, "x": truth, "y": median, "dataset": int(i), **texts})
        spec = check_charts.truth_scatter(points, rows)
        figures.append(Figure(f"recovery-{scenario}-{quantity}", quantity, spec, "recovery"))
    return figures


def coverage_figures(checks: Checks, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """One figure a level: the share of central intervals that hold the truth."""
    rows = [mark for mark in rows if mark.method in checks]
    figures = []
    for level in (50, 80, 95):
        points, bands = [], {}
        for mark in rows:
            for row in checks[mark.method].summary["recovery"]:
                value, se = row[f"coverage_{level}"], row[f"coverage_{level}_se"]
                point = {"group": row["quantity"], "method": mark.method, "x": 100 * value}
                points.append(point | {"value": percent(value), "se": percent(se)})
                ends = {"x": level - 200 * se, "x2": min(level + 200 * se, 100.0)}
                bands[row["quantity"]] = {"group": row["quantity"], **ends}
        spec = charts.dodged(
            points, list(bands), rows, title="per cent", bands=list(bands.values()), reference=float(level)
        )
        name = f"coverage-{level}-{scenario}"
        figures.append(Figure(name, f"{level}% intervals", spec, "coverage"))
    return figures


def learning_figures(learning: Mapping[str, Any], scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """Losses against wall time: of the posterior, and of the memberships."""
    rows = [mark for mark in rows if mark.method in learning]
    titles = {
        "posterior": ("Posterior", "mean −log q, nats"),
        "membership": ("Memberships", "cross-entropy, nats an observation"),
    }
    figures = []
    for column, (title, axis) in titles.items():
        points = []
        for mark in (mark for mark in rows if column in learning[mark.method]["curve_columns"]):
            curve = pd.DataFrame(
                learning[mark.method]["curve"], columns=learning[mark.method]["curve_columns"]
            )
            drawn = curve[(curve["wall_s"] >= SETTLING * curve["wall_s"].max()) & np.isfinite(curve[column])]
            drawn = drawn.iloc[:: max(1, math.ceil(len(drawn) / MAX_CURVE))]
            points += [
                {"method": mark.method, "x": row["wall_s"] / 60, "y": row[column], "step": int(row["step"])}
                | {"time": seconds(row["wall_s"]), "loss": number(row[column])}
                for row in frame_records(drawn)
            ]
        if points:
            spec = check_charts.curves(points, rows, x_title="minutes of training", y_title=axis)
            figures.append(
                Figure(f"learning-{column}-{scenario}", f"{scenario}: {title}", spec, "training-loss")
            )
    return figures


def bin_figures(checks: Checks, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """KL, efficiency and memberships' excess loss by number of observations and by separation."""
    rows = [mark for mark in rows if mark.method in checks]
    first = next(iter(checks.values())).summary["bins"][0]
    kinds = [key.removesuffix("_excess") for key in first if key.endswith("_excess")]
    scores = {
        "kl": ("KL divergence", "nats", "kl-sampled"),
        "efficiency": ("Efficiency", "share", "efficiency"),
    }
    scores |= {
        f"{kind}_excess": (f"Excess log loss, {kind}", "nats an observation", "own-excess") for kind in kinds
    }
    axes = {"observations": "observations × replicates", "separation": "smallest difference of means, sd"}
    figures = []
    for score, (title, unit, term) in scores.items():
        for by, x_title in axes.items():
            points = [
                _trend(row, score, mark.method)
                for mark in rows
                for row in checks[mark.method].summary["bins"]
                if row["by"] == by and row[score] > 0
            ]
            if not points:
                continue
            use_log = score != "efficiency"
            target = KL_TARGET if score == "kl" else None
            spec = check_charts.trends(
                points, rows, x_title=x_title, y_title=unit, use_log=use_log, target=target
            )
            figures.append(Figure(f"{score}-by-{by}-{scenario}", f"{title} by {by}", spec, term))
    return figures


def flag_figure(checks: Checks, scenario: str, rows: Sequence[Mark]) -> Figure:
    """Share of data sets flagged as strange, by what was done to them."""
    rows = [mark for mark in rows if mark.method in checks]
    points = []
    for mark in rows:
        for row in checks[mark.method].summary["unlike"]:
            if row["by"] != "any":
                continue
            value, se = row["flagged"], row["flagged_se"] if math.isfinite(row["flagged_se"]) else 0.0
            ends = {"low": 100 * max(value - 2 * se, 0), "high": 100 * min(value + 2 * se, 1)}
            texts = {"value": percent(value), "se": percent(se), "datasets": row["n"]}
            points.append({"group": row["data"], "method": mark.method, "x": 100 * value, **ends, **texts})
    groups = list(dict.fromkeys(point["group"] for point in points))
    spec = charts.dodged(points, groups, rows, title="per cent of data sets flagged", reference=1.0)
    return Figure(f"flagged-{scenario}", "Flagged as strange", spec, "strange")


def break_even_figure(counts: pd.DataFrame, scenario: str, rows: Sequence[Mark]) -> Figure | None:
    """Cost in all against the number of data sets; ``counts`` as of ``pipeline.scores.break_even``."""
    here = counts[counts["scenario"] == scenario]
    if here.empty:
        return None
    known = here[["break_even", "low", "high"]].to_numpy()
    most = 10 ** math.ceil(math.log10(max(1000.0, 3 * float(known[np.isfinite(known)].max(initial=0)))))
    sizes = np.geomspace(1, most, N_LINE)
    of_nuts = float(here["nuts_each_s"].mean())
    lines = [{"method": BASELINE, "x": n, "y": of_nuts * n} for n in sizes]
    crossings = []
    for row in frame_records(here):
        lines += [{"method": row["method"], "x": n, "y": row["once_s"] + row["each_s"] * n} for n in sizes]
        if math.isfinite(row["break_even"]) and row["break_even"] >= 1:
            cost = row["once_s"] + row["each_s"] * row["break_even"]
            point = {"method": row["method"], "x": row["break_even"], "y": cost}
            point |= {"datasets": number(row["break_even"]), "cost": seconds(cost)}
            if math.isfinite(row["low"]) and math.isfinite(row["high"]):
                interval = f"{number(row['low'])} to {number(row['high'])}"
                point |= {"low": row["low"], "high": row["high"], "interval": interval}
            crossings.append(point)
    present = [mark for mark in rows if mark.method in {BASELINE, *here["method"]}]
    spec = check_charts.cumulative_costs(lines, crossings, present)
    return Figure(f"break-even-{scenario}", scenario, spec, "break-even")


def _trend(row: dict[str, Any], score: str, method: str) -> dict[str, Any]:
    value, se = row[score], row[f"{score}_se"]
    se = se if se is not None and math.isfinite(se) else 0.0
    # A logarithmic axis ends somewhere; an interval that reaches zero is cut there.
    ends = {"low": max(value - 2 * se, value / 10), "high": value + 2 * se}
    texts = {"range": f"{number(row['low'])} to {number(row['high'])}", "value": number(value)}
    return (
        {"method": method, "x": row["centre"], "y": value}
        | ends
        | texts
        | {"se": number(se), "datasets": row["n"]}
    )


def _quantities(checks: Checks, part: str) -> list[str]:
    return [row["quantity"] for row in next(iter(checks.values())).summary[part]]
