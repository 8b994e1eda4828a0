"""Which Stan compiles the programs: the one that httpstan's wheel carries, or an installed CmdStan."""

import importlib.util
import os
import platform
import re
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from pipeline.errors import UserError
from pipeline.stan.compiler import accepts_flag, compiler_version, find_compiler

SETTINGS = ("auto", "embedded", "official")

# What CmdStan 2.35's makefiles give to the compiler, with threads; position-independent, so that one
# object serves executable and shared library, and hidden, so that calls inside it stay direct. The three
# after -O3 change no number, only how fast it comes: nothing in Stan reads errno or the flags of
# floating-point exceptions.
COMPILE_FLAGS = (
    "-std=c++17",
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-funroll-loops",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
    "-D_REENTRANT",
    "-DSTAN_THREADS",
    "-DBOOST_DISABLE_ASSERTS",
    "-w",
)
# For whoever builds much and runs it little, such as .ci/run: another level than 3.
OPTIMISATION = "LATENTBENCH_OPTIMISATION"
# Stan's autodiff tape belongs to a thread. The usual code for such variables is a call that spills every
# register, also where the linker of an executable then takes the call out; descriptors (gcc on x86-64, newer
# clang; the only way elsewhere) spill none: a tenth less time for an HMM's gradient. In a shared library a
# thread's first access may lose vector registers (glibc bug 31372, before 2.40), so
# stan/embedded/bridgestan/guard.hpp makes it before there are numbers in them.
THREAD_LOCAL_FLAG = "-mtls-dialect=gnu2"
# GCC stops inlining where a file has grown by 40%, in the midst of a model's many small functions. With this
# limit an HMM is sampled in three quarters of the time, for a third more of compilation: for models alone.
INLINE_FLAG = "--param=inline-unit-growth=250"


@dataclass(frozen=True)
class ToolchainRecord:
    """What the report says of the toolchain.

    Attributes:
        kind: "embedded" (Stan from httpstan's wheel) or "official" (an installed CmdStan).
        stan_version: such as "2.35.0".
        compiler: path of the C++ compiler.
        compiler_version: first line of what it says of itself.
        flags: what it was told, without paths.
        packages: versions of the Python packages that took part.
        platform: operating system, its release and the machine.
    """

    kind: Literal["embedded", "official"]
    stan_version: str
    compiler: str
    compiler_version: str
    flags: tuple[str, ...]
    packages: tuple[str, ...]
    platform: str

    def as_dict(self) -> dict[str, object]:
        """Return the fields, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Embedded:
    """Stan out of httpstan's wheel, compiled by the machine's own compiler."""

    home: Path
    record: ToolchainRecord

    @property
    def stanc(self) -> Path:
        """Stan's own compiler, from Stan to C++."""
        return self.home / "stanc"

    @property
    def include(self) -> Path:
        """The headers of Stan and of all that it needs."""
        return self.home / "include"

    @property
    def lib(self) -> Path:
        """TBB and SUNDIALS."""
        return self.home / "lib"


@dataclass(frozen=True)
class Official:
    """An installed CmdStan, and the BridgeStan sources that its Python package finds."""

    home: Path
    record: ToolchainRecord

    @property
    def stanc(self) -> Path:
        """Stan's own compiler, from Stan to C++."""
        return self.home / "bin" / "stanc"


def find_toolchain(setting: str = "auto") -> Embedded | Official:
    """Return the toolchain for the setting ``stan.toolchain``.

    "auto" takes CmdStan where the variable CMDSTAN names one or CmdStanPy finds one, else the wheel.

    Raises:
        UserError: no such setting; CmdStan, httpstan or a C++ compiler is missing.
    """
    if setting not in SETTINGS:
        raise UserError(f"stan.toolchain is {setting!r}; allowed are {', '.join(SETTINGS)}.")
    if setting != "embedded":
        from pipeline.stan import official

        home = official.find_cmdstan(required=setting == "official")
        if home is not None:
            return Official(home, official.describe(home))
    return _find_embedded()


def _find_embedded() -> Embedded:
    spec = importlib.util.find_spec("httpstan")
    home = Path(spec.origin).parent if spec and spec.origin else None
    version_header = home / "include" / "stan" / "version.hpp" if home else None
    if (
        home is None
        or version_header is None
        or not version_header.is_file()
        or not (home / "stanc").is_file()
    ):
        raise UserError(
            "httpstan, whose wheel carries Stan, is not installed for this Python "
            f"(CPython {platform.python_version()} on {platform.system()} {platform.machine()}).\n"
            "It has wheels for CPython 3.10 to 3.13 on Linux (x86_64) and macOS: use one of those.\n"
            "Elsewhere install CmdStan (`python -m cmdstanpy.install_cmdstan`, or set CMDSTAN) and put "
            " `stan: {toolchain: official}` into the configuration."
        )
    compiler = find_compiler()
    numbers = dict(re.findall(r"#define STAN_(MAJOR|MINOR|PATCH) (\d+)", version_header.read_text()))
    record = ToolchainRecord(
        kind="embedded",
        stan_version=".".join(numbers[part] for part in ("MAJOR", "MINOR", "PATCH")),
        compiler=str(compiler),
        compiler_version=compiler_version(compiler),
        flags=_flags() + tuple(flag for flag in _optional_flags() if accepts_flag(compiler, flag)),
        packages=package_versions("httpstan", "cmdstanpy", "bridgestan"),
        platform=platform_name(),
    )
    return Embedded(home, record)


def _flags() -> tuple[str, ...]:
    level = os.environ.get(OPTIMISATION) or "3"
    if level not in {"0", "1", "2", "3"}:
        raise UserError(f"The environment variable {OPTIMISATION} must be 0, 1, 2 or 3, not {level!r}.")
    if level == "3":
        return COMPILE_FLAGS
    # Whoever asks for less wants to compile quickly, which loops unrolled are not.
    return (f"-O{level}", *(flag for flag in COMPILE_FLAGS if flag not in {"-O3", "-funroll-loops"}))


def _optional_flags() -> tuple[str, ...]:
    """Return what only some compilers know."""
    return (THREAD_LOCAL_FLAG, INLINE_FLAG) if "-O3" in _flags() else (THREAD_LOCAL_FLAG,)


def platform_name() -> str:
    """Return operating system, release and machine."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def package_versions(*names: str) -> tuple[str, ...]:
    """Return ``name version`` of each installed package."""
    return tuple(f"{name} {metadata.version(name)}" for name in names)
