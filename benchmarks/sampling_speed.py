"""Time sampling by the executable that the workflow builds against one built as CmdStan's makefiles do.

    python benchmarks/sampling_speed.py [REPETITIONS]

Both come from the same C++ files and differ in the compiler's flags: CmdStan 2.35 by default compiles without
threads and without position-independent code. Each repetition samples once with either, with the same seed,
in alternating order. Prints for each program the median over repetitions of the ratio of the two processes'
CPU times in user mode (above 1, ours is the slower), and its quartiles; ends with an error where a draw
differs. Builds both (four minutes the first time) and keeps them in the cache.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import STAN_FOLDER
from pipeline.stan import cache
from pipeline.stan.build import build, say_on_stderr
from pipeline.stan.embedded import SOURCES
from pipeline.stan.stanc import translate
from pipeline.stan.toolchain import Embedded, find_toolchain

# What CmdStan 2.35 gives to g++ on Linux where make/local says nothing.
CMDSTAN_FLAGS = (
    ["-std=c++17", "-pthread", "-D_REENTRANT", "-Wno-sign-compare", "-Wno-ignored-attributes"]
    + ["-O3", "-DBOOST_DISABLE_ASSERTS"]
)  # fmt: skip
# Gradients of a microsecond, so that whatever a program does beside them weighs most here.
SCHOOLS = """\
data { int J; vector[J] y; vector[J] sd; }
parameters { real mu; real<lower=0> tau; vector[J] z; }
model { mu ~ normal(0, 5); tau ~ cauchy(0, 5); z ~ std_normal(); y ~ normal(mu + tau * z, sd); }
"""
SCHOOLS_DATA = {"J": 8, "y": [28, 8, -3, 7, -1, 1, 18, 12], "sd": [15, 10, 16, 11, 9, 11, 10, 18]}
ITERATIONS = {"gmm_ordered": 5_000, "hmm_ordered": 5_000, "schools": 100_000}


def plain_executable(tools: Embedded, stan_file: Path) -> Path:
    """Compile a program and the driver with CmdStan's own flags."""
    headers = [file.read_bytes() for file in sorted((SOURCES / "cmdstan").glob("*.hpp"))]
    units = {"model": translate(tools.stanc, stan_file, say_on_stderr)}
    units |= {file.stem: file.read_text() for file in sorted((SOURCES / "cmdstan").glob("*.cpp"))}
    objects = []
    for name, code in units.items():
        entry = cache.entry_path("plain", name, cache.content_key(code, *headers, *CMDSTAN_FLAGS))
        cache.make_entry(entry, lambda folder, name=name, code=code: _compile(tools, name, code, folder))
        objects.append(str(entry / "object.o"))
    entry = cache.entry_path("plain", stan_file.stem, cache.content_key(*objects))
    cache.make_entry(entry, lambda folder: _link(tools, objects, folder / "executable"))
    return entry / "executable"


def _compile(tools: Embedded, name: str, code: str, folder: Path) -> None:
    say_on_stderr(f"compiling {name} with CmdStan's flags")
    source = folder / f"{name}.cpp"
    source.write_text(code)
    includes = [f"-I{SOURCES / 'cmdstan'}", f"-I{tools.include}"]
    _run(tools.record.compiler, *CMDSTAN_FLAGS, "-w", *includes, "-c", source, "-o", folder / "object.o")


def _link(tools: Embedded, objects: list[str], target: Path) -> None:
    libraries = [*sorted(tools.lib.glob("libsundials_*.a")), "-lstdc++", "-lm", f"-L{tools.lib}", "-ltbb"]
    _run(tools.record.compiler, *objects, *libraries, f"-Wl,-rpath,{tools.lib}", "-pthread", "-o", target)


def _run(*argv: str | Path) -> None:
    subprocess.run([str(word) for word in argv], check=True)


def sample(executable: Path, data_file: Path, iterations: int, seed: int) -> tuple[float, str]:
    """Run one chain; return its CPU seconds in user mode and the draws as they were written."""
    output = data_file.with_name("output.csv")
    # Thinned, since writing numbers is no part of sampling.
    words = f"sample num_samples={iterations} num_warmup=1000 thin=10 random seed={seed}".split()
    child = subprocess.Popen(
        [executable, *words, "data", f"file={data_file}", "output", f"file={output}", "refresh=0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{executable} ended with status {child.returncode}")
    lines = output.read_text().splitlines()
    return usage.ru_utime, "\n".join(line for line in lines if not line.startswith("#"))


def compare(ours: Path, plain: Path, data_file: Path, iterations: int, repetitions: int) -> np.ndarray:
    """Return the times of both in seconds, a row a repetition, ours first."""
    times = np.empty((repetitions, 2))
    for i in range(repetitions):
        draws = {}
        for which in (0, 1) if i % 2 else (1, 0):
            executable = (ours, plain)[which]
            times[i, which], draws[which] = sample(executable, data_file, iterations, seed=i + 1)
        if draws[0] != draws[1]:
            raise SystemExit(f"{ours.name}: the two executables differ in their draws of seed {i + 1}")
    return times


def main() -> None:
    """Print a line for each program."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    tools = find_toolchain("embedded")
    assert isinstance(tools, Embedded)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "schools.stan").write_text(SCHOOLS)
        for program, iterations in ITERATIONS.items():
            stan_file, data = folder / "schools.stan", SCHOOLS_DATA
            if program != "schools":
                stan_file = STAN_FOLDER / f"{program}.stan"
                scenario = get_scenario(program.replace("_", "-"), {})
                data = scenario.stan_data(scenario.data_sets([3])[0])
            data_file = folder / "data.json"
            data_file.write_text(json.dumps(data))
            ours, plain = build(stan_file, "embedded").executable, plain_executable(tools, stan_file)
            times = compare(ours, plain, data_file, iterations, repetitions)
            low, median, high = np.quantile(times[:, 0] / times[:, 1], [0.25, 0.5, 0.75])
            seconds = np.median(times, axis=0)
            print(
                f"{program:12} {median:.3f} ({low:.3f} to {high:.3f})  median CPU {seconds[0]:.2f} s against "
                f"{seconds[1]:.2f} s, {repetitions} repetitions, same draws",
                flush=True,
            )


if __name__ == "__main__":
    main()
