"""The kinds of chart that checks of networks add; like charts.py, they take plain records."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from pipeline.report.drawing import (
    LINEAR,
    LOG,
    Drawing,
    Record,
    colour,
    dash,
    readings,
    shape,
    tooltips,
    unfolded,
    x_axis,
)
from pipeline.report.style import BAND, INK, RULE, SOFT, Mark


def rank_curves(points: Sequence[Record], rows: Sequence[Mark]) -> dict[str, Any]:
    """Differences of distribution functions as lines over their simultaneous band.

    Args:
        points: records with x, low and high (the band) and, by their position in ``rows``, m0, m1 ..
        rows: the methods.
    """
    drawing = Drawing()
    x = alt.X(
        "x:Q",
        title="rank, as a share",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(values=[0, 0.5, 1], grid=False),
    )
    y = alt.Y("low:Q", title=None, axis=alt.Axis(tickCount=3, grid=False))
    band = drawing.chart(points).mark_area(color=BAND).encode(x=x, y=y, y2="high:Q")
    zero = drawing.chart([{"y": 0}]).mark_rule(color=SOFT, strokeWidth=0.75).encode(y="y:Q")
    lines = unfolded(drawing.chart(points), rows).mark_line(strokeWidth=1.5)
    lines = lines.encode(x=x, y="y:Q", color=colour(rows), strokeDash=dash(rows))
    tooltip = [
        alt.Tooltip("x:Q", title="rank", format=".2f"),
        alt.Tooltip("low:Q", title="band from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
    ]
    return drawing.spec([band, zero, lines, readings(drawing.chart(points), x, rows, tooltip)], 104)


def truth_scatter(points: Sequence[Record], rows: Sequence[Mark]) -> dict[str, Any]:
    """Posterior medians against true values, one mark a data set, over the diagonal.

    Args:
        points: records with method, x (the truth), y (the median) and texts.
        rows: the methods.
    """
    drawing = Drawing()
    values = [point[key] for point in points for key in ("x", "y")]
    ends = [{"x": min(values), "y": min(values)}, {"x": max(values), "y": max(values)}]
    scale = alt.Scale(domain=[min(values), max(values)], nice=False, padding=4)
    x = alt.X("x:Q", title="true value", scale=scale, axis=alt.Axis(grid=False, tickCount=4))
    y = alt.Y("y:Q", title="posterior median", scale=scale, axis=alt.Axis(grid=False, tickCount=4))
    line = drawing.chart(ends).mark_line(color=RULE, strokeWidth=1).encode(x=x, y=y)
    dots = drawing.chart(points).mark_point(filled=True, size=16, opacity=0.55)
    tooltip = tooltips(points, "method", "dataset", "true", "median", "sd")
    dots = dots.encode(x=x, y=y, color=colour(rows), shape=shape(rows), tooltip=tooltip)
    return drawing.spec([line, dots], 150)


def curves(points: Sequence[Record], rows: Sequence[Mark], *, x_title: str, y_title: str) -> dict[str, Any]:
    """Lines of method, x and y over linear axes."""
    drawing = Drawing()
    x = alt.X("x:Q", title=x_title, axis=alt.Axis(grid=False))
    y = alt.Y("y:Q", title=y_title, scale=alt.Scale(zero=False))
    tooltip = tooltips(points, "method", "step", "time", "loss")
    lines = drawing.chart(points).mark_line(strokeWidth=1.25)
    lines = lines.encode(x=x, y=y, color=colour(rows), strokeDash=dash(rows), tooltip=tooltip)
    return drawing.spec([lines], 170)


def trends(
    points: Sequence[Record],
    rows: Sequence[Mark],
    *,
    x_title: str,
    y_title: str,
    use_log: bool = False,
    target: float | None = None,
) -> dict[str, Any]:
    """Means with their intervals along a quantity, joined by lines.

    Args:
        points: records with method, x, y, low, high and texts.
        rows: the methods.
        x_title: of the quantity.
        y_title: of the means.
        use_log: a logarithmic y axis, for which low must be positive.
        target: a value of y to mark with a dashed rule.
    """
    drawing = Drawing()
    x = alt.X("x:Q", title=x_title, scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(grid=False))
    values = [point[key] for point in points for key in ("low", "high")] + (
        [] if target is None else [target]
    )
    axis = x_axis(y_title, LOG if use_log else LINEAR, values)
    y = alt.Y("y:Q", **axis)
    layers: list[alt.Chart] = []
    if target is not None:
        rule = drawing.chart([{"y": target}]).mark_rule(strokeDash=[4, 3], color=RULE)
        layers.append(rule.encode(y=alt.Y("y:Q", **axis)))
    base = drawing.chart(points)
    layers.append(base.mark_line(strokeWidth=1).encode(x=x, y=y, color=colour(rows), strokeDash=dash(rows)))
    whiskers = base.mark_rule(strokeWidth=1.25)
    layers.append(whiskers.encode(x=x, y=alt.Y("low:Q", **axis), y2="high:Q", color=colour(rows)))
    tooltip = tooltips(points, "method", "range", "value", "se", "datasets")
    dots = base.mark_point(filled=True, size=36, opacity=1)
    layers.append(dots.encode(x=x, y=y, color=colour(rows), shape=shape(rows), tooltip=tooltip))
    return drawing.spec(layers, 170)


def cumulative_costs(
    lines: Sequence[Record], crossings: Sequence[Record], rows: Sequence[Mark]
) -> dict[str, Any]:
    """Cost of a number of data sets, both logarithmic, with the places where nuts becomes the dearer.

    Args:
        lines: records with method, x (data sets) and y (seconds).
        crossings: records with method, x, y, low, high (of x) and texts.
        rows: the methods.
    """
    drawing = Drawing()
    sizes = [r["x"] for r in lines] + [r[k] for r in crossings for k in ("low", "high") if k in r]
    axis = x_axis("data sets (log scale)", LOG, sizes, margin=1.0)
    x = alt.X("x:Q", **axis)
    y = alt.Y("y:Q", **x_axis("wall seconds in all (log scale)", LOG, [record["y"] for record in lines]))
    layers = [drawing.chart(lines).mark_line(strokeWidth=1.5)]
    layers[0] = layers[0].encode(x=x, y=y, color=colour(rows), strokeDash=dash(rows))
    intervals = drawing.chart([record for record in crossings if "low" in record]).mark_rule(strokeWidth=2.5)
    layers.append(intervals.encode(x=alt.X("low:Q", **axis), x2="high:Q", y=y, color=colour(rows)))
    dots = drawing.chart(crossings).mark_point(filled=True, size=64, opacity=1, stroke=INK)
    tooltip = tooltips(crossings, "method", "datasets", "interval", "cost")
    layers.append(dots.encode(x=x, y=y, color=colour(rows), shape=shape(rows), tooltip=tooltip))
    return drawing.spec(layers, 230)
