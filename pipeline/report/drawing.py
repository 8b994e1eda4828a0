"""What the charts share: layers over named data, the encodings of methods, axes."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from pipeline.report.style import RULE, Mark

Record = Mapping[str, Any]
LINEAR, LOG = "linear", "log"
# Whether each chart is held against Vega-Lite's schema: two fifths of a page's time, so only a test does.
VALIDATE = False


class Drawing:
    """Layers over named data; the records join the specification last, so that Altair does not copy them."""

    def __init__(self) -> None:
        self._records: list[Sequence[Record]] = []

    def chart(self, records: Sequence[Record]) -> alt.Chart:
        """Start a layer over the records; layers over the same list share it."""
        known = [i for i, other in enumerate(self._records) if other is records]
        if not known:
            self._records.append(records)
        return alt.Chart(alt.NamedData(name=f"d{known[0] if known else len(self._records) - 1}"))

    def rule(self, value: float, axis: Mapping[str, Any], *, dashed: bool) -> alt.Chart:
        """Mark a value on the x axis with a vertical line."""
        mark = self.chart([{"x": value}]).mark_rule(strokeDash=[4, 3] if dashed else [1, 0], color=RULE)
        return mark.encode(x=alt.X("x:Q", **axis))

    def spec(self, layers: Sequence[alt.Chart], height: float) -> dict[str, Any]:
        """Return the layers as one chart, as wide as the page lets it."""
        layered = alt.layer(*layers).properties(height=height, width="container")
        spec = layered.to_dict(validate=VALIDATE)
        del spec["config"]  # one configuration for the whole page: style.VEGA_CONFIG
        return spec | {"datasets": {f"d{i}": list(records) for i, records in enumerate(self._records)}}


def unfolded(chart: alt.Chart, rows: Sequence[Mark]) -> alt.Chart:
    """Turn the columns m0, m1 .. into rows with method and y; wide records make a much smaller page."""
    names = json.dumps({f"m{i}": mark.method for i, mark in enumerate(rows)})
    unfolded = chart.transform_fold([f"m{i}" for i in range(len(rows))], as_=["key", "y"])
    return unfolded.transform_filter("isValid(datum.y)").transform_calculate(method=f"{names}[datum.key]")


def colour(rows: Sequence[Mark], extra: str = "") -> alt.Color:
    """Colour by method; ``extra`` names one more row, in grey."""
    names, colours = [mark.method for mark in rows], [mark.colour for mark in rows]
    if extra:
        names, colours = [*names, extra], [*colours, RULE]
    return alt.Color("method:N", scale=alt.Scale(domain=names, range=colours), legend=None)


def shape(rows: Sequence[Mark], extra: str = "") -> alt.Shape:
    """Shape by method; ``extra`` names one more row, with discs."""
    names, shapes = [mark.method for mark in rows], [mark.shape for mark in rows]
    if extra:
        names, shapes = [*names, extra], [*shapes, "circle"]
    return alt.Shape("method:N", scale=alt.Scale(domain=names, range=shapes), legend=None)


def dash(rows: Sequence[Mark]) -> alt.StrokeDash:
    """Dashes by method."""
    scale = alt.Scale(domain=[mark.method for mark in rows], range=[list(mark.dash) for mark in rows])
    return alt.StrokeDash("method:N", scale=scale, legend=None)


def readings(
    chart: alt.Chart, x: alt.X, rows: Sequence[Mark], tooltip: Sequence[alt.Tooltip], *, key: str = "m"
) -> alt.Chart:
    """Show, on hovering anywhere at an x, the values of all methods there: lines have none of their own.

    Args:
        chart: over wide records, with x and, by their position in ``rows``, m0, m1 ..
        x: the encoding of the lines.
        rows: the methods.
        tooltip: what to show before the methods' values.
        key: what the methods' fields are called before their position.
    """
    own = [alt.Tooltip(f"{key}{i}:Q", title=mark.method, format=".3f") for i, mark in enumerate(rows)]
    return chart.mark_rule(opacity=0, strokeWidth=5).encode(x=x, tooltip=[*tooltip, *own])


def tooltips(records: Sequence[Record], *fields: str) -> list[alt.Tooltip]:
    """Show, on hovering, those of the fields that some record has."""
    present = {key for record in records for key in record}
    return [alt.Tooltip(f"{name}:N", title=name) for name in fields if name in present]


def x_axis(title: str, scale: str, values: Sequence[float], margin: float = 1.25) -> dict[str, Any]:
    """Return title, scale and axis for an x (or y) encoding that is to show the values.

    A logarithmic axis leaves the factor ``margin`` free at either end.
    """
    if scale == LINEAR:
        return {"title": title, "scale": alt.Scale(zero=False, nice=True)}
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive) / margin, max(positive) * margin
    return {
        "title": title,
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": alt.Axis(
            values=log_ticks(low, high),
            labelExpr="datum.value < 0.001 ? format(datum.value, '.1~e') : format(datum.value, '~g')",
        ),
    }


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers of every decade, fewer where the range is wide."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    width = math.log10(high / low)
    steps = (1, 1.5, 2, 3, 4, 5, 7) if width < 0.7 else (1, 2, 5) if width < 2.2 else (1,)
    every = max(1, round(width / 6))
    ticks = [step * 10.0**decade for decade in decades if decade % every == 0 for step in steps]
    return [tick for tick in ticks if low <= tick <= high]
