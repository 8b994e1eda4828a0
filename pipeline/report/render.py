"""Render a run's report: one HTML file that opens from disk and loads nothing."""

from pathlib import Path

from pipeline.report import check_sections, cost_tables, label_tables, status_tables, tables
from pipeline.report.costs import cost_rows, run_speedups, stage_rows
from pipeline.report.examples import MAX_DRAWS
from pipeline.report.glossary import make_glossary
from pipeline.report.inputs import REFERENCE_METHODS, Run, read_run
from pipeline.report.label_sections import label_section
from pipeline.report.overview import make_overview
from pipeline.report.page import render_page
from pipeline.report.provenance import describe
from pipeline.report.scoring import METRICS, VERDICT_WORDS, judge_all, summarise
from pipeline.report.sections import classification_section, posterior_section, time_section
from pipeline.report.style import VERDICT_GLYPHS, marks
from pipeline.report.twins import twin_table
from pipeline.report.variants import variant_table
from pipeline.scores.break_even import break_even
from pipeline.scores.referenced import has_reference

TITLE = "Which fast approximation may replace Stan’s MCMC, how much faster is it, and when does it break?"
SECTIONS = (
    ("verdicts", "Verdicts"),
    ("posterior", "Posterior agreement"),
    ("classification", "Classification"),
    ("time", "Time"),
    ("failures-section", "Failures"),
    ("data-sets", "Worst data sets"),
    ("provenance", "Provenance"),
    ("glossary", "Glossary"),
)


def render_report(run_folder: Path) -> Path:
    """Write ``report.html`` into a run's folder from the tables that lie there.

    Args:
        run_folder: ``results/<run>`` with scores.parquet, timings.csv, status.csv, certificates.csv,
            provenance.json and, where there are any, examples.nc.

    Returns:
        The file written; an earlier one is replaced whole.

    Raises:
        UserError: a file is missing or damaged.
    """
    html = render_html(read_run(run_folder))
    target = run_folder / "report.html"
    temporary = run_folder / ".report.html.part"
    temporary.write_text(html, encoding="utf-8")
    temporary.replace(target)
    return target


def render_html(run: Run) -> str:
    """Return the report of a run as one HTML document."""
    summary = summarise(run.scores)
    judgements = judge_all(run.scores, run.status, summary)
    factors, break_evens = run_speedups(run), break_even(run.timings)
    rows = marks(run.methods)
    present = set(run.scores["metric"]) | set(run.truth_scores["metric"])
    has_networks = bool(run.networks) or len(break_evens) > 0
    labels = label_section(run, summary, rows)
    glossary = make_glossary(
        (name for name in METRICS if name in present), has_networks=has_networks, has_labels=bool(labels)
    )
    networks = check_sections.network_sections(run.networks, rows)
    context = {
        "title": TITLE,
        "run_name": run.name,
        "sections": _sections(networks, has_labels=bool(labels)),
        "verdict_glyphs": VERDICT_GLYPHS,
        "verdict_words": VERDICT_WORDS,
        "max_draws": MAX_DRAWS,
        "glossary": glossary,
        "glossary_parts": (
            ("Words", [entry for anchor, entry in glossary.items() if anchor not in METRICS]),
            ("Metrics", [entry for anchor, entry in glossary.items() if anchor in METRICS]),
        ),
        "overview": make_overview(run, judgements, factors, break_evens),
        "posterior": posterior_section(run, summary, rows),
        "classification": classification_section(run, summary, rows),
        "timing": time_section(run, summary, factors, rows),
        "labels": labels,
        "networks": networks,
        "break_even": check_sections.break_even_section(break_evens, rows),
        "tables": {
            "reasons": tables.verdict_reasons(judgements, factors, break_evens),
            "aggregates": tables.aggregates(summary),
            "classification": tables.classification(summary),
            "without_reference": tables.without_reference(run),
            "timings": cost_tables.timings(cost_rows(run, factors)),
            "stages": cost_tables.stages(stage_rows(run)),
            "failures": status_tables.failures(run),
            "certificates": status_tables.certificates(run),
            "remarks": status_tables.remarks(run),
            "worst": tables.worst(run),
            "variants": variant_table(run, summary, judgements),
            "copies": label_tables.copies(run),
            "twins": twin_table(run, summary, judgements),
            "fits": tables.fits(run),
            "jobs": cost_tables.jobs(run),
        },
        "provenance": describe(run.provenance, judgements),
        "kicker": _kicker(run),
        "failures_summary": _failures_summary(run),
    }
    return render_page("report.html", context)


def _sections(networks: check_sections.NetworkSections, *, has_labels: bool) -> list[tuple[str, str]]:
    """Return anchors and names of the sections that the page has; those on networks before the times."""
    present = [("labels", "Label switching")] if has_labels else []
    present += [entry for entry in check_sections.SECTIONS if getattr(networks, entry[0])]
    before = [anchor for anchor, _ in SECTIONS].index("time")
    return [*SECTIONS[:before], *present, *SECTIONS[before:]]


def _kicker(run: Run) -> str:
    n_sets = len(run.status[["scenario", "dataset"]].drop_duplicates())
    parts = [
        f"Run {run.name}",
        str(run.provenance.get("finished") or run.provenance.get("ended") or "")[:10],
        _count(len(run.methods), "method"),
        _count(len(run.scenarios), "scenario"),
        _count(n_sets, "data set"),
    ]
    return " · ".join(part for part in parts if part)


def _failures_summary(run: Run) -> str:
    fits = run.status[~run.status["method"].isin(REFERENCE_METHODS)]
    failed = int(fits["status"].isin(["failed", "timeout"]).sum())
    attempts = run.certificates.sort_values("attempt").drop_duplicates(
        ["scenario", "dataset", "run"], keep="last"
    )
    uncertified = len(attempts[~attempts["certified"]][["scenario", "dataset"]].drop_duplicates())
    n_sets = len(attempts[["scenario", "dataset"]].drop_duplicates())
    text = (
        f"{failed} of {_count(len(fits), 'fit')} failed or timed out. Without a certified reference: "
        f"{uncertified} of {_count(n_sets, 'data set')}; on those no method is scored."
    )
    n_all = len(fits[["scenario", "dataset"]].drop_duplicates())
    if (
        rest := n_all - len(fits[has_reference(fits, run.status)][["scenario", "dataset"]].drop_duplicates())
    ) > 0:
        text += f" For {_count(rest, 'further data set')} no reference was to be made: that is no failure."
    return text


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
