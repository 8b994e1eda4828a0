"""The figures of an example data set: marginal posteriors and memberships of the reference and the methods."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import gaussian_kde

from pipeline.report import charts
from pipeline.report.cells import number
from pipeline.report.examples import REFERENCE, Example
from pipeline.report.figures import Figure
from pipeline.report.style import Mark

_GRID = 72  # points of a density curve


def density_overlays(example: Example, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """Marginal posteriors of every scalar parameter."""
    out = []
    for column, parameter in enumerate(example.parameters):
        draws = {
            source: values[np.isfinite(values)]
            for source, values in zip(example.sources, example.draws[:, column].astype(float), strict=True)
        }
        draws = {source: values for source, values in draws.items() if values.size > 1 and np.ptp(values) > 0}
        if REFERENCE not in draws:
            continue
        low, high = _plot_range(list(draws.values()))
        grid = np.linspace(low, high, _GRID)
        curves = {source: _density(values, grid) for source, values in draws.items()}
        area = _curve(grid, curves.pop(REFERENCE))
        lines = [{"method": source, **point} for source, curve in curves.items() for point in _curve(grid, curve)]
        truth = float(example.truth[column])
        present = [mark for mark in rows if mark.method in draws]
        spec = charts.densities(area, lines, present, truth if low <= truth <= high else None)
        out.append(Figure(f"density-{scenario}-{parameter}", parameter, spec))
    return out


def membership_figures(example: Example, scenario: str, rows: Sequence[Mark]) -> list[Figure]:
    """For each kind and component the probabilities, and the methods' differences from the reference."""
    present = [mark for mark in rows if mark.method in example.sources]
    out = []
    for kind, values in example.memberships.items():
        n_components = values.shape[-1]
        # Two components say the same thing twice.
        for component in range(1 if n_components == 2 else 0, n_components):
            out += _membership_pair(example, scenario, kind, component, present)
    return out


def _membership_pair(
    example: Example, scenario: str, kind: str, component: int, rows: Sequence[Mark]
) -> list[Figure]:
    series = example.family == "hmm"
    noun = "state" if series else "component"
    x = np.arange(1, example.observed.size + 1) if series else example.observed
    by_source = dict(zip(example.sources, example.memberships[kind][..., component], strict=True))
    reference = by_source.pop(REFERENCE)
    by_source = {mark.method: by_source[mark.method] for mark in rows}
    truth = [{"x": float(x[n])} for n in np.flatnonzero(example.true_component == component)]
    settings: dict[str, Any] = {
        "x_title": "time t" if series else "observation (mean of its replicates)",
        "series": series,
    }
    probabilities = charts.memberships(
        _records(x, by_source, reference),
        _records(x, {REFERENCE: reference}, None),
        truth,
        rows,
        title=f"P({noun} {component + 1})",
        **settings,
    )
    differences = {source: values - reference for source, values in by_source.items()}
    apart = charts.memberships(
        _records(x, differences, None), [], truth, rows, title="difference in P", **settings
    )
    label = f"{kind.capitalize()}, {noun} {component + 1}"
    name = f"{kind}-{scenario}-{component + 1}"
    return [
        Figure(name, label, probabilities),
        Figure(f"{name}-difference", f"{label}: method minus reference", apart),
    ]


def _records(
    x: np.ndarray, by_source: dict[str, np.ndarray], reference: np.ndarray | None
) -> list[dict[str, Any]]:
    out = []
    for source, values in by_source.items():
        for n in np.flatnonzero(np.isfinite(values)):
            record = {"method": source, "n": int(n) + 1, "x": float(x[n]), "y": round(float(values[n]), 4)}
            record["p" if reference is not None or source == REFERENCE else "difference"] = number(float(values[n]))
            if reference is not None:
                record["difference"] = number(float(values[n] - reference[n]))
            out.append(record)
    return out


def _curve(grid: Float[np.ndarray, " point"], density: Float[np.ndarray, " point"]) -> list[dict[str, float]]:
    return [{"x": float(x), "density": float(y)} for x, y in zip(grid, density, strict=True)]


def _plot_range(samples: Sequence[Float[np.ndarray, " draw"]]) -> tuple[float, float]:
    # Wide enough for every source's bulk; one wild draw does not flatten all the curves.
    low = min(float(np.quantile(values, 0.002)) for values in samples)
    high = max(float(np.quantile(values, 0.998)) for values in samples)
    pad = 0.04 * (high - low)
    positive = all(values.min() >= 0 for values in samples)
    shares = positive and all(values.max() <= 1 for values in samples)
    return (max(low - pad, 0.0) if positive else low - pad), (min(high + pad, 1.0) if shares else high + pad)


def _density(values: Float[np.ndarray, " draw"], grid: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    # Mirroring at 0 (and 1) keeps the mass of positive parameters and of probabilities inside their range.
    kernel = gaussian_kde(values)
    density = kernel(grid)
    if values.min() >= 0:
        density = density + kernel(-grid)
        if values.max() <= 1:
            density = density + kernel(2 - grid)
    return density
