"""The page of the belief-network experiment: the table beside the paper's, histograms, definitions."""

from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from pipeline.files import whole
from pipeline.report.cells import Column, Table, make_table, number
from pipeline.report.drawing import Drawing
from pipeline.report.figures import Figure
from pipeline.report.page import render_page
from pipeline.report.style import INK

N_BINS = 60
KINDS = {"bound": "The paper’s bound", "elbo": "Exact ELBO"}


def write_page(errors_file: Path, summary_file: Path, root_seed: int, target: Path) -> None:
    """Write the page from the experiment's two tables."""
    html = render_belief_networks(pd.read_parquet(errors_file), pd.read_csv(summary_file), root_seed)
    with whole(target) as temporary:
        temporary.write_text(html, encoding="utf-8")


def render_belief_networks(errors: pd.DataFrame, summary: pd.DataFrame, root_seed: int) -> str:
    """Return the page as one HTML document.

    Args:
        errors: one row a network and M, as ``pipeline.variational.belief_experiment.fit_networks`` has them.
        summary: one row an M, as its ``summarise`` has them.
        root_seed: of the run, to name the command that makes it again.
    """
    context = {
        "n_networks": int(errors["network"].nunique()),
        "root_seed": root_seed,
        "sentences": sentences(summary),
        "table": error_table(summary),
        "parts": [(title, histograms(errors, kind)) for kind, title in KINDS.items()],
        "glossary": {},
    }
    return render_page("belief-networks.html", context)


def sentences(summary: pd.DataFrame) -> list[str]:
    """Say whether our errors lie at or below the paper's, and what did not converge."""
    texts = []
    fits = int(summary["networks"].sum())
    for name, title in KINDS.items():
        text = f"{title}: the mean error is at or below the paper’s for every M."
        above = summary[summary[name] > summary["paper"]]
        if len(above):
            # The paper gives no error of its means; a mean over as many networks has about ours.
            listed = "; ".join(
                f"M = {row['components']:.0f} by {number(row[name] - row['paper'])}"
                f" (± {number(2**0.5 * row[f'{name}_mcse'])} were both over as many networks)"
                for _, row in above.iterrows()
            )
            text = f"{title}: the mean error is above the paper’s for {listed}."
        lost = int(summary[f"{name}_unconverged"].sum())
        texts.append(f"{text} Searches that did not converge: {lost:,} of {fits:,}.")
    return texts


def error_table(summary: pd.DataFrame) -> Table:
    """One row an M: the paper's mean relative error and ours, with Monte Carlo errors."""
    asides = {
        f"{name} aside": [f"± {number(error)}" for error in summary[f"{name}_mcse"].to_numpy(dtype=float)]
        for name in ("bound", "elbo_at_bound", "elbo")
    }
    return make_table(
        "errors",
        "Mean relative error of the bound, by number of components",
        (
            Column("components", "M", "integer"),
            Column("paper", "Paper", "number"),
            Column("bound", "The paper’s bound, here", "number"),
            Column("elbo_at_bound", "Exact ELBO of that mixture", "number"),
            Column("elbo", "Exact ELBO, maximised", "number"),
            Column("networks", "Networks", "integer"),
            Column("bound_unconverged", "Bound not converged", "integer"),
            Column("elbo_unconverged", "ELBO not converged", "integer"),
        ),
        summary.assign(**asides),
        sorted_by="components",
        note="± is the Monte Carlo standard error over networks; the paper gives none.",
    )


def histograms(errors: pd.DataFrame, kind: str) -> list[Figure]:
    """One figure an M: how many networks have which relative error; common axes for all M."""
    values = errors[f"{kind}_error"].to_numpy()
    edges = np.linspace(0, float(np.quantile(values, 0.999)), N_BINS + 1)
    groups = {int(count): rows[f"{kind}_error"].to_numpy() for count, rows in errors.groupby("components")}  # pyright: ignore[reportArgumentType]
    # What lies beyond the last edge is counted in the last bin.
    counts = {m: np.histogram(np.clip(own, 0, edges[-1]), edges)[0] for m, own in groups.items()}
    highest = max(int(count.max()) for count in counts.values())
    return [
        Figure(
            f"{kind}-{m}",
            f"M = {m}",
            _histogram(edges, count, float(groups[m].mean()), highest),
            caption=f"mean {number(float(groups[m].mean()))}",
        )
        for m, count in counts.items()
    ]


def _histogram(edges: np.ndarray, counts: np.ndarray, mean: float, highest: int) -> dict[str, Any]:
    """Bars of counts between edges, with the mean as a dashed line."""
    drawing = Drawing()
    bars = [
        {"low": low, "high": high, "networks": int(count)}
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    axis = {
        "title": "relative error",
        "scale": alt.Scale(domain=[0, edges[-1]], nice=False),
        "axis": alt.Axis(tickCount=4, format="~g"),
    }
    scale = alt.Scale(domain=[0, highest])
    layer = drawing.chart(bars).mark_bar(color=INK, opacity=0.75, binSpacing=0)
    layer = layer.encode(
        x=alt.X("low:Q", **axis),
        x2="high:Q",
        y=alt.Y("networks:Q", title="networks", scale=scale, axis=alt.Axis(tickCount=3, grid=False)),
        tooltip=[alt.Tooltip(f"{name}:Q") for name in ("low", "high", "networks")],
    )
    return drawing.spec([layer, drawing.rule(mean, axis, dashed=True)], 130)
