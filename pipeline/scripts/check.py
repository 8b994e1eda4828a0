"""Check a method's network for one scenario."""

from pathlib import Path

from pipeline.checking import run_checks
from pipeline.job import job

with job(snakemake):
    run_checks(
        scenario_name=snakemake.wildcards.scenario,
        scenario_settings=snakemake.params.scenario_settings,
        method_name=snakemake.wildcards.method,
        checks_settings=snakemake.params.checks_settings,
        checkpoint=Path(snakemake.input.network),
        model_file=Path(snakemake.input.model) if snakemake.input.model else None,
        summary_file=Path(snakemake.output.summary),
        table_file=Path(snakemake.output.table),
    )
