"""Compare a run with its baseline; a regression is written down here and fails the next rule."""

from pathlib import Path

from pipeline.job import job
from pipeline.regression.settings import Regression
from pipeline.regression.stage import compare_run

with job(snakemake):
    compare_run(
        run_folder=Path(str(snakemake.input.provenance)).parent,
        baseline_folder=Path(snakemake.params.baseline),
        settings=Regression(**snakemake.params.settings),
        output=Path(snakemake.output[0]).parent,
    )
