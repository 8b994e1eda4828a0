"""Placeholder."""
from pathlib import Path
from pipeline.stan.toolchain import ToolchainRecord
def find_cmdstan(required: bool) -> Path | None:
    return None
