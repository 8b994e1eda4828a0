"""Score one method on a scenario's data sets, or on a shard of them."""

from pathlib import Path

from pipeline.job import job
from pipeline.scoring import score_cell

with job(snakemake):
    score_cell(
        scenario=snakemake.wildcards.scenario,
        method=snakemake.wildcards.method,
        root_seed=snakemake.params.seed,
        data_sets=range(*snakemake.params.data_sets),
        data_file=Path(snakemake.input.data),
        draws_file=Path(snakemake.input.draws),
        record_file=Path(snakemake.input.record),
        reference_files=[Path(file) for file in snakemake.input.references],
        reference_records=[Path(file) for file in snakemake.input.reference_records],
        scores_file=Path(snakemake.output.scores),
        status_file=Path(snakemake.output.status),
    )
