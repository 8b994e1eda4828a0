"""Check a finished run's files against the contracts of docs/metrics.md and results/README.md."""

import sys
from pathlib import Path

import pandas as pd

from pipeline.collecting import STATUS_COLUMNS, TIMING_COLUMNS
from pipeline.scores.referenced import has_reference
from pipeline.scoring import COLUMNS

CELL = ["scenario", "dataset", "method"]

run = Path(sys.argv[1])
scores = pd.read_csv(
    run / "scores.csv", keep_default_na=False, na_values={"value": "", "mcse": "", "floor": ""}
)
assert list(scores) == COLUMNS, list(scores)
pd.testing.assert_frame_equal(scores, pd.read_parquet(run / "scores.parquet"), check_dtype=False)
timings = pd.read_csv(run / "timings.csv")
assert list(timings) == TIMING_COLUMNS, list(timings)
assert (timings.wall_s > 0).all()
status = pd.read_csv(run / "status.csv")
assert list(status) == STATUS_COLUMNS, list(status)
methods = set(status.method) - {"reference-1", "reference-2"}
cells = status[status.method.isin(methods)]
assert len(cells) == len(cells.groupby(CELL)), "a cell has two rows"
assert set(cells.status) <= {"ok", "failed", "timeout", "uncertified"}, set(cells.status)
scored = set(scores.groupby(CELL).groups)
fitted = cells[cells.status == "ok"]
assert scored <= set(fitted.groupby(CELL).groups), "what has no fit has scores"
# A data set that was to have no reference has no scores where the truth is not known either.
compared = set(fitted[has_reference(fitted, status)].groupby(CELL).groups)
assert compared <= scored, "scores do not match the status table"
html = (run / "report.html").read_text()
assert len(html.encode()) < 5e6, "the report is larger than 5 MB"
assert all(method in html for method in methods)
counts = dict(cells.status.value_counts())
print(f"{run}: {len(scores)} scores of {len(cells)} cells, {counts}, report {len(html) / 1e6:.1f} MB")
