"""How a run's wall time divides: start-up and imports, work, and what Snakemake and waiting add.

Usage: python benchmarks/overhead.py results/default WALL_S

WALL_S is the wall time of the whole `snakemake` command, as `time` tells it. Prints the share of each part of
the cores' time, by rule, and the largest memory that one job took. Only shares mean something elsewhere.
"""

import json
import sys
from pathlib import Path

import pandas as pd


def main() -> None:
    """Print the breakdown."""
    run, wall_s = Path(sys.argv[1]), float(sys.argv[2])
    costs = pd.DataFrame([json.loads(f.read_text().splitlines()[-1]) for f in (run / "logs").rglob("*.log")])
    cores = costs["threads"].max()
    # A job that takes all cores makes them wait while it starts, so its seconds count for each of them.
    costs["startup"] = costs["startup_s"] * costs["threads"] / (cores * wall_s)
    costs["work"] = costs["work_s"] * costs["threads"] / (cores * wall_s)
    by_rule = costs.groupby("rule")[["startup", "work"]].sum()
    by_rule["jobs"] = costs.groupby("rule").size()
    print(by_rule.sort_values("work", ascending=False).to_string(float_format="{:.1%}".format))
    startup, work = by_rule["startup"].sum(), by_rule["work"].sum()
    print(f"\nwork {work:.1%}; start-up and imports {startup:.1%}; the rest {1 - work - startup:.1%}")
    print(f"largest job: {costs['peak_mib'].max():.0f} MiB")


if __name__ == "__main__":
    main()
