"""Stan's headers, precompiled: worth it for whoever builds many programs, such as .ci/run.

To read that header takes GCC half of the time that a model needs; precompiling it takes as long as
a model does, and 0.6 GB of the cache. The objects are the same to the byte.
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


def include_flags(tools: Embedded, flags: list[str], header: Path, processes: Processes) -> list[str]:
    """Return what has the compiler include a header before everything else.

    Where it is asked for, and for GCC alone, in its precompiled form, made where it is not there yet.
    """
    is_gcc = "clang" not in tools.record.compiler_version.lower()
    if not os.environ.get(VARIABLE) or not is_gcc:
        return ["-include", str(header)]
    key = cache.content_key(
        *(file.read_bytes() for file in sorted(header.parent.glob("*.hpp"))),
        metadata.version("httpstan"),
        platform.machine(),
        tools.record.compiler_version,
        *flags,
    )
    entry = cache.entry_path("headers", header.stem, key)

    def make(folder: Path) -> None:
        target = str(folder / f"{header.name}.gch")
        compiler = [tools.record.compiler, *flags, f"-I{tools.include}"]
        run_compiler(
            processes, [*compiler, "-x", "c++-header", str(header), "-o", target], folder, header.name
        )

    cache.make_entry(entry, make)
    return [f"-I{entry}", "-include", header.name]
