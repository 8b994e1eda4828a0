"""Fail where the gate found a regression; what it found is already written."""

import sys
from pathlib import Path

from pipeline.job import job
from pipeline.regression.stage import verdict_of

with job(snakemake):
    failed, told = verdict_of(Path(snakemake.input.found[0]))
    print(told, file=sys.stderr)
    if failed:
        sys.exit(1)
