"""Render the report."""

from pathlib import Path

from pipeline.report.render import render_report

from pipeline.job import job

with job(snakemake):
    render_report(Path(snakemake.params.run))
