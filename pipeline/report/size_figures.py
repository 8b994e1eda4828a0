"""What a fit costs against how many observations the data set has, where that varies."""

import altair as alt
import numpy as np
import pandas as pd

from pipeline.report.cells import frame_records, seconds
from pipeline.report.drawing import LOG, Drawing, colour, shape, tooltips, x_axis
from pipeline.report.examples import Example
from pipeline.report.figures import MAX_POINTS, Figure
from pipeline.report.style import Mark
from pipeline.scores.timing import costs


def size_figure(
    timings: pd.DataFrame, example: Example | None, scenario: str, rows: list[Mark]
) -> Figure | None:
    """One mark a fit: its wall time against the number of observations, both on logarithmic scales."""
    if example is None or len(np.unique(example.sizes)) < 2:
        return None
    fits = costs(timings[timings["scenario"] == scenario])
    fits = fits[fits["dataset"].lt(len(example.sizes)) & fits["wall_s"].gt(0)]
    records = []
    for mark in rows:
        own = fits[fits["method"] == mark.method].sort_values("wall_s")
        kept = np.unique(np.linspace(0, len(own) - 1, min(len(own), MAX_POINTS)).round().astype(int))
        for row in frame_records(own.iloc[kept]):
            number = int(row["dataset"])
            records.append(
                {
                    "method": mark.method,
                    "dataset": number,
                    "x": int(example.sizes[number]),
                    "y": row["wall_s"],
                    "cost": seconds(row["wall_s"]),
                }
            )
    if not records:
        return None
    drawing = Drawing()
    present = [mark for mark in rows if any(record["method"] == mark.method for record in records)]
    layer = drawing.chart(records).mark_point(filled=True, size=30, opacity=0.7)
    layer = layer.encode(
        x=alt.X("x:Q", **x_axis("observations (log scale)", LOG, [record["x"] for record in records])),
        y=alt.Y("y:Q", **x_axis("wall seconds of a fit (log scale)", LOG, [r["y"] for r in records])),
        color=colour(present),
        shape=shape(present),
        tooltip=tooltips(records, "method", "dataset", "x", "cost"),
    )
    return Figure(f"size-{scenario}", scenario, drawing.spec([layer], 230))
