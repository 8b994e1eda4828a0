"""Build one Stan program; its record names the executable and the shared library."""

from pathlib import Path

from pipeline.stan.build import build, write_built

from pipeline.job import job

with job(snakemake):
    built = build(Path(snakemake.input.program), toolchain=snakemake.params.toolchain)
    write_built(Path(snakemake.output[0]), built)
