"""What every word and number of the report means: metrics from their registry, the rest from here."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.report.scoring import METRICS, VERDICT_MEANINGS, VERDICT_WORDS


@dataclass(frozen=True)
class Entry:
    """One entry; ``anchor`` makes its HTML id, ``name`` is the column or metric name where there is one."""

    anchor: str
    title: str
    definition: str
    name: str = ""
    details: tuple[tuple[str, str], ...] = ()


_TERMS = (
    Entry(
        "reference",
        "Reference",
        "A long run of NUTS (Stan’s sampler) that passed its certificate. Each data set has two, independent of "
        "each other: the first is what methods are scored against, the second gives the floor.",
    ),
    Entry(
        "certificate",
        "Certificate",
        "The checks that a reference run must pass: rank-normalised split R-hat below 1.01, bulk and tail "
        "effective sample sizes above 400, no divergences, E-BFMI above 0.2, tree depth never saturated. A run "
        "that fails is repeated with a longer warm-up, smaller steps and more draws; where that fails too, the data set "
        "is uncertified and no method is scored on it.",
        details=(
            (
                "Source",
                "Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, Bayesian Analysis 16(2); Betancourt 2016, "
                "arXiv 1604.00695",
            ),
        ),
    ),
    Entry(
        "floor",
        "Floor",
        "The same score, computed for a second certified reference run in the method’s place: what Stan scores "
        "against Stan. A score at its floor says that the draws cannot be told apart. For scores against the true "
        "components the floor is the exact posterior’s own score, the best that can be had.",
    ),
    Entry(
        "ratio",
        "Ratio to floor",
        "An aggregate divided by the floor’s aggregate. One means as good as a second run of Stan.",
        name="ratio",
    ),
    Entry(
        "mcse",
        "Monte Carlo standard error",
        "How far a score would move from one run to the next, because it is computed from finitely many draws.",
        name="mcse",
    ),
    Entry(
        "data-set",
        "Data set",
        "One simulated or real data set of a scenario. A scenario is a generative model with its prior and its "
        "law of data sizes.",
        name="dataset",
    ),
    Entry(
        "status",
        "Status",
        "ok: fitted and scored. failed: the method raised an error or diverged. timeout: it was stopped. "
        "uncertified: its data set has no certified reference, so there is nothing to score against.",
        name="status",
    ),
    Entry(
        "membership",
        "Membership, filtering, smoothing",
        "The probability that an observation belongs to a component, averaged over the posterior. In a hidden Markov "
        "model it comes in two forms: filtering uses the observations up to that time, smoothing all of them.",
    ),
    Entry(
        "wall-time",
        "Wall time",
        "Seconds on a clock from start to end of a fit with all its phases, chains running in parallel where there "
        "are cores. What is paid once a scenario is counted apart in the table and shared out in the bars.",
        name="wall_s",
    ),
    Entry("cpu-time", "CPU time", "Processor seconds of a fit, summed over its cores.", name="cpu_s"),
    Entry(
        "once",
        "Once a scenario",
        "Seconds paid once, whatever the number of data sets: compiling the Stan program, and training where a "
        "method trains.",
    ),
    Entry(
        "aggregate",
        "Value",
        "A score combined over data sets (and, where no parameter is named, over parameters): signed errors by their root "
        "mean square, so that errors of opposite sign do not cancel; others by their mean, Pareto k-hat by its median.",
        name="value",
    ),
    Entry(
        "se",
        "Standard error of an aggregate",
        "From the spread over data sets, or from Monte Carlo where that is larger, as it is for a single data set. "
        "In figures the lines reach two standard errors to either side.",
        name="se",
    ),
    Entry(
        "speedup",
        "Speedup",
        "The cost of nuts divided by the method’s cost on the same data set, as the geometric mean over the data sets "
        "that both fitted: by wall time, by CPU time, or by wall time per 1,000 effective draws. Above 1 the method "
        "is cheaper. Compiling and training are not part of it.",
        name="speedup",
    ),
    Entry(
        "interval",
        "Interval of a speedup",
        "95% interval of the geometric mean by Student’s t over data sets; there is none for one data set.",
    ),
    Entry(
        "ess",
        "Bulk effective sample size",
        "How many independent draws a fit’s draws are worth, for its worst parameter. Approximations that draw "
        "independently have as many effective draws as draws, of their own distribution and not of the posterior.",
        name="ess_bulk_min",
    ),
)


def make_glossary(metrics: Iterable[str]) -> dict[str, Entry]:
    """Return the entries by anchor: the report's words first, then the metrics in the order given."""
    entries = [_verdict_entry(), *_TERMS, *(_metric_entry(name) for name in metrics)]
    return {entry.anchor: entry for entry in entries}


def _verdict_entry() -> Entry:
    text = " ".join(f"{VERDICT_WORDS[label].capitalize()}: {meaning}." for label, meaning in VERDICT_MEANINGS.items())
    return Entry("verdict", "Verdict", text)


def _metric_entry(name: str) -> Entry:
    info = METRICS[name]
    details = [
        ("Formula", info.formula),
        ("Unit", info.unit),
        ("Better", f"{info.direction}; ideal {info.ideal:g}"),
        ("Summary", f"{info.summary} over data sets"),
        ("Floor", info.floor),
        ("Limit for “close”", "" if info.close is None else f"{info.close:g}"),
        ("Source", info.source),
    ]
    kept = tuple((label, text) for label, text in details if text)
    return Entry(name, info.title[:1].upper() + info.title[1:], info.definition, name, kept)
