"""What stands in the section on label switching, with the sentences that say what came out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.labels.modes import GENUINE
from pipeline.report import figures, label_charts
from pipeline.report.cells import percent, seconds, short
from pipeline.report.examples import REFERENCE, Example
from pipeline.report.figures import Figure
from pipeline.report.inputs import REFERENCE_METHODS, Run
from pipeline.report.label_examples import LabelExample
from pipeline.report.scoring import LABEL_NAMES, METRICS
from pipeline.report.sentences import join
from pipeline.report.style import Mark, marks
from pipeline.scores.label_metrics import MAX_R_HAT

_TRACED = "mu["  # the parameter whose labels an eye can follow


@dataclass(frozen=True)
class LabelPart:
    """Label switching on one scenario."""

    scenario: str
    marks: tuple[Mark, ...]
    sentences: list[str]
    strips: list[Figure]
    dots: list[Figure]
    dataset: int | None
    traces: list[Figure]
    matrices: list[Figure]
    coverage: list[Figure]


def label_section(run: Run, summary: pd.DataFrame, rows: Sequence[Mark]) -> list[LabelPart]:
    """Return a part for every scenario whose labels are exchangeable."""
    parts = []
    for scenario in run.scenarios:
        here = summary[(summary["scenario"] == scenario) & summary["metric"].isin(LABEL_NAMES)]
        example = run.examples.get(scenario)
        labels = example.labels if example else None
        if here.empty and labels is None:
            continue
        names = [name for name in METRICS if name in set(here["metric"])]
        single = [name for name in names if METRICS[name].per_parameter]
        strips = [
            figures.score_strip(run.scores, summary, scenario, name, rows)
            for name in names
            if name not in single
        ]
        dots = [figures.parameter_dots(summary, scenario, name, rows) for name in single]
        overall = here[here["parameter"] == ""].set_index(["method", "metric"])
        sentences = label_sentences(overall["value"], overall["floor"], unmixed(run.scores, scenario))
        sentences += mode_sentences(run.status, scenario)
        parts.append(
            LabelPart(
                scenario=scenario,
                marks=tuple(mark for mark in rows if mark.method in set(here["method"])),
                sentences=sentences + (cost_sentences(labels) if labels else []),
                strips=[figure for figure in strips if figure],
                dots=[figure for figure in dots if figure],
                dataset=example.dataset if example and labels else None,
                traces=trace_figures(example, labels, scenario) if example and labels else [],
                matrices=matrix_figures(example, labels, scenario) if example and labels else [],
                coverage=coverage_figures(example, labels, scenario) if example and labels else [],
            )
        )
    return parts


def trace_figures(example: Example, labels: LabelExample, scenario: str) -> list[Figure]:
    """The component means of nuts, or else of the reference, before and after relabelling."""
    source = "nuts" if "nuts" in example.sources else REFERENCE
    row = example.sources.index(source)
    columns = [i for i, name in enumerate(example.parameters) if name.startswith(_TRACED)]
    components = marks([example.parameters[i] for i in columns])
    out = []
    for what, draws in (("before", labels.raw_draws), ("after", example.draws)):
        points, kept = [], 0
        for i in columns:
            values = draws[row, i][np.isfinite(draws[row, i])]
            kept = values.size
            points += [
                {"x": n + 1, "y": float(value), "method": example.parameters[i]}
                for n, value in enumerate(values)
            ]
        n_chains = int(labels.chains[row])
        edges = [kept * chain / n_chains + 0.5 for chain in range(1, n_chains)]
        spec = label_charts.traces(points, edges, components)
        out.append(Figure(f"trace-{what}-{scenario}", f"{source}, {what} relabelling", spec, "relabelling"))
    return out


def matrix_figures(example: Example, labels: LabelExample, scenario: str) -> list[Figure]:
    """Co-clustering matrices of the reference and of every method."""
    out = []
    for source, values in zip(example.sources, labels.coclustering.astype(float), strict=True):
        cells = [
            {"i": i + 1, "j": j + 1, "p": float(values[i, j])}
            for i, j in np.ndindex(values.shape)
            if math.isfinite(values[i, j])
        ]
        out.append(
            Figure(
                f"coclustering-{scenario}-{source}", source, label_charts.matrix(cells), "coclustering_error"
            )
        )
    return out


def coverage_figures(example: Example, labels: LabelExample, scenario: str) -> list[Figure]:
    """Where the draws of each run lie among the copies, and what each relabeller cost."""
    cells = [
        {"method": source, "copy": c + 1, "p": float(share), "share": percent(float(share))}
        for source, shares in zip(example.sources, labels.copy_share, strict=True)
        for c, share in enumerate(shares)
    ]
    costs = [
        {
            "method": name,
            "x": 1000 * float(labels.relabel_s[row, column]) / int(labels.n_draws[row]),
            "run": source,
            "cost": seconds(float(labels.relabel_s[row, column])),
            "draws": int(labels.n_draws[row]),
        }
        for row, source in enumerate(example.sources)
        for column, name in enumerate(labels.relabellers)
    ]
    return [
        Figure(
            f"coverage-{scenario}",
            "Share of draws in each copy",
            label_charts.coverage(cells, example.sources),
            "copies_visited",
        ),
        Figure(
            f"relabelling-{scenario}",
            "What relabelling cost",
            label_charts.relabelling_costs(costs, labels.relabellers),
            "relabelling",
        ),
    ]


def unmixed(scores: pd.DataFrame, scenario: str) -> dict[str, tuple[int, int]]:
    """Return, by method, how many data sets have an R-hat above 1.01 whatever the labels, and of how many."""
    found = scores[(scores["scenario"] == scenario) & (scores["metric"] == "rhat_invariant")]
    by_method = found.groupby("method")["value"]
    return {str(name): (int((values > MAX_R_HAT).sum()), len(values)) for name, values in by_method}


def label_sentences(
    overall: pd.Series, floors: pd.Series, unmixed: Mapping[str, tuple[int, int]]
) -> list[str]:
    """Say what R-hat was before and after, and which methods know how many copies, and miss how much.

    Args:
        overall: aggregates by (method, metric).
        floors: what a second run of Stan scores in the method's place, by the same.
        unmixed: as of the function of this name.
    """
    out = []
    for method in dict.fromkeys(overall.index.get_level_values("method")):
        found = overall[method]
        parts = []
        if "rhat_raw" in found:
            raw, after, invariant = (found[f"rhat_{name}"] for name in ("raw", "relabelled", "invariant"))
            parts.append(
                f"median R-hat {_r_hat(raw)} as sampled, {_r_hat(after)} relabelled, {_r_hat(invariant)} of "
                "what labels cannot change"
            )
            if raw > MAX_R_HAT >= after:
                parts[-1] += " (so the first says nothing about convergence)"
            above, n_datasets = unmixed.get(method, (0, 0))
            if above:
                parts.append(
                    f"the last is above {MAX_R_HAT} in {above} of {n_datasets} data sets, where chains "
                    "disagree: R-hat warns of these draws, and the scores count them"
                )
        if "copies_visited" in found:
            by_chain = ""
            if "copies_visited_by_chain" in found:
                by_chain = f" (one chain in {percent(round(found['copies_visited_by_chain'], 3))})"
            parts.append(f"draws in {percent(round(found['copies_visited'], 3))} of the copies{by_chain}")
        if "missed_mass" in found:
            missed, of_stan = (percent(round(x[method, "missed_mass"], 3)) for x in (overall, floors))
            parts.append(f"{missed} of the relabelled posterior missed ({of_stan} by a second run of Stan)")
        if parts:
            out.append(f"{method}: {'; '.join(parts)}.")
    return out


def mode_sentences(status: pd.DataFrame, scenario: str) -> list[str]:
    """Name the data sets on which a method's chains sit in modes that are no permutations of one another."""
    valid = status[(status["scenario"] == scenario) & (status["status"] == "ok")]
    rows = valid[valid["reason"].str.contains(GENUINE) & ~valid["method"].isin(REFERENCE_METHODS)]
    out = []
    for method, numbers in rows.groupby("method", sort=False)["dataset"]:
        names = join([str(number) for number in sorted(numbers)])
        out.append(
            f"{method}: chains sit in {GENUINE} on data set{'' if len(numbers) == 1 else 's'} {names}; which "
            "ones stands among the remarks on valid fits."
        )
    return out


def cost_sentences(labels: LabelExample) -> list[str]:
    """Say what each relabeller took for the reference's draws."""
    named = ", ".join(
        f"{name} {seconds(float(s))}" for name, s in zip(labels.relabellers, labels.relabel_s[0], strict=True)
    )
    return [f"Relabelling {int(labels.n_draws[0]):,} draws of the reference took: {named}."]


def _r_hat(value: float) -> str:
    return f"{value:.3f}" if value < 2 else short(value)
