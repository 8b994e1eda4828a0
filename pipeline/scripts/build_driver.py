"""Compile what all Stan programs share, once a machine, and record the toolchain."""

from pathlib import Path

from pipeline.stan.build import prepare

from pipeline.files import write_json
from pipeline.job import job

with job(snakemake):
    record = prepare(snakemake.params.toolchain, cores=snakemake.threads)
    write_json(Path(snakemake.output[0]), record)
