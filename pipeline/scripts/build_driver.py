"""Compile what all Stan programs share, once a machine, and record the toolchain."""

from pathlib import Path

from pipeline.files import write_json
from pipeline.job import job
from pipeline.stan.build import prepare

with job(snakemake):
    record = prepare(snakemake.params.toolchain, cores=snakemake.threads)
    write_json(Path(snakemake.output[0]), record)
