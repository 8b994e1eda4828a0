"""The report's tables of costs: methods, stages of corrected methods, and the run itself."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.job_costs import share_out
from pipeline.report.cells import Column, Table, make_table, seconds
from pipeline.report.inputs import Run
from pipeline.report.tables import METHOD, SCENARIO


def timings(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a scenario and method: cost and speedups; the rows as of ``costs.cost_rows``."""
    return make_table(
        "timing",
        "Cost and speedup, by scenario and method",
        (
            SCENARIO,
            METHOD,
            Column("n", "Data sets", "integer", term="data-set"),
            Column("wall_s", "Wall time", "seconds", term="wall-time"),
            Column("cpu_s", "CPU time", "seconds", term="cpu-time"),
            Column("once_s", "Once a scenario", "seconds", term="once"),
            Column("ess_bulk_min", "Bulk ESS", "integer", term="ess"),
            Column("wall_s_speedup", "Speedup, wall", "times", term="speedup"),
            Column("wall_s_low", "from", "times", term="interval"),
            Column("wall_s_high", "to", "times", term="interval"),
            Column("cpu_s_speedup", "Speedup, CPU", "times", term="speedup"),
            Column("wall_s_per_1000_ess_speedup", "Speedup, 1,000 ESS", "times", term="speedup"),
        ),
        rows,
        note="Wall time, CPU time and effective sample size are medians over data sets.",
        empty="No fit was timed.",
    )


def stages(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Where methods that correct their draws ended; the rows as of ``costs.stage_rows``."""
    return make_table(
        "stages",
        "Corrected methods: which stage was enough",
        (
            SCENARIO,
            METHOD,
            Column("stage", "Ended with"),
            Column("n", "Data sets", "integer", term="data-set"),
            Column("share", "Share of data sets", "percent"),
            Column("wall_s", "Wall time", "seconds", term="wall-time"),
            Column("share_of_cost", "Share of the cost", "percent"),
        ),
        rows,
        note="Wall time is the median over the data sets of the stage, all stages before it included.",
        empty="No method of this run corrects its draws.",
    )


def jobs(run: Run) -> Table:
    """One row a part of the run: its share of the wall time, CPU time and memory."""
    columns = (
        Column("part", "Part of the run"),
        Column("share", "Share of the time", "percent"),
        Column("jobs", "Jobs", "integer"),
        Column("cpu_s", "CPU time", "seconds", term="cpu-time"),
        Column("peak_mib", "Largest job, MiB", "integer"),
    )
    title, empty = "Where the run’s time and memory went", "The run’s folder has no logs of its jobs."
    if run.job_costs.empty:
        return make_table("jobs", title, columns, [], empty=empty)
    found = share_out(run.job_costs)
    note = (
        f"{seconds(found.wall_s)} from the first job to the last on {found.cores} "
        f"core{'' if found.cores == 1 else 's'}, this report’s own job not counted. A job that takes all "
        "cores counts for each of them. Memory: peak of the job’s process plus that of its largest child."
    )
    return make_table("jobs", title, columns, found.parts, note=note)
