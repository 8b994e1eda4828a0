"""Write a finished run as the baseline of later ones."""

import sys
from pathlib import Path

from pipeline.job import job
from pipeline.regression.stage import accept

with job(snakemake):
    folder = Path(snakemake.params.baseline)
    accept(Path(str(snakemake.input.provenance)).parent, folder)
    print(f"Baseline written to {folder}; commit that folder.", file=sys.stderr)
