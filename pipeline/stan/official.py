"""Programs from an installed CmdStan, by CmdStanPy's and BridgeStan's own compile functions."""

import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import UserError
from pipeline.stan import cache
from pipeline.stan.compiler import compiler_version
from pipeline.stan.embedded import Program
from pipeline.stan.toolchain import Official, ToolchainRecord, package_versions, platform_name

INSTEAD = "or put `stan: {toolchain: embedded}` into the configuration (--toolchain embedded)."


def find_cmdstan(required: bool) -> Path | None:
    """Return CmdStan's folder as CmdStanPy finds it, or None where there is none.

    Raises:
        UserError: the variable CMDSTAN names something else; or there is none, and it is ``required``.
    """
    import cmdstanpy

    named = os.environ.get("CMDSTAN")
    try:
        return Path(cmdstanpy.cmdstan_path())
    except ValueError as error:
        if named:
            raise UserError(
                f"The variable CMDSTAN is {named!r}, which is no CmdStan installation: {error}\n"
                f"Correct or unset it, {INSTEAD}"
            ) from error
        if required:
            raise UserError(
                "The toolchain is set to official, and CmdStanPy finds no CmdStan.\n"
                f"Install one (`python -m cmdstanpy.install_cmdstan`), set CMDSTAN, {INSTEAD}"
            ) from error
        return None


def describe(home: Path) -> ToolchainRecord:
    """Return versions and flags of an installed CmdStan.

    Raises:
        UserError: CmdStan is not built, or a compiler is missing.
    """
    stanc = home / "bin" / "stanc"
    try:
        answer = subprocess.run([stanc, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"CmdStan in {home} is not built: {stanc} does not run ({error}).\n"
            f"Run `make build` in that folder, {INSTEAD}"
        ) from error
    version = re.search(r"v(\d+\.\d+\.\d+)", answer)
    make = _make_variables(home)
    compiler = Path(shutil.which(make.get("CXX", "g++")) or make.get("CXX", "g++"))
    return ToolchainRecord(
        kind="official",
        stan_version=version[1] if version else answer.strip(),
        compiler=str(compiler),
        compiler_version=compiler_version(compiler),
        flags=("STAN_THREADS=TRUE", *_without_paths(make.get("CXXFLAGS", ""))),
        packages=package_versions("cmdstanpy", "bridgestan"),
        platform=platform_name(),
    )


def build_program(tools: Official, stan_file: Path, cpp_code: str, say: Callable[[str], None]) -> Program:
    """Compile a program twice: with CmdStan to run, with BridgeStan to load.

    Args:
        tools: the installation.
        stan_file: the program.
        cpp_code: what stanc made of it, the key of what is built.
        say: takes progress messages.

    Raises:
        UserError: one of the compilations fails, or BridgeStan's sources cannot be had.
    """
    name = stan_file.stem
    record = tools.record
    key = cache.content_key(
        name, cpp_code, str(tools.home), record.compiler_version, *record.flags, *record.packages
    )
    entry = cache.entry_path("official", name, key)
    reused = entry.is_dir()
    if not reused:
        say(f"compiling {name} with CmdStan {record.stan_version} and BridgeStan, a minute or more")
        cache.make_entry(entry, lambda folder: _compile(stan_file, folder))
    cost = json.loads((entry / "cost.json").read_text())
    library = entry / f"{name}_model.so"
    return Program(entry / name, library, cost["wall_s"], cost["cpu_s"], reused)


def _compile(stan_file: Path, folder: Path) -> None:
    import bridgestan
    import cmdstanpy

    # Both write beside the program, so they get a copy of it; what it includes stays where it is.
    program = folder / stan_file.name
    shutil.copyfile(stan_file, program)
    includes = str(stan_file.parent)
    started, used_s = time.monotonic(), _children_cpu_s()
    try:
        # They report on standard output, which belongs to the result.
        with contextlib.redirect_stdout(sys.stderr):
            cmdstanpy.compile_stan_file(
                program,
                stanc_options={"include-paths": [includes]},
                cpp_options={"STAN_THREADS": "TRUE"},
            )
            bridgestan.compile_model(
                program, stanc_args=[f"--include-paths={includes}"], make_args=["STAN_THREADS=TRUE"]
            )
    except (ValueError, RuntimeError, OSError) as error:
        if cache.NO_SPACE in str(error):
            raise cache.disk_full(folder) from error
        raise UserError(
            f"The official toolchain failed on {stan_file}:\n{error}\n"
            f"Mend CmdStan or BridgeStan (the variable BRIDGESTAN names the folder of its sources), {INSTEAD}"
        ) from error
    cost = {"wall_s": time.monotonic() - started, "cpu_s": _children_cpu_s() - used_s}
    (folder / "cost.json").write_text(json.dumps(cost))


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _make_variables(home: Path) -> dict[str, str]:
    """Ask CmdStan's makefile for the compiler and its flags; empty where it does not say."""
    argv = [os.environ.get("MAKE", "make"), "-s", "STAN_THREADS=TRUE", "print-CXX", "print-CXXFLAGS"]
    try:
        answer = subprocess.run(argv, cwd=home, capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise UserError(
            f"CmdStan compiles with make, which does not run ({error}): install it, {INSTEAD}"
        ) from (error)
    return dict(re.findall(r"^(CXX|CXXFLAGS) = (.*)$", answer, re.MULTILINE))


def _without_paths(flags: str) -> list[str]:
    return re.sub(r"-(I|isystem)\s*\S+", "", flags).split()
