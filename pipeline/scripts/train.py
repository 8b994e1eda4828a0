"""Train a method's network for one scenario."""

from pathlib import Path

from pipeline.job import job
from pipeline.training import run_training

with job(snakemake):
    run_training(
        scenario_name=snakemake.wildcards.scenario,
        scenario_settings=snakemake.params.scenario_settings,
        method_name=snakemake.wildcards.method,
        method_settings=snakemake.params.method_settings,
        work_file=Path(snakemake.params.work_file),
        checkpoint_file=Path(snakemake.output.checkpoint),
        record_file=Path(snakemake.output.record),
        model_file=Path(snakemake.input.model) if snakemake.input.model else None,
    )
