"""Programs from httpstan's wheel: objects compiled in parallel, then linked twice, to run and to load."""

import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pipeline.checkout import CHECKOUT, require
from pipeline.stan import cache, precompiled
from pipeline.stan.compiler import CompilerError, run_compiler
from pipeline.stan.processes import Finished, Processes
from pipeline.stan.toolchain import INLINE_FLAG, Embedded

SOURCES = CHECKOUT / "stan" / "embedded"
COST = "cost.json"
EXPORTS = SOURCES / "bridgestan" / "exports.map"
# Leave out of Stan's headers what few programs call: for the driver, and before the header of a model.
RARE = SOURCES / "common" / "rare_functions.hpp"
LEAN = SOURCES / "common" / "lean_model_header.hpp"
# Begun first, by the processor time that they took (39 down to 8 s; a model takes 15 to 25), so that none of
# them is still at work when all others are done.
SLOWEST = (
    "cmdstan-pathfinder",
    "cmdstan-estimation",
    "cmdstan-sampling",
    "bridgestan-model",
    "cmdstan-contexts",
    "bridgestan-bridgestan",
)


@dataclass(frozen=True)
class Unit:
    """One translation unit.

    Attributes:
        name: for people.
        part: "model", or the folder of SOURCES that it belongs to: "cmdstan" or "bridgestan".
        path: where the code lies, or None where it lies nowhere yet.
        code: the code itself.
        key: depends on the code, the headers beside it, Stan, the compiler and the flags.
    """

    name: str
    part: str
    path: Path | None
    code: str
    key: str

    @property
    def entry(self) -> Path:
        """Where the compiled object is kept."""
        return cache.entry_path("objects", self.name, self.key)


@dataclass(frozen=True)
class Program:
    """A linked program in the cache.

    Attributes:
        executable: takes CmdStan's command line.
        library: has BridgeStan's C functions.
        compile_wall_s: what compiling and linking this program took, without the parts common to all.
        compile_cpu_s: the same as processor time.
        reused: whether it was there already.
    """

    executable: Path
    library: Path
    compile_wall_s: float
    compile_cpu_s: float
    reused: bool


def build_program(
    tools: Embedded, name: str, cpp_code: str, jobs: int, say: Callable[[str], None]
) -> Program:
    """Compile and link a program from the C++ code that stanc made of it.

    Raises:
        UserError: the compiler fails, the disk is full, the cache folder cannot be written, or the driver's
            sources are missing because the package runs outside a checkout.
    """
    require(SOURCES)
    model = _unit(tools, name, "model", None, cpp_code, RARE.read_bytes() + LEAN.read_bytes())
    # The model's object comes first: of functions that several objects hold, the linker takes the first.
    units = [model, *_common_units(tools, "cmdstan"), *_common_units(tools, "bridgestan")]
    link_flags = _link_flags(tools)
    key = cache.content_key(name, *(unit.key for unit in units), *link_flags, EXPORTS.read_bytes())
    entry = cache.entry_path("programs", name, key)
    reused = entry.is_dir()
    if not reused:
        processes = Processes()
        _compile(tools, units, jobs, processes, say)
        cache.make_entry(entry, lambda folder: _link(tools, name, units, link_flags, processes, folder))
    cost = _recorded_cost(entry)
    return Program(
        executable=entry / name,
        library=entry / f"{name}_model.so",
        compile_wall_s=cost["wall_s"],
        compile_cpu_s=cost["cpu_s"],
        reused=reused,
    )


def _common_units(tools: Embedded, part: str) -> list[Unit]:
    files = sorted((SOURCES / part).glob("*"))
    headers = b"".join(
        cache.content_key(file.name, file.read_bytes()).encode()
        for file in (RARE, *files)
        if file.suffix in (".h", ".hpp")
    )
    sources = [file for file in files if file.suffix == ".cpp"]
    return [_unit(tools, f"{part}-{file.stem}", part, file, file.read_text(), headers) for file in sources]


def _unit(tools: Embedded, name: str, part: str, path: Path | None, code: str, headers: bytes) -> Unit:
    key = cache.content_key(
        code,
        headers,
        metadata.version("httpstan"),
        platform.machine(),
        tools.record.compiler_version,
        *_compile_flags(tools, part),
    )
    return Unit(name, part, path, code, key)


def _compile_flags(tools: Embedded, part: str) -> list[str]:
    flags = [flag for flag in tools.record.flags if part == "model" or flag != INLINE_FLAG]
    if part == "bridgestan":
        # The Python package compares this version with its own, and warns if they differ.
        flags.append(f"-DBRIDGESTAN_VERSION={metadata.version('bridgestan').replace('.', ',')}")
    return flags


def _compile(
    tools: Embedded, units: list[Unit], jobs: int, processes: Processes, say: Callable[[str], None]
) -> None:
    missing = sorted((unit for unit in units if not unit.entry.is_dir()), key=_turn)
    common = [unit for unit in missing if unit.part != "model"]
    if common:
        say(f"compiling the Stan driver ({len(common)} files), once a machine, two minutes or more")
    if len(common) < len(missing):
        say(f"compiling {missing[0].name}, about half a minute")

    def compile_unless_busy(unit: Unit) -> bool:
        return cache.make_entry(unit.entry, make(unit), wait=False)

    def compile_or_wait(unit: Unit) -> bool:
        return cache.make_entry(unit.entry, make(unit))

    def make(unit: Unit) -> Callable[[Path], None]:
        return lambda folder: _compile_unit(tools, unit, processes, folder)

    # Processes that build at once share the work: each takes the files that no other is busy with.
    made = processes.map(compile_unless_busy, missing, jobs)
    busy = [unit for unit, done in made.items() if not done]
    if busy:
        say("waiting for another process that compiles " + ", ".join(sorted(unit.name for unit in busy)))
        processes.map(compile_or_wait, busy, jobs)


def _turn(unit: Unit) -> int:
    if unit.part == "model":
        return -1
    return SLOWEST.index(unit.name) if unit.name in SLOWEST else len(SLOWEST)


def _compile_unit(tools: Embedded, unit: Unit, processes: Processes, folder: Path) -> None:
    path = unit.path
    if path is None:
        path = folder / "model.cpp"
        path.write_text(unit.code)
    flags = _compile_flags(tools, unit.part)

    def compile_with(includes: list[str]) -> Finished:
        output = ["-c", str(path), "-o", str(folder / "object.o")]
        argv = [tools.record.compiler, *flags, *includes, f"-I{tools.include}", *output]
        return run_compiler(processes, argv, folder, unit.name)

    if unit.part != "model":
        costs = [compile_with(["-include", str(RARE)])]
    else:
        lean = precompiled.include_flags(tools, flags, LEAN, processes)
        try:
            costs = [compile_with(lean)]
        except CompilerError as failed:
            # It calls one of the functions left out; what else may be wrong with it shows again.
            costs = [failed.finished, compile_with([])]
    _record_cost(folder, [_cost(finished) for finished in costs])


def _link_flags(tools: Embedded) -> list[str]:
    # The C++ library before TBB: the wheel's TBB exports copies of some of its functions.
    flags = ["-lstdc++", "-lm"] if sys.platform != "darwin" else []
    archives = [str(path) for path in sorted(tools.lib.glob("libsundials_*.a"))]
    # rpath, and not the newer runpath, so that LD_LIBRARY_PATH does not bring in another TBB.
    paths = [f"-L{tools.lib}", f"-Wl,-rpath,{tools.lib}"]
    # A compiler with a prefix of its own (conda, modules on clusters) has its own C++ library too.
    prefix = Path(tools.record.compiler).resolve().parents[1]
    paths += [
        f"-Wl,-rpath,{prefix / lib}" for lib in ("lib64", "lib") if (prefix / lib / "libstdc++.so.6").exists()
    ]
    if sys.platform != "darwin":
        paths.append("-Wl,--disable-new-dtags")
    return [*archives, *flags, *paths, "-ltbb", "-pthread"]


def _link(
    tools: Embedded,
    name: str,
    units: list[Unit],
    link_flags: list[str],
    processes: Processes,
    folder: Path,
) -> None:
    def objects(*parts: str) -> list[str]:
        return [str(unit.entry / "object.o") for unit in units if unit.part in parts]

    # Only the C functions are visible, so that two programs in one process share nothing by accident, and
    # they call their own library's functions also where another's are visible to all (RTLD_GLOBAL).
    if sys.platform == "darwin":
        shared = ["-shared", "-Wl,-exported_symbol,_bs_*", "-Wl,-exported_symbol,_latentbench_*"]
    else:
        shared = ["-shared", f"-Wl,--version-script={EXPORTS}", "-Wl,-Bsymbolic-functions"]
    commands = {
        f"{name}_model.so": [*shared, *objects("model", "bridgestan")],
        name: objects("model", "cmdstan"),
    }

    # The model's own compilation counts too, and is kept here lest the object go.
    costs = [_recorded_cost(unit.entry) for unit in units if unit.part == "model"]
    for target, inputs in commands.items():
        argv = [tools.record.compiler, *inputs, *link_flags, "-o", str(folder / target)]
        costs.append(_cost(run_compiler(processes, argv, folder, target)))
    _record_cost(folder, costs)


def _record_cost(folder: Path, costs: list[dict[str, float]]) -> None:
    totals = {kind: sum(cost[kind] for cost in costs) for kind in ("wall_s", "cpu_s")}
    (folder / COST).write_text(json.dumps(totals))


def _recorded_cost(entry: Path) -> dict[str, float]:
    return json.loads((entry / COST).read_text())


def _cost(finished: Finished) -> dict[str, float]:
    return {"wall_s": finished.wall_s, "cpu_s": finished.cpu_s}
