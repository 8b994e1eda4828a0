"""Render the report."""

from pathlib import Path

from pipeline.job import job
from pipeline.report.render import render_report

with job(snakemake):
    render_report(Path(snakemake.params.run))
