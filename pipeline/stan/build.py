"""Any Stan program to an executable with CmdStan's command line and a library with BridgeStan's functions.

``python -m pipeline.stan.build MODEL.stan [--json]`` prints the paths of both.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.machine import usable_cores
from pipeline.stan import embedded
from pipeline.stan.stanc import check_stan_file, translate
from pipeline.stan.toolchain import SETTINGS, Embedded, ToolchainRecord, find_toolchain


@dataclass(frozen=True)
class Built:
    """A compiled Stan program.

    Attributes:
        executable: takes CmdStan's command line; for ``CmdStanModel(exe_file=...)``.
        library: has BridgeStan's C functions; for ``bridgestan.StanModel(...)``.
        name: the program's file name without .stan.
        toolchain: what compiled it.
        compile_wall_s: what compiling and linking this program took when it was built, without the parts
            that are compiled once a machine.
        compile_cpu_s: the same as processor time.
        reused: whether it came from the cache.
    """

    executable: Path
    library: Path
    name: str
    toolchain: ToolchainRecord
    compile_wall_s: float
    compile_cpu_s: float
    reused: bool


def say_on_stderr(message: str) -> None:
    """Print a progress message."""
    print(message, file=sys.stderr, flush=True)


def build(
    stan_file: Path | str,
    toolchain: str = "auto",
    *,
    jobs: int | None = None,
    say: Callable[[str], None] = say_on_stderr,
) -> Built:
    """Compile a Stan program, or take it from the cache where the same one was compiled before.

    Args:
        stan_file: the program; files that it includes are looked for in its folder.
        toolchain: "auto", "embedded" or "official" (see :func:`pipeline.stan.toolchain.find_toolchain`).
        jobs: how many compilers run at once; all cores of this process by default.
        say: takes progress messages.

    Raises:
        UserError: the file is missing or not valid Stan, a tool is missing or fails, the disk is full.
    """
    path = check_stan_file(Path(stan_file))
    tools = find_toolchain(toolchain)
    cpp_code = translate(tools.stanc, path, say)
    if isinstance(tools, Embedded):
        program = embedded.build_program(tools, path.stem, cpp_code, jobs or usable_cores(), say)
    else:
        from pipeline.stan import official

        program = official.build_program(tools, path, cpp_code, say)
    return Built(
        executable=program.executable,
        library=program.library,
        name=path.stem,
        toolchain=tools.record,
        compile_wall_s=program.compile_wall_s,
        compile_cpu_s=program.compile_cpu_s,
        reused=program.reused,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.stan.build", description=__doc__)
    parser.add_argument("stan_file", metavar="MODEL.stan", type=Path)
    parser.add_argument("--json", action="store_true", help='print {"executable": ..., "library": ...}')
    parser.add_argument("--toolchain", choices=SETTINGS, default="auto", help="which Stan (default: auto)")
    parser.add_argument("--jobs", type=_positive, help="compilers at once (default: all cores)")
    options = parser.parse_args(arguments)
    # So that a job that is ended takes its compilers along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        built = build(options.stan_file, options.toolchain, jobs=options.jobs)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    paths = {"executable": str(built.executable), "library": str(built.library)}
    print(json.dumps(paths) if options.json else "\n".join(paths.values()))
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


if __name__ == "__main__":
    sys.exit(main())
