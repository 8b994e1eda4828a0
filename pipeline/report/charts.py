"""The kinds of chart that the report draws, as Vega-Lite specifications made by Altair.

Every function takes plain records and returns a specification; what it shows is decided in figures.py. All
widths follow the page. Hovering a mark shows the fields listed in ``tooltips``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from pipeline.report.style import BAND, INK, PHASE_COLOURS, RULE, Mark

Record = Mapping[str, Any]
LINEAR, LOG = "linear", "log"


def strip(
    points: Sequence[Record],
    centres: Sequence[Record],
    rows: Sequence[Mark],
    *,
    title: str,
    scale: str = LINEAR,
    floor_row: str = "",
    floor: float | None = None,
    ideal: float | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """One row a method, one dot a data set, a bar at the aggregate.

    Args:
        points: records with method, x, jitter (-1 .. 1), dataset, value, mcse and floor as text.
        centres: records with method, x, value as text.
        rows: the methods from top to bottom.
        title: of the x axis.
        scale: of the x axis, "linear" or "log".
        floor_row: name of the row that shows the floor's own spread, "" for none.
        floor: where the floor's aggregate stands, drawn as a band from the ideal.
        ideal: value of a perfect score.
        threshold: a value to mark with a dashed rule.
    """
    names = [mark.method for mark in rows] + ([floor_row] if floor_row else [])
    values = [point["x"] for point in points] + [value for value in (floor, threshold) if value is not None]
    axis = _x_scale(scale, values)
    y = alt.Y("method:N", sort=names, title=None, scale=alt.Scale(domain=names))
    x = alt.X("x:Q", title=title, scale=axis)
    layers: list[alt.Chart] = []
    if floor is not None and ideal is not None and scale == LINEAR:
        layers.append(_rectangle([{"x": ideal, "x2": floor}], axis, title))
    elif floor is not None:
        layers.append(_rule(floor, axis, title, dashed=False))
    if threshold is not None:
        layers.append(_rule(threshold, axis, title, dashed=True))
    layers.append(
        _chart(points)
        .mark_point(filled=True, size=22, opacity=0.55)
        .encode(
            x=x,
            y=y,
            yOffset=alt.YOffset("jitter:Q", scale=alt.Scale(domain=[-1.6, 1.6])),
            color=_colour(rows, floor_row),
            shape=_shape(rows, floor_row),
            tooltip=_tooltips("method", "dataset", "parameter", "value", "mcse", "floor", records=points),
        )
    )
    layers.append(
        _chart(centres)
        .mark_tick(thickness=2.5, size=22, color=INK)
        .encode(x=x, y=y, tooltip=_tooltips("method", "mean", "se", "floor", "datasets", records=centres))
    )
    return _spec(alt.layer(*layers).properties(height=24 * len(names)))


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
        points: records with group, method, x, low, high and their texts.
        groups: the rows from top to bottom.
        rows: the methods.
        title: of the x axis.
        scale: of the x axis.
        bands: records with group, x, x2: the floor of each group.
        reference: a value to mark with a rule.
    """
    values = [point[key] for point in points for key in ("x", "low", "high") if point.get(key) is not None]
    values += [band[key] for band in bands for key in ("x", "x2")]
    axis = _x_scale(scale, values)
    y = alt.Y("group:N", sort=list(groups), title=None, scale=alt.Scale(domain=list(groups), paddingInner=0.25))
    offset = alt.YOffset("method:N", sort=[m.method for m in rows], scale=alt.Scale(domain=[m.method for m in rows]))
    x = alt.X("x:Q", title=title, scale=axis)
    layers: list[alt.Chart] = []
    if bands:
        layers.append(
            _chart(bands)
            .mark_bar(color=BAND, height=alt.RelativeBandSize(1.0))
            .encode(x=x, x2="x2:Q", y=y, tooltip=_tooltips("group", "floor", records=bands))
        )
    if reference is not None:
        layers.append(_rule(reference, axis, title, dashed=True))
    intervals = [point for point in points if point.get("low") is not None]
    colour = _colour(rows)
    layers.append(
        _chart(intervals)
        .mark_rule(strokeWidth=1.25)
        .encode(x=alt.X("low:Q", title=title, scale=axis), x2="high:Q", y=y, yOffset=offset, color=colour)
    )
    layers.append(
        _chart(points)
        .mark_point(filled=True, size=38, opacity=1)
        .encode(
            x=x,
            y=y,
            yOffset=offset,
            color=colour,
            shape=_shape(rows),
            tooltip=_tooltips("method", "group", "value", "se", "interval", "floor", "datasets", records=points),
        )
    )
    return _spec(alt.layer(*layers).properties(height=(8 * len(rows) + 8) * len(groups)))


def densities(
    curves: Sequence[Record], rows: Sequence[Mark], *, reference: str, truth: float | None
) -> dict[str, Any]:
    """Overlay marginal densities: the reference as a grey area, each method as a line, the truth as a rule.

    Args:
        curves: records with method, x, density.
        rows: the methods.
        reference: name of the reference among the curves.
        truth: the true value, where known.
    """
    x = alt.X("x:Q", title=None, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False, tickCount=4))
    y = alt.Y("density:Q", title=None, axis=None)
    area = [record for record in curves if record["method"] == reference]
    lines = [record for record in curves if record["method"] != reference]
    layers: list[alt.Chart] = [
        _chart(area).mark_area(color="#cfd5db", line={"color": RULE, "strokeWidth": 1}).encode(x=x, y=y),
        _chart(lines)
        .mark_line(strokeWidth=1.5)
        .encode(x=x, y=y, color=_colour(rows), strokeDash=_dash(rows), tooltip=[alt.Tooltip("method:N")]),
    ]
    if truth is not None:
        layers.append(
            _chart([{"x": truth, "truth": f"{truth:.4g}"}])
            .mark_rule(strokeDash=[3, 3], color=INK)
            .encode(x=x, tooltip=[alt.Tooltip("truth:N")])
        )
    return _spec(alt.layer(*layers).properties(height=92))


def timeline(
    points: Sequence[Record],
    truth: Sequence[Record],
    rows: Sequence[Mark],
    *,
    reference: str,
    title: str,
    x_title: str,
    width_of_step: float,
) -> dict[str, Any]:
    """Membership probabilities along time (or along the observed value), over a band where the truth is.

    Args:
        points: records with method, x, p and n (the observation's number from 1).
        truth: records with x, for the observations that truly belong to the component.
        rows: the methods.
        reference: name of the reference among the points.
        title: of the y axis.
        x_title: of the x axis.
        width_of_step: of a truth band, in units of x; 0 draws a tick below the axis instead.
    """
    x = alt.X("x:Q", title=x_title, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False))
    y = alt.Y(
        "p:Q", title=title, scale=alt.Scale(domain=[-0.06, 1.06], nice=False), axis=alt.Axis(values=[0, 0.5, 1])
    )
    tooltip = _tooltips("method", "n", "p", records=points)
    own = [record for record in points if record["method"] == reference]
    others = [record for record in points if record["method"] != reference]
    layers: list[alt.Chart] = []
    if truth and width_of_step > 0:
        bands = [{"x": t["x"] - width_of_step / 2, "x2": t["x"] + width_of_step / 2} for t in truth]
        layers.append(_chart(bands).mark_rect(color="#eef0f2").encode(x=x, x2="x2:Q"))
    elif truth:
        ticks = [{"x": t["x"], "p": -0.04} for t in truth]
        layers.append(_chart(ticks).mark_tick(color=RULE, size=7, thickness=1, orient="vertical").encode(x=x, y=y))
    layers += [
        _chart(own).mark_line(color="#b3bbc4", strokeWidth=5).encode(x=x, y=y, order="x:Q", tooltip=tooltip),
        _chart(others)
        .mark_line(strokeWidth=1.25)
        .encode(x=x, y=y, order="x:Q", color=_colour(rows), strokeDash=_dash(rows), tooltip=tooltip),
    ]
    return _spec(alt.layer(*layers).properties(height=150))


def stacked_phases(records: Sequence[Record], methods: Sequence[str], *, title: str) -> dict[str, Any]:
    """Horizontal bars of seconds by phase.

    Args:
        records: with method, phase, s (seconds), order and the text of the time.
        methods: from top to bottom.
        title: of the x axis.
    """
    phases = [phase for phase in PHASE_COLOURS if any(record["phase"] == phase for record in records)]
    colours = alt.Scale(domain=phases, range=[PHASE_COLOURS[phase] for phase in phases])
    chart = (
        _chart(records)
        .mark_bar(stroke="#fff", strokeWidth=0.5)
        .encode(
            x=alt.X("s:Q", title=title, stack="zero"),
            y=alt.Y("method:N", sort=list(methods), title=None, scale=alt.Scale(domain=list(methods))),
            color=alt.Color("phase:N", scale=colours, legend=alt.Legend(title=None, symbolType="square", columns=6)),
            order=alt.Order("order:Q"),
            tooltip=_tooltips("method", "phase", "time", "share", records=records),
        )
    )
    return _spec(chart.properties(height=22 * len(methods)))


def trade_off(records: Sequence[Record], rows: Sequence[Mark], *, x_title: str, y_title: str) -> dict[str, Any]:
    """Scatter of cost (x, log) against error (y, log) with each point named.

    Args:
        records: with method, x, y and their texts.
        rows: the methods.
        x_title: of the cost axis.
        y_title: of the error axis.
    """
    x_scale = _x_scale(LOG, [record["x"] for record in records], margin=1.6)
    y_scale = _x_scale(LOG, [record["y"] for record in records] + [1.0], margin=1.5)
    x = alt.X("x:Q", title=x_title, scale=x_scale)
    y = alt.Y("y:Q", title=y_title, scale=y_scale)
    base = _chart(records).encode(x=x, y=y)
    layers = [
        _chart([{"y": 1.0}]).mark_rule(strokeDash=[4, 3], color=RULE).encode(y=y),
        base.mark_text(align="left", dx=8, dy=1, fontSize=11, color=INK).encode(text="method:N"),
        base.mark_point(filled=True, size=64, opacity=1).encode(
            color=_colour(rows),
            shape=_shape(rows),
            tooltip=_tooltips("method", "cost", "error", "datasets", records=records),
        ),
    ]
    return _spec(alt.layer(*layers).properties(height=230))


def _chart(records: Sequence[Record]) -> alt.Chart:
    # Inline values, so that no row limit and no global data transformer applies.
    return alt.Chart(alt.InlineData(values=[dict(record) for record in records]))


def _spec(chart: alt.LayerChart | alt.Chart) -> dict[str, Any]:
    spec = chart.properties(width="container").to_dict()
    spec.pop("config", None)  # one shared configuration for the page (style.VEGA_CONFIG)
    return spec


def _colour(rows: Sequence[Mark], extra: str = "") -> alt.Color:
    names, colours = [mark.method for mark in rows], [mark.colour for mark in rows]
    if extra:
        names, colours = [*names, extra], [*colours, RULE]
    return alt.Color("method:N", scale=alt.Scale(domain=names, range=colours), legend=None)


def _shape(rows: Sequence[Mark], extra: str = "") -> alt.Shape:
    names, shapes = [mark.method for mark in rows], [mark.shape for mark in rows]
    if extra:
        names, shapes = [*names, extra], [*shapes, "circle"]
    return alt.Shape("method:N", scale=alt.Scale(domain=names, range=shapes), legend=None)


def _dash(rows: Sequence[Mark]) -> alt.StrokeDash:
    scale = alt.Scale(domain=[mark.method for mark in rows], range=[list(mark.dash) for mark in rows])
    return alt.StrokeDash("method:N", scale=scale, legend=None)


def _tooltips(*fields: str, records: Sequence[Record]) -> list[alt.Tooltip]:
    present = {key for record in records for key in record}
    return [alt.Tooltip(f"{name}:N", title=name) for name in fields if name in present]


def _x_scale(scale: str, values: Sequence[float], margin: float = 1.25) -> alt.Scale:
    if scale == LOG:
        positive = [value for value in values if value > 0] or [1.0]
        return alt.Scale(type="log", domain=[min(positive) / margin, max(positive) * margin], nice=False)
    return alt.Scale(zero=False, nice=True)


def _rectangle(records: Sequence[Record], scale: alt.Scale, title: str) -> alt.Chart:
    return _chart(records).mark_rect(color=BAND).encode(x=alt.X("x:Q", title=title, scale=scale), x2="x2:Q")


def _rule(value: float, scale: alt.Scale, title: str, *, dashed: bool) -> alt.Chart:
    dash = [4, 3] if dashed else [1, 0]
    mark = _chart([{"x": value}]).mark_rule(strokeDash=dash, color=RULE)
    return mark.encode(x=alt.X("x:Q", title=title, scale=scale))
