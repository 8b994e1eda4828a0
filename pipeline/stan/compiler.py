"""The machine's own C++ compiler: finding it, running it, and saying what went wrong."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.errors import UserError
from pipeline.stan import cache
from pipeline.stan.processes import Finished, Processes


class CompilerError(UserError):
    """The compiler does not accept the code.

    Attributes:
        finished: what it said and what that cost.
    """

    def __init__(self, message: str, finished: Finished) -> None:
        super().__init__(message)
        self.finished = finished


def find_compiler() -> Path:
    """Return the C++ compiler: $CXX, or the platform's usual one.

    Raises:
        UserError: there is none.
    """
    chosen = os.environ.get("CXX")
    usual = ("clang++", "g++") if sys.platform == "darwin" else ("g++", "clang++")
    for name in (chosen,) if chosen else usual:
        found = shutil.which(name)
        if found:
            return Path(found)
    looked_for = f"CXX={chosen}" if chosen else " or ".join(usual)
    raise UserError(
        f"No C++ compiler found (looked for {looked_for}): Stan programs are compiled on your machine.\n"
        "Install one: `sudo apt install g++` (Debian, Ubuntu), `sudo dnf install gcc-c++` (Fedora), "
        "`xcode-select --install` (macOS), `conda install -c conda-forge cxx-compiler` (no root needed); "
        "or set the variable CXX to its path."
    )


@functools.cache
def compiler_version(compiler: Path) -> str:
    """Return the first line of what a compiler says of itself.

    Raises:
        UserError: it does not run.
    """
    try:
        answer = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"The C++ compiler {compiler} does not run ({error}): mend it, or set CXX."
        ) from error
    return answer.stdout.splitlines()[0] if answer.stdout else "unknown"


@functools.cache
def accepts_flag(compiler: Path, flag: str) -> bool:
    """Return whether a compiler knows a flag, for the machine that it compiles for, and makes use of it."""
    argv = [compiler, flag, "-Werror", "-x", "c++", "-fsyntax-only", os.devnull]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def run_compiler(processes: Processes, argv: list[str], folder: Path, what: str) -> Finished:
    """Run the C++ compiler, with its temporary files below ``folder``, to make ``what``.

    Raises:
        CompilerError: it does not accept the code.
        UserError: the disk is full, or the compiler was killed.
    """
    scratch = folder / "tmp"
    scratch.mkdir()
    finished = processes.run(argv, scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    if finished.status == 0:
        return finished
    status, messages = finished.status, finished.messages
    if cache.NO_SPACE in messages:
        raise cache.disk_full(folder)
    if status == -9 or "Killed signal" in messages or "out of memory" in messages.lower():
        raise UserError(
            f"The C++ compiler was killed while compiling {what}: most likely the memory ran out.\n"
            "Each compiler takes about 1.5 GB; build with fewer at once (--jobs 1)."
        )
    errors = [line for line in messages.splitlines() if re.search("error|undefined", line, re.IGNORECASE)]
    raise CompilerError(
        f"The C++ compiler failed on {what} (exit status {status}):\n"
        + "\n".join(errors[:10] or [messages])
        + "\n"
        f"The compiler is {argv[0]}; Stan needs C++17, that is g++ 8 or clang 7 and later. Set CXX to\n"
        f"another compiler, or repeat the command to see all messages:\n{' '.join(argv)}",
        finished,
    )
