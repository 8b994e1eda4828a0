"""Two parameters at once: each method's draws over the reference's, for the pair that depends most."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from pipeline.report.drawing import Drawing
from pipeline.report.examples import REFERENCE, Example
from pipeline.report.figures import Figure
from pipeline.report.style import INK, RULE, Mark

MAX_DOTS = 200  # of each source


def pair_figures(example: Example, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """One figure a method: its draws of the reference's most dependent pair of parameters."""
    by_source = dict(zip(example.sources, example.draws.astype(float), strict=True))
    pair = most_dependent(by_source[REFERENCE])
    if pair is None:
        return []
    clouds = {source: _cloud(draws[list(pair)]) for source, draws in by_source.items()}
    names = [example.parameters[i] for i in pair]
    truth = example.truth[list(pair)]
    return [
        Figure(
            f"pair-{scenario}-{mark.method}",
            mark.method,
            _pair(clouds[REFERENCE], clouds[mark.method], names, mark, truth),
        )
        for mark in rows
        if len(clouds.get(mark.method, ()))
    ]


def most_dependent(draws: Float[np.ndarray, "parameter draw"]) -> tuple[int, int] | None:
    """Return the two parameters with the largest rank correlation by size, below one; None without such.

    Parameters that determine each other, such as two shares that sum to one, tell nothing together.
    """
    kept = np.isfinite(draws).all(axis=0)
    if len(draws) < 2 or kept.sum() < 3:
        return None
    with np.errstate(invalid="ignore"):  # of a constant parameter
        correlations = np.corrcoef(rankdata(draws[:, kept], axis=1))
    size = np.abs(np.nan_to_num(np.triu(correlations, 1)))
    size[size > 0.999] = 0.0
    first, second = np.unravel_index(np.argmax(size), size.shape)
    return (int(first), int(second)) if size[first, second] > 0 else None


def _cloud(draws: Float[np.ndarray, "two draw"]) -> Float[np.ndarray, "dot two"]:
    points = draws.T[np.isfinite(draws).all(axis=0)]
    return points[np.linspace(0, len(points) - 1, min(len(points), MAX_DOTS)).round().astype(int)]


def _pair(
    reference: Float[np.ndarray, "dot two"],
    method: Float[np.ndarray, "dot two"],
    names: Sequence[str],
    mark: Mark,
    truth: Float[np.ndarray, " two"],
) -> dict[str, Any]:
    drawing = Drawing()
    together = np.concatenate([reference, method])
    # One wild draw does not shrink both clouds to a dot; what lies outside is cut off.
    low, high = np.quantile(together, [0.005, 0.995], axis=0)
    edges = list(zip(low - 0.05 * (high - low), high + 0.05 * (high - low), strict=True))
    x, y = (
        {"title": name, "scale": alt.Scale(domain=list(edge), nice=False, zero=False)}
        for name, edge in zip(names, edges, strict=True)
    )
    tooltip = [
        alt.Tooltip("source:N", title="draw of"),
        *(alt.Tooltip(f"{k}:Q", title=n, format=".3~g") for k, n in zip("xy", names, strict=True)),
    ]
    encoding = {"x": alt.X("x:Q", **x), "y": alt.Y("y:Q", **y), "tooltip": tooltip}
    grey = drawing.chart(_records(reference, REFERENCE))
    under = grey.mark_circle(size=26, color=RULE, opacity=0.45, clip=True)
    over = drawing.chart(_records(method, mark.method)).mark_point(
        size=22, color=mark.colour, shape=mark.shape, filled=True, opacity=0.55, clip=True
    )
    layers = [under.encode(**encoding), over.encode(**encoding)]
    if np.isfinite(truth).all() and all(a <= t <= b for t, (a, b) in zip(truth, edges, strict=True)):
        cross = drawing.chart(_records(truth[None], "truth")).mark_point(
            shape="cross", size=110, color=INK, filled=False, strokeWidth=2
        )
        layers.append(cross.encode(**encoding))
    return drawing.spec(layers, 190)


def _records(points: Float[np.ndarray, "dot two"], source: str) -> list[dict[str, Any]]:
    return [{"x": float(x), "y": float(y), "source": source} for x, y in points]
