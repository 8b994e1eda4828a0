"""Join all cells to scores, timings, status and certificates."""

from pathlib import Path

from pipeline.collecting import collect
from pipeline.job import job

with job(snakemake):
    collect(
        scores=[Path(file) for file in snakemake.input.scores],
        statuses=[Path(file) for file in snakemake.input.status],
        records=[Path(file) for file in snakemake.input.records],
        references=[Path(file) for file in snakemake.input.references],
        networks=[Path(file) for file in snakemake.input.networks],
        network_owners=snakemake.params.network_owners,
        models={Path(file).stem: Path(file) for file in snakemake.input.models},
        programs=snakemake.params.programs,
        run_folder=Path(snakemake.output.scores).parent,
    )
