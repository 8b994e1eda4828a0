"""How a finished run's wall time divides: the stages' work, start-up and imports, Snakemake, idle cores.

    python benchmarks/overhead.py results/default [WALL_S]

WALL_S is the wall time of the whole `snakemake` command, as `time` tells it; without it, the time from the
first job's start to the last one's end counts. The report has the same table, which lacks its own job.
"""

import sys
from pathlib import Path

from pipeline.job_costs import IDLE, SNAKEMAKE, STARTUP, read_job_costs, share_out


def main() -> None:
    """Print the breakdown."""
    wall_s = float(sys.argv[2]) if len(sys.argv) > 2 else None
    found = share_out(read_job_costs(Path(sys.argv[1])), wall_s)
    parts = found.parts.set_index("part")
    formats = {"share": "{:.1%}".format, "jobs": "{:.0f}".format}
    print(parts.to_string(formatters=formats, float_format="{:.0f}".format, na_rep=""))
    overhead = parts["share"][[STARTUP, SNAKEMAKE]].sum()
    print(f"\n{found.wall_s:.0f} s on {found.cores} cores; start-up, imports and Snakemake {overhead:.1%},")
    print(f"cores without a job {parts['share'][IDLE]:.1%}; largest job {parts['peak_mib'].max():.0f} MiB")


if __name__ == "__main__":
    main()
