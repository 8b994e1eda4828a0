"""Sample one reference run of a scenario's data sets, or of a shard of them, and certify it."""

from functools import partial
from pathlib import Path

from pipeline.job import job
from pipeline.pieces import fit_supervised
from pipeline.reference import run_references

with job(snakemake):
    pieces = Path(snakemake.params.pieces)
    fit = partial(
        run_references,
        scenario_name=snakemake.wildcards.scenario,
        scenario_settings=snakemake.params.scenario_settings,
        reference_settings=snakemake.params.reference_settings,
        number=int(snakemake.wildcards.reference_run),
        data_sets=range(*snakemake.params.data_sets),
        data_file=Path(snakemake.input.data),
        model_file=Path(snakemake.input.model),
        pieces=pieces,
        draws_file=Path(snakemake.output.draws),
        record_file=Path(snakemake.output.record),
        cores=snakemake.threads,
        first_file=Path(snakemake.input.first) if snakemake.input.first else None,
    )
    fit_supervised(fit, pieces)
