"""Stan's headers, precompiled: worth it for whoever builds many programs, such as .ci/run.

The header of every model takes GCC 11 of 27 s to read; precompiling it takes 28 s once, and 0.8 GB of the
cache. The objects are the same to the byte.
"""

import os
import platform
from importlib import metadata
from pathlib import Path

from pipeline.stan import cache
from pipeline.stan.compiler import run_compiler
from pipeline.stan.processes import Processes
from pipeline.stan.toolchain import Embedded

VARIABLE = "LATENTBENCH_PRECOMPILE"  # anything but empty switches it on
_HEADER = "stan/model/model_header.hpp"


def include_flags(tools: Embedded, flags: list[str], processes: Processes) -> list[str]:
    """Return what has GCC find the precompiled header first, made where it is not there yet.

    Nothing where it is not asked for, and for other compilers, which look for it elsewhere.
    """
    is_gcc = "clang" not in tools.record.compiler_version.lower()
    if not os.environ.get(VARIABLE) or not is_gcc:
        return []
    key = cache.content_key(
        metadata.version("httpstan"), platform.machine(), tools.record.compiler_version, *flags
    )
    entry = cache.entry_path("headers", "model_header", key)

    def make(folder: Path) -> None:
        target = folder / f"{_HEADER}.gch"
        target.parent.mkdir(parents=True)
        header = str(tools.include / _HEADER)
        compiler = [tools.record.compiler, *flags, f"-I{tools.include}"]
        run_compiler(processes, [*compiler, "-x", "c++-header", header, "-o", str(target)], folder, _HEADER)

    cache.make_entry(entry, make)
    return [f"-I{entry}"]
