"""What stands in each section: which figures, of which scenario, with which words beside them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report import figures, tables
from pipeline.report.cells import Table, frame_records, number, seconds
from pipeline.report.costs import phase_seconds
from pipeline.report.example_figures import density_overlays, membership_figures
from pipeline.report.examples import REFERENCE, Example
from pipeline.report.figures import Figure
from pipeline.report.inputs import REFERENCE_METHODS, Run
from pipeline.report.pair_figures import pair_figures
from pipeline.report.scoring import KINDS, LABEL_NAMES, METRICS, kind_of
from pipeline.report.sentences import YARDSTICK, join
from pipeline.report.size_figures import size_figure
from pipeline.report.style import Mark
from pipeline.scores.referenced import WEIGHED
from pipeline.scores.timing import costs

_ERROR = "sliced_wasserstein"  # the error axis of accuracy against cost: the whole posterior in one number
_NO_TRUTH = (
    "The true components are not known here. Scores that need them (accuracy, log loss, Brier score, "
    "calibration error) are their expected values under the reference’s probabilities."
)
_SKIPPED = ("c2st_auc",)  # says what c2st says; it stands in the tables
_DRAWN_MEMBERSHIP = ("accuracy", "ece", "excess_log_loss", "total_variation")  # the table of means has all


@dataclass(frozen=True)
class ExampleNote:
    """What is said of an example data set; ``series`` where its observations stand in order of time."""

    dataset: int
    marks: tuple[Mark, ...]
    has_truth: bool = False
    note: str = ""
    series: bool = False


@dataclass(frozen=True)
class PosteriorPart:
    """Posterior agreement on one scenario; ``nothing`` says why there are no figures."""

    scenario: str
    marks: tuple[Mark, ...]
    dots: list[Figure]
    strips: list[Figure]
    densities: list[Figure]
    pairs: list[Figure]
    example: ExampleNote | None
    reference: str = ""
    nothing: str = ""


@dataclass(frozen=True)
class KindPart:
    """Classification scores of one kind of membership: a small table of means, and figures."""

    title: str
    means: Table
    strips: list[Figure]


@dataclass(frozen=True)
class ClassificationPart:
    """Classification on one scenario."""

    scenario: str
    note: str
    kinds: list[KindPart]
    timelines: list[Figure]
    example: ExampleNote | None


@dataclass(frozen=True)
class TimePart:
    """The section on time."""

    marks: tuple[Mark, ...]
    speedups: list[Figure] = field(default_factory=list)
    phases: list[Figure] = field(default_factory=list)
    scatters: list[Figure] = field(default_factory=list)
    scatter_note: str = ""
    sizes: list[Figure] = field(default_factory=list)
    size_marks: tuple[Mark, ...] = ()
    why_no_speedup: str = ""


def posterior_section(run: Run, summary: pd.DataFrame, rows: Sequence[Mark]) -> list[PosteriorPart]:
    """Return a part for every scenario."""
    parts = []
    for scenario in run.scenarios:
        here = summary[summary["scenario"] == scenario]
        present = set(here["metric"]) - LABEL_NAMES
        names = [name for name in METRICS if name in present and not kind_of(name)]
        dots = [figures.parameter_dots(summary, scenario, n, rows) for n in names if METRICS[n].per_parameter]
        joint = [n for n in names if not METRICS[n].per_parameter and n not in _SKIPPED]
        strips = [figures.score_strip(run.scores, summary, scenario, n, rows) for n in joint]
        example = run.examples.get(scenario)
        shown = tuple(mark for mark in rows if mark.method in set(here["method"]))
        parts.append(
            PosteriorPart(
                scenario=scenario,
                marks=shown,
                dots=_kept(dots),
                strips=_kept(strips),
                densities=density_overlays(example, scenario, rows) if example else [],
                pairs=pair_figures(example, scenario, rows) if example else [],
                example=_example_note(example, rows) if example else None,
                reference=f"{_in_which_units(run, scenario)} {_whose_reference(run, scenario)}".strip(),
                nothing="" if len(here) else _why_unscored(run, scenario),
            )
        )
    return parts


def classification_section(run: Run, summary: pd.DataFrame, rows: Sequence[Mark]) -> list[ClassificationPart]:
    """Return a part for every scenario with memberships, filtering and smoothing apart."""
    parts = []
    for scenario in run.scenarios:
        present = set(summary[summary["scenario"] == scenario]["metric"])
        kinds = []
        for kind in KINDS:
            names = [name for name in METRICS if name in present and kind_of(name) == kind]
            if names:
                drawn = [name for name in names if name.removeprefix(f"{kind}_") in _DRAWN_MEMBERSHIP]
                strips = [figures.score_strip(run.scores, summary, scenario, n, rows) for n in drawn]
                means = tables.membership_means(summary, scenario, kind, names)
                kinds.append(KindPart(kind.capitalize(), means, _kept(strips)))
        example = run.examples.get(scenario)
        timelines = membership_figures(example, scenario, rows) if example else []
        if kinds or timelines:
            note = _example_note(example, rows) if example and timelines else None
            unknown = example is not None and not (example.true_component >= 0).any()
            parts.append(ClassificationPart(scenario, _NO_TRUTH if unknown else "", kinds, timelines, note))
    return parts


def time_section(run: Run, summary: pd.DataFrame, factors: pd.DataFrame, rows: Sequence[Mark]) -> TimePart:
    """Return speedups, phases and accuracy against cost."""
    rivals = [mark for mark in rows if mark.method != YARDSTICK]
    titles = {
        "wall_s": "By wall time",
        "cpu_s": "By CPU time",
        "wall_s_per_1000_ess": "By wall time per 1,000 effective draws",
    }
    phases = phase_seconds(run)
    why = ""
    if factors.empty:
        why = (
            "nuts is not among the timed methods."
            if YARDSTICK not in run.methods
            else "no method was timed beside nuts."
        )
    return TimePart(
        marks=tuple(mark for mark in rivals if mark.method in set(factors["method"])),
        speedups=_kept([figures.speedup_dots(factors, key, title, rivals) for key, title in titles.items()]),
        phases=_kept([figures.phase_bars(phases, scenario, run.methods) for scenario in run.scenarios]),
        scatters=_kept([_scatter(run, summary, scenario, rows) for scenario in run.scenarios]),
        scatter_note="Down and to the left is better. Error: mean sliced Wasserstein distance to the "
        "reference, in units of its floor; the dashed line is the floor itself. Cost: median wall seconds a "
        "data set, without compiling and training.",
        sizes=_kept([size_figure(run.timings, run.examples.get(s), s, list(rows)) for s in run.scenarios]),
        size_marks=tuple(mark for mark in rows if mark.method in run.methods),
        why_no_speedup=why,
    )


def _scatter(run: Run, summary: pd.DataFrame, scenario: str, rows: Sequence[Mark]) -> Figure | None:
    wall = costs(run.timings).groupby(["scenario", "method"])["wall_s"].median()
    errors = summary[(summary["scenario"] == scenario) & (summary["metric"] == _ERROR)]
    records: list[dict[str, Any]] = []
    for row in frame_records(errors):
        cost = float(wall.get((scenario, row["method"]), math.nan))
        records.append(
            {
                "method": row["method"],
                "x": cost,
                "y": row["ratio"],
                "cost": seconds(cost),
                "error": f"{number(row['ratio'])} floors",
                "datasets": row["n_datasets"],
            }
        )
    return figures.cost_scatter(records, scenario, rows)


def _example_note(example: Example, rows: Sequence[Mark]) -> ExampleNote:
    is_series = example.family == "hmm"
    text = "Grey: the reference. "
    if (example.true_component >= 0).any():
        text += (
            "Shaded: times at which the state truly is the one named. "
            if is_series
            else "Ticks below: observations that truly belong to the component. "
        )
    if example.observed.size < example.all_obs:
        text += f"The first {example.observed.size} of {example.all_obs} observations."
    return ExampleNote(
        dataset=example.dataset,
        marks=tuple(mark for mark in rows if mark.method in example.sources and mark.method != REFERENCE),
        has_truth=bool(np.isfinite(example.truth).any()),
        note=text.strip(),
        series=is_series,
    )


def _in_which_units(run: Run, scenario: str) -> str:
    """Say that a user's own observations were standardised, where they were."""
    block = run.provenance.get("config", {}).get("scenarios", {}).get(scenario) or {}
    if block.get("type", scenario) != "custom" or not block.get("standardise", True):
        return ""
    return (
        "The observations were standardised before the fits: mu and sd count in sample standard deviations "
        "from the sample mean."
    )


def _whose_reference(run: Run, scenario: str) -> str:
    """Say whose draws the references are, where they are not all of this suite's runs of NUTS."""
    rows = run.status[(run.status["scenario"] == scenario) & (run.status["method"] == REFERENCE_METHODS[0])]
    remarks = {
        int(number): reason
        for number, reason in rows.loc[rows["status"] == "ok", ["dataset", "reason"]].itertuples(index=False)
        if reason
    }
    if not remarks:
        return ""
    weighed = [number for number, reason in remarks.items() if reason.startswith(WEIGHED)]
    if not weighed:
        return f"The reference is {next(iter(remarks.values()))}. The floor is a run of Stan by this suite."
    which = f"data set{'' if len(weighed) == 1 else 's'} {join([str(number) for number in sorted(weighed)])}"
    return (
        f"On {which} NUTS did not mix, or missed some of the mass: the reference there is {WEIGHED}. "
        "Why, and what share each mode has, stands among the attempts at reference runs."
    )


def _why_unscored(run: Run, scenario: str) -> str:
    status = run.status[run.status["scenario"] == scenario]["status"]
    if len(status) and (status == "uncertified").any() and not (status == "ok").any():
        return "No data set of this scenario has a certified reference, so nothing was scored on it."
    return "No method has a score on this scenario; the reasons stand under Failures."


def _kept(found: Sequence[Figure | None]) -> list[Figure]:
    return [figure for figure in found if figure is not None]
