"""The record of a built Stan program, which stages hand on in place of the program itself."""

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.files import reading, write_json
from pipeline.stan.build import Built, build
from pipeline.stan.toolchain import ToolchainRecord


def write_built(path: Path, built: Built, stan_file: Path) -> None:
    """Write the record of a program built from ``stan_file``."""
    write_json(path, {**asdict(built), "stan_file": str(stan_file)})


def read_built(path: Path) -> Built:
    """Read a record; a program that has gone from the cache since is built again.

    Raises UserError where that fails, or the record is damaged.
    """
    with reading(path):
        record = json.loads(path.read_text())
        stan_file = Path(record.pop("stan_file"))
        built = Built(
            **{
                **record,
                "executable": Path(record["executable"]),
                "library": Path(record["library"]),
                "toolchain": ToolchainRecord(**record["toolchain"]),
            }
        )
    if built.executable.exists() and built.library.exists():
        return built
    return build(stan_file, built.toolchain.kind)
