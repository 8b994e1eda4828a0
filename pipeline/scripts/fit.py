"""Fit a scenario's data sets, or a shard of them, by one method, timed."""

from functools import partial
from pathlib import Path

from pipeline.fitting import run_fits
from pipeline.job import job
from pipeline.pieces import fit_supervised

with job(snakemake):
    first, second = map(Path, snakemake.input.references)
    pieces = Path(snakemake.params.pieces)
    fit = partial(
        run_fits,
        scenario_name=snakemake.wildcards.scenario,
        scenario_settings=snakemake.params.scenario_settings,
        method_name=snakemake.wildcards.method,
        method_settings=snakemake.params.method_settings,
        data_sets=range(*snakemake.params.data_sets),
        n_references=snakemake.params.n_references,
        data_file=Path(snakemake.input.data),
        model_file=Path(snakemake.input.model),
        reference_files=(first, second),
        pieces=pieces,
        draws_file=Path(snakemake.output.draws),
        record_file=Path(snakemake.output.record),
        cores=snakemake.threads,
        checkpoint=Path(snakemake.input.network) if snakemake.input.network else None,
    )
    fit_supervised(fit, pieces)
