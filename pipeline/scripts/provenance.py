"""Record what made the run: machine, versions, toolchain, configuration."""

import json
from pathlib import Path

from pipeline.files import write_json
from pipeline.job import job
from pipeline.provenance import provenance

with job(snakemake):
    toolchain = json.loads(Path(snakemake.input.model).read_text())["toolchain"]
    record = provenance(
        snakemake.params.config,
        snakemake.params.files,
        toolchain,
        snakemake.params.published,
        [Path(file) for file in snakemake.input.records],
    )
    write_json(Path(snakemake.output[0]), record)
