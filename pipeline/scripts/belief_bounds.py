"""Fit mixtures to random belief networks."""

from pathlib import Path

from pipeline.job import job
from pipeline.variational.belief_experiment import run_experiment

with job(snakemake):
    run_experiment(
        root_seed=snakemake.params.seed,
        n_networks=snakemake.params.n_networks,
        errors_file=Path(snakemake.output.errors),
        summary_file=Path(snakemake.output.summary),
    )
