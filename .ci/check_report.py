"""Check a finished run's files against the contracts of docs/metrics.md and results/README.md."""

import sys
from pathlib import Path

import pandas as pd

run = Path(sys.argv[1])
scores = pd.read_csv(run / "scores.csv")
assert list(scores) == ["scenario", "dataset", "method", "metric", "parameter", "value", "mcse", "floor"], list(scores)
pd.testing.assert_frame_equal(
    scores, pd.read_parquet(run / "scores.parquet"), check_dtype=False, check_exact=False
)
timings = pd.read_csv(run / "timings.csv")
assert list(timings) == ["scenario", "dataset", "method", "phase", "wall_s", "cpu_s", "n_draws", "ess_bulk_min"], list(
    timings
)
assert (timings.wall_s > 0).all()
status = pd.read_csv(run / "status.csv")
assert list(status) == ["scenario", "dataset", "method", "status", "reason"], list(status)
methods = set(status.method) - {"reference-1", "reference-2"}
cells = status[status.method.isin(methods)]
assert len(cells) == cells.groupby(["scenario", "dataset", "method"]).ngroups, "a cell has two rows"
assert set(cells.status) <= {"ok", "failed", "timeout", "uncertified"}
scored = scores.groupby(["scenario", "dataset", "method"]).size()
assert set(scored.index) == set(
    cells[cells.status == "ok"].set_index(["scenario", "dataset", "method"]).index
)
html = (run / "report.html").read_text()
assert len(html.encode()) < 5e6, "the report is larger than 5 MB"
assert all(method in html for method in methods)
print(
    f"{run}: {len(scores)} scores of {len(cells)} cells, {dict(cells.status.value_counts())}, report {len(html) / 1e6:.1f} MB"
)
