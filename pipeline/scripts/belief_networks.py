"""Render the page of the belief networks."""

from pathlib import Path

from pipeline.job import job
from pipeline.report.belief_networks import write_page

with job(snakemake):
    write_page(
        errors_file=Path(snakemake.input.errors),
        summary_file=Path(snakemake.input.summary),
        root_seed=snakemake.params.seed,
        target=Path(snakemake.output[0]),
    )
