"""What the jobs of a run cost, as the last lines of their logs tell: where its time went, and its memory."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

_FIELDS = ["rule", "threads", "ended", "startup_s", "work_s", "cpu_s", "peak_mib"]
_PARTS = {
    "build_model": "compiling",
    "simulate": "simulating",
    "reference": "references",
    "train": "training",
    "fit": "fits",
    "score": "scoring",
}
_OTHER = "tables and report"
STARTUP, SNAKEMAKE, IDLE = "start-up and imports", "Snakemake between jobs", "cores without a job"
PAUSE_S = 60.0  # so long no job runs only where the run was stopped and taken up again


@dataclass(frozen=True)
class Breakdown:
    """Where a run's time went.

    Attributes:
        wall_s: from the first job's start to the last one's end, without pauses longer than ``PAUSE_S``.
        cores: the most that one job took.
        parts: a row a part: ``part``, ``share`` of the cores' time (the shares add up to 1), and, where jobs
            make up the part, ``jobs``, ``cpu_s`` and ``peak_mib`` of the largest one with its largest child.
    """

    wall_s: float
    cores: int
    parts: pd.DataFrame


def read_job_costs(run_folder: Path) -> pd.DataFrame:
    """Return a row for each finished job whose log lies in ``logs/``: what ``pipeline.job`` wrote of it."""
    rows = []
    for file in sorted((run_folder / "logs").rglob("*.log")):
        try:
            rows.append(json.loads(file.read_text(errors="replace").splitlines()[-1]))
        except (IndexError, ValueError):
            continue  # of a job that is at work or has failed
    return pd.DataFrame([row for row in rows if isinstance(row, dict)], columns=_FIELDS).dropna()


def share_out(costs: pd.DataFrame, wall_s: float | None = None) -> Breakdown:
    """Share a run's wall time out to its parts.

    A job that takes all cores makes them wait while it starts, so its seconds count for each of them.

    Args:
        costs: as of ``read_job_costs``; at least one row.
        wall_s: of the whole command, where it was measured; what it has over the jobs' own is Snakemake's.
    """
    cores = int(costs["threads"].max())
    spans_s, between_s = _spans(costs)
    total_s = spans_s + between_s if wall_s is None else wall_s
    core_s = cores * total_s
    weighted = costs.assign(
        part=costs["rule"].map(lambda rule: _PARTS.get(str(rule).removesuffix("_shard"), _OTHER)),
        share=costs["work_s"] * costs["threads"] / core_s,
    )
    parts = weighted.groupby("part", sort=False, as_index=False).agg(
        jobs=("rule", "size"), share=("share", "sum"), cpu_s=("cpu_s", "sum"), peak_mib=("peak_mib", "max")
    )
    order = {part: i for i, part in enumerate([*_PARTS.values(), _OTHER])}
    parts = parts.sort_values("part", key=lambda names: names.map(order))
    startup = float((costs["startup_s"] * costs["threads"]).sum()) / core_s
    snakemake = (total_s - spans_s) / total_s
    idle = 1 - float(parts["share"].sum()) - startup - snakemake
    rest = pd.DataFrame({"part": [STARTUP, SNAKEMAKE, IDLE], "share": [startup, snakemake, idle]})
    return Breakdown(total_s, cores, pd.concat([parts, rest], ignore_index=True))


def _spans(costs: pd.DataFrame) -> tuple[float, float]:
    """Return how long any job ran, and how long none did between jobs, pauses left out."""
    running_s = between_s = 0.0
    last_end = None
    started = costs["ended"] - costs["startup_s"] - costs["work_s"]
    for start, end in sorted(zip(started, costs["ended"], strict=True)):
        if last_end is None:
            last_end = start
        gap = start - last_end
        if 0 < gap <= PAUSE_S:
            between_s += gap
        running_s += max(0.0, end - max(start, last_end))
        last_end = max(end, last_end)
    return running_s, between_s
