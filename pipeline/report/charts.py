"""The kinds of chart that the report draws, as Vega-Lite specifications made by Altair.

Every function takes plain records and returns a specification; what it shows is decided in figures.py. All
widths follow the page. Hovering a mark shows the texts of its record.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

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
from pipeline.report.style import BAND, INK, PHASE_COLOURS, RULE, SOFT, Mark


def strip(
    points: Sequence[Record],
    centres: Sequence[Record],
    rows: Sequence[Mark],
    *,
    title: str,
    scale: str = LINEAR,
    floor_row: str = "",
    threshold: float | None = None,
) -> dict[str, Any]:
    """One row a method, one dot a data set, a tick at the aggregate.

    Args:
        points: records with method, x, jitter (-1 .. 1) and texts.
        centres: records with method, x and texts.
        rows: the methods from top to bottom.
        title: of the x axis.
        scale: of the x axis, "linear" or "log".
        floor_row: name of a further row, that of the floor's own values, "" for none.
        threshold: a value to mark with a dashed rule.
    """
    drawing = Drawing()
    names = [mark.method for mark in rows] + ([floor_row] if floor_row else [])
    known = [] if threshold is None else [threshold]
    axis = x_axis(title, scale, [point["x"] for point in points] + known)
    y = alt.Y("method:N", sort=names, title=None, scale=alt.Scale(domain=names))
    x = alt.X("x:Q", **axis)
    dots = drawing.chart(points).mark_point(filled=True, size=24, opacity=0.6)
    dots = dots.encode(
        x=x,
        y=y,
        yOffset=alt.YOffset("jitter:Q", scale=alt.Scale(domain=[-1.6, 1.6])),
        color=colour(rows, floor_row),
        shape=shape(rows, floor_row),
        tooltip=tooltips(points, "method", "dataset", "value", "exact", "difference", "mcse", "floor"),
    )
    ticks = drawing.chart(centres).mark_tick(thickness=2.5, size=20, color=INK)
    ticks = ticks.encode(
        x=x, y=y, tooltip=tooltips(centres, "method", "aggregate", "se", "floor", "datasets")
    )
    rule = [] if threshold is None else [drawing.rule(threshold, axis, dashed=True)]
    return drawing.spec([*rule, dots, ticks], 24 * len(names))


def dodged(
    points: Sequence[Record],
    groups: Sequence[str],
    rows: Sequence[Mark],
    *,
    title: str,
    scale: str = LINEAR,
    bands: Sequence[Record] = (),
    reference: float | None = None,
) -> dict[str, Any]:
    """One row a group (a parameter or scenario), one mark a method with its interval, side by side.

    Args:
        points: records with group, method, x, low, high (the last two where known) and texts.
        groups: the rows from top to bottom.
        rows: the methods.
        title: of the x axis.
        scale: of the x axis.
        bands: records with group, x, x2: the floor of each group.
        reference: a value to mark with a rule.
    """
    drawing = Drawing()
    values = [point[key] for point in points for key in ("x", "low", "high") if key in point]
    values += [band[key] for band in bands for key in ("x", "x2")]
    values += [] if reference is None else [reference]
    axis = x_axis(title, scale, values)
    methods = [mark.method for mark in rows]
    y = alt.Y(
        "group:N", sort=list(groups), title=None, scale=alt.Scale(domain=list(groups), paddingInner=0.25)
    )
    offset = alt.YOffset("method:N", sort=methods, scale=alt.Scale(domain=methods))
    layers: list[alt.Chart] = []
    if bands:
        band = drawing.chart(bands).mark_bar(color=BAND, height=alt.RelativeBandSize(1.0))
        tooltip = tooltips(bands, "group", "floor")
        layers.append(band.encode(x=alt.X("x:Q", **axis), x2="x2:Q", y=y, tooltip=tooltip))
    if reference is not None:
        layers.append(drawing.rule(reference, axis, dashed=True))
    if known := [point for point in points if "low" in point]:
        intervals = drawing.chart(known).mark_rule(strokeWidth=1.25)
        encoding = {"y": y, "yOffset": offset, "color": colour(rows)}
        layers.append(intervals.encode(x=alt.X("low:Q", **axis), x2="high:Q", **encoding))
    dots = drawing.chart(points).mark_point(filled=True, size=38, opacity=1)
    layers.append(
        dots.encode(
            x=alt.X("x:Q", **axis),
            y=y,
            yOffset=offset,
            color=colour(rows),
            shape=shape(rows),
            tooltip=tooltips(points, "method", "group", "value", "se", "interval", "floor", "datasets"),
        )
    )
    return drawing.spec(layers, (8 * len(rows) + 8) * len(groups))


def densities(points: Sequence[Record], rows: Sequence[Mark], truth: float | None) -> dict[str, Any]:
    """Overlay marginal densities: the reference as a grey area, each method as a line, the truth as a rule.

    Args:
        points: records with x, ``reference`` and, by their position in ``rows``, m0, m1 ..: the densities.
        rows: the methods.
        truth: the true value, where known.
    """
    drawing = Drawing()
    axis = {
        "title": None,
        "scale": alt.Scale(zero=False, nice=False),
        "axis": alt.Axis(grid=False, tickCount=4),
    }
    x, y = alt.X("x:Q", **axis), alt.Y("y:Q", title=None, axis=None)
    area = drawing.chart(points).mark_area(color="#d5dadf")
    layers = [area.encode(x=x, y=alt.Y("reference:Q", title=None, axis=None))]
    curves = unfolded(drawing.chart(points), rows).mark_line(strokeWidth=1.5)
    layers.append(curves.encode(x=x, y=y, color=colour(rows), strokeDash=dash(rows)))
    if truth is not None:
        layers.append(drawing.rule(truth, axis, dashed=True))
    tooltip = [alt.Tooltip("x:Q", title="value", format=".3~g"), alt.Tooltip("reference:Q", format=".3f")]
    layers.append(readings(drawing.chart(points), x, rows, tooltip))
    return drawing.spec(layers, 92)


def memberships(
    points: Sequence[Record],
    rows: Sequence[Mark],
    *,
    title: str,
    x_title: str,
    series: bool,
    difference: bool,
) -> dict[str, Any]:
    """Membership probabilities along time as lines, or along the observed value as marks.

    Args:
        points: records with n (the observation's number), x, ``truth`` (whether it truly belongs to the
            component), ``reference`` and, by their position in ``rows``, m0, m1 ..: the probabilities.
        rows: the methods.
        title: of the y axis.
        x_title: of the x axis.
        series: whether x is a time, one unit a step.
        difference: draw the methods' differences from the reference instead.
    """
    drawing = Drawing()
    x = alt.X(
        "x:Q", title=x_title, scale=alt.Scale(zero=False, nice=False, padding=4), axis=alt.Axis(grid=False)
    )
    unit: dict[str, Any] = {
        "scale": alt.Scale(domain=[-0.06, 1.06], nice=False),
        "axis": alt.Axis(values=[0, 0.5, 1]),
    }
    y_axis: dict[str, Any] = {"axis": alt.Axis(tickCount=4)} if difference else unit
    own = unfolded(drawing.chart(points), rows)
    base = drawing.chart(points)
    is_true = base.transform_filter("datum.truth")
    knows_truth = any(point["truth"] for point in points)
    layers: list[alt.Chart] = []
    if knows_truth and series:
        edges = is_true.transform_calculate(low="datum.x - 0.5", high="datum.x + 0.5")
        layers.append(edges.mark_rect(color="#eef0f2").encode(x=alt.X("low:Q", title=x_title), x2="high:Q"))
    elif knows_truth and not difference:
        ticks = is_true.mark_tick(color=RULE, size=7, thickness=1, orient="vertical")
        layers.append(ticks.encode(x=x, y=alt.Y(datum=-0.04)))
    if difference:
        layers.append(drawing.chart([{"y": 0}]).mark_rule(color=SOFT, strokeWidth=0.75).encode(y="y:Q"))
        own = own.transform_calculate(y="datum.y - datum.reference")
    else:
        reference = alt.Y("reference:Q", title=title, **y_axis)
        tooltip = [alt.Tooltip("n:Q"), alt.Tooltip("reference:Q", format=".3f")]
        if series:
            behind = base.mark_line(color="#b3bbc4", strokeWidth=5)
        else:
            behind = base.mark_point(color="#c3cad1", filled=True, size=80, opacity=1)
        layers.append(behind.encode(x=x, y=reference, tooltip=tooltip))
    encoding = {"x": x, "y": alt.Y("y:Q", title=title, **y_axis), "color": colour(rows)}
    if series:
        layers.append(own.mark_line(strokeWidth=1.25).encode(strokeDash=dash(rows), **encoding))
        layers.append(_membership_readings(base, x, rows, difference=difference))
    else:
        number = alt.Tooltip("y:Q", title="difference" if difference else "p", format=".3f")
        tooltip = [alt.Tooltip("method:N"), alt.Tooltip("n:Q"), number]
        dots = own.mark_point(filled=True, size=16, opacity=0.8)
        layers.append(dots.encode(shape=shape(rows), tooltip=tooltip, **encoding))
    return drawing.spec(layers, 150)


def _membership_readings(chart: alt.Chart, x: alt.X, rows: Sequence[Mark], *, difference: bool) -> alt.Chart:
    """Show all methods' probabilities at a time, or their differences from the reference."""
    tooltip = [alt.Tooltip("x:Q", title="t"), alt.Tooltip("reference:Q", format=".3f")]
    if not difference:
        return readings(chart, x, rows, tooltip)
    apart = {f"d{i}": f"datum.m{i} - datum.reference" for i in range(len(rows))}
    return readings(chart.transform_calculate(**apart), x, rows, tooltip, key="d")


def stacked_phases(records: Sequence[Record], methods: Sequence[str], *, title: str) -> dict[str, Any]:
    """Horizontal bars of seconds by phase.

    Args:
        records: with method, phase, s (seconds), order and texts.
        methods: from top to bottom.
        title: of the x axis.
    """
    drawing = Drawing()
    phases = [phase for phase in PHASE_COLOURS if any(record["phase"] == phase for record in records)]
    colours = alt.Scale(domain=phases, range=[PHASE_COLOURS[phase] for phase in phases])
    bars = drawing.chart(records).mark_bar(stroke="#fff", strokeWidth=0.5)
    bars = bars.encode(
        x=alt.X("s:Q", title=title, stack="zero"),
        y=alt.Y("method:N", sort=list(methods), title=None, scale=alt.Scale(domain=list(methods))),
        color=alt.Color(
            "phase:N", scale=colours, legend=alt.Legend(title=None, symbolType="square", columns=3)
        ),
        order=alt.Order("order:Q"),
        tooltip=tooltips(records, "method", "phase", "time", "share"),
    )
    return drawing.spec([bars], 22 * len(methods))


def trade_off(
    records: Sequence[Record], rows: Sequence[Mark], *, x_title: str, y_title: str
) -> dict[str, Any]:
    """Scatter of cost (x, log) against error (y, log) with each point named; a dashed line at error 1.

    Args:
        records: with method, x, y and texts.
        rows: the methods.
        x_title: of the cost axis.
        y_title: of the error axis.
    """
    drawing = Drawing()
    x = alt.X("x:Q", **x_axis(x_title, LOG, [record["x"] for record in records], margin=2.0))
    y_axis = x_axis(y_title, LOG, [record["y"] for record in records] + [1.0], margin=1.5)
    y = alt.Y("y:Q", **y_axis)
    layers = [drawing.chart([{"y": 1.0}]).mark_rule(strokeDash=[4, 3], color=RULE).encode(y=y)]
    for (align, dy), names in _label_places(records).items():
        text = drawing.chart(names).mark_text(
            align=align, dx=8 if align == "left" else -8, dy=dy, fontSize=11, color=INK
        )
        layers.append(text.encode(x=x, y=y, text="method:N"))
    dots = drawing.chart(records).mark_point(filled=True, size=64, opacity=1)
    tooltip = tooltips(records, "method", "cost", "error", "datasets")
    layers.append(dots.encode(x=x, y=y, color=colour(rows), shape=shape(rows), tooltip=tooltip))
    return drawing.spec(layers, 230)


def _label_places(records: Sequence[Record]) -> dict[tuple[Literal["left", "right"], int], list[Record]]:
    """Group the records by where their names stand: at the side with more room, above or below the point.

    A name goes below where that of a near point already stands above.
    """
    xs, ys = [math.log(r["x"]) for r in records], [math.log(r["y"]) for r in records]
    width, height = max(xs) - min(xs) or 1.0, max(*ys, 0.0) - min(*ys, 0.0) or 1.0
    placed: list[tuple[float, float, int]] = []
    places: dict[tuple[Literal["left", "right"], int], list[Record]] = {}
    for x, y, record in sorted(zip(xs, ys, records, strict=True), key=lambda entry: -entry[1]):
        above = -7
        crowded = any(
            abs(x - a) < width / 2 and abs(y - b) < height / 12 and dy == above for a, b, dy in placed
        )
        dy = 9 if crowded else above
        placed.append((x, y, dy))
        align = "left" if x <= (min(xs) + max(xs)) / 2 else "right"
        places.setdefault((align, dy), []).append(record)
    return places
