"""The kinds of chart that label switching adds; like charts.py, they take plain records."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from pipeline.report.drawing import LOG, Drawing, Record, colour, shape, tooltips, x_axis
from pipeline.report.style import RULE, Mark

_SHARES = alt.Scale(domain=[0, 1], range=["#ffffff", "#0b3d66"], interpolate="rgb")


def traces(points: Sequence[Record], edges: Sequence[float], components: Sequence[Mark]) -> dict[str, Any]:
    """Draws of one parameter of every component in their order, chain after chain.

    Args:
        points: records with x (the draw), y and method (the component's name).
        edges: where a chain ends and the next begins.
        components: their colours, by name.
    """
    drawing = Drawing()
    x = alt.X("x:Q", title="draw, chain after chain", axis=alt.Axis(grid=False), scale=alt.Scale(nice=False))
    y = alt.Y("y:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(grid=False, tickCount=4))
    layers = (
        [drawing.chart([{"x": edge} for edge in edges]).mark_rule(color=RULE).encode(x=x)] if edges else []
    )
    dots = drawing.chart(points).mark_point(filled=True, size=7, opacity=0.8)
    tooltip = [
        alt.Tooltip("method:N", title="component"),
        alt.Tooltip("x:Q", title="draw"),
        alt.Tooltip("y:Q", title="value", format=".3~g"),
    ]
    layers.append(dots.encode(x=x, y=y, color=colour(components), shape=shape(components), tooltip=tooltip))
    return drawing.spec(layers, 130)


def matrix(cells: Sequence[Record]) -> dict[str, Any]:
    """A square matrix of probabilities: white for 0, dark for 1.

    Args:
        cells: records with i and j (positions from 1) and p.
    """
    drawing = Drawing()
    axis = alt.Axis(labels=False, ticks=False, domain=False, grid=False)
    tooltip = [alt.Tooltip("i:O"), alt.Tooltip("j:O"), alt.Tooltip("p:Q", format=".3f")]
    layer = drawing.chart(cells).mark_rect()
    layer = layer.encode(
        x=alt.X("j:O", title=None, axis=axis),
        y=alt.Y("i:O", title=None, axis=axis),
        color=alt.Color("p:Q", scale=_SHARES, legend=None),
        tooltip=tooltip,
    )
    return drawing.spec([layer], 170)


def coverage(cells: Sequence[Record], methods: Sequence[str]) -> dict[str, Any]:
    """Share of the draws in each copy, a row a method: white for none, dark for all.

    Args:
        cells: records with method, copy (from 1), p and texts.
        methods: from top to bottom.
    """
    drawing = Drawing()
    layer = drawing.chart(cells).mark_rect(stroke=RULE, strokeWidth=0.5)
    layer = layer.encode(
        x=alt.X("copy:O", title="copy", axis=alt.Axis(labelAngle=0, ticks=False, grid=False)),
        y=alt.Y("method:N", sort=list(methods), title=None, axis=alt.Axis(ticks=False, grid=False)),
        color=alt.Color("p:Q", scale=_SHARES, legend=None),
        tooltip=tooltips(cells, "method", "copy", "share"),
    )
    return drawing.spec([layer], 24 * len(methods))


def relabelling_costs(points: Sequence[Record], names: Sequence[str]) -> dict[str, Any]:
    """Seconds of each relabeller, one mark a run.

    Args:
        points: records with method (the relabeller), x and texts.
        names: the relabellers from top to bottom.
    """
    drawing = Drawing()
    x = alt.X("x:Q", **x_axis("seconds for 1,000 draws (log scale)", LOG, [point["x"] for point in points]))
    y = alt.Y("method:N", sort=list(names), title=None, scale=alt.Scale(domain=list(names)))
    dots = drawing.chart(points).mark_point(filled=True, size=30, opacity=0.7)
    dots = dots.encode(x=x, y=y, tooltip=tooltips(points, "method", "run", "cost", "draws"))
    return drawing.spec([dots], 24 * len(names))
