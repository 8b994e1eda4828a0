"""Build one Stan program; its record names the executable, the shared library and the toolchain."""

from pathlib import Path

from pipeline.job import job
from pipeline.stan.build import build
from pipeline.stan.record import write_built

with job(snakemake):
    program, toolchain = Path(snakemake.input.program), snakemake.params.toolchain
    write_built(Path(snakemake.output[0]), build(program, toolchain, jobs=snakemake.threads), program)
