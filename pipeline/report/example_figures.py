"""The figures of an example data set: marginal posteriors and memberships of reference and methods."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.report import charts
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
        truth = float(example.truth[column])
        present = [mark for mark in rows if mark.method in draws]
        spec = charts.densities(
            _wide(grid, curves, present), present, truth if low <= truth <= high else None
        )
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
    rows = [mark for mark in rows if np.isfinite(by_source[mark.method]).any()]
    points = _wide(x, by_source, rows)
    for n, point in enumerate(points):
        point |= {"n": n + 1, "truth": bool(example.true_component[n] == component)}
    settings: dict[str, Any] = {
        "x_title": "time t" if series else "observation (mean of its replicates)",
        "series": series,
    }
    label = f"{kind.capitalize()}, {noun} {component + 1}"
    name = f"{kind}-{scenario}-{component + 1}"
    probability = f"P({noun} {component + 1})"
    shown = charts.memberships(points, rows, title=probability, difference=False, **settings)
    apart = charts.memberships(
        points, rows, title=f"difference in {probability}", difference=True, **settings
    )
    return [
        Figure(name, label, shown),
        Figure(f"{name}-difference", f"{label}: method minus reference", apart),
    ]


def _wide(
    x: Float[np.ndarray, " point"], by_source: Mapping[str, Float[np.ndarray, " point"]], rows: Sequence[Mark]
) -> list[dict[str, Any]]:
    """Return a record for each x with the reference's value and the methods' as m0, m1 .. (see charts.py)."""
    columns = {"reference": by_source[REFERENCE]}
    columns |= {f"m{i}": by_source[mark.method] for i, mark in enumerate(rows)}
    return [
        {"x": float(x[n])}
        | {key: round(float(values[n]), 4) for key, values in columns.items() if np.isfinite(values[n])}
        for n in range(len(x))
    ]


def _plot_range(samples: Sequence[Float[np.ndarray, " draw"]]) -> tuple[float, float]:
    # Wide enough for every source's bulk; one wild draw does not flatten all the curves.
    low = min(float(np.quantile(values, 0.002)) for values in samples)
    high = max(float(np.quantile(values, 0.998)) for values in samples)
    pad = 0.04 * (high - low)
    positive = all(values.min() >= 0 for values in samples)
    shares = positive and all(values.max() <= 1 for values in samples)
    return (max(low - pad, 0.0) if positive else low - pad), (min(high + pad, 1.0) if shares else high + pad)


def _density(
    values: Float[np.ndarray, " draw"], grid: Float[np.ndarray, " point"]
) -> Float[np.ndarray, " point"]:
    """Return a Gaussian kernel density with Silverman's bandwidth.

    Mirroring at 0 (and 1) keeps the mass of positive parameters and of probabilities inside their range.
    """
    quartiles = np.quantile(values, [0.25, 0.75])
    spread = min(float(np.std(values)), float(np.ptp(quartiles)) / 1.34) or float(np.std(values))
    bandwidth = 0.9 * spread * values.size**-0.2
    mirrored = [values]
    if values.min() >= 0:
        mirrored.append(-values)
        if values.max() <= 1:
            mirrored.append(2 - values)
    distances = (grid[:, None] - np.concatenate(mirrored)) / bandwidth
    return np.exp(-0.5 * distances**2).sum(axis=1) / (values.size * bandwidth * np.sqrt(2 * np.pi))
