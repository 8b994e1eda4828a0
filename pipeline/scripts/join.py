"""Join the shards of one method's draws, or of one reference run's."""

from pathlib import Path

from pipeline.job import job
from pipeline.joining import join_shards

with job(snakemake):
    join_shards(
        draws=[Path(file) for file in snakemake.input.draws],
        records=[Path(file) for file in snakemake.input.records],
        draws_file=Path(snakemake.output.draws),
        record_file=Path(snakemake.output.record),
    )
