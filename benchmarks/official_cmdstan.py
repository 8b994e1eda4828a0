"""Hold the embedded executable against an official CmdStan: the one that the wheel of prophet carries.

    python benchmarks/official_cmdstan.py [VERSION | FOLDER] [--repetitions 20] [--plain]

No registry has CmdStan itself, but prophet ships its program together with what CmdStan's own makefiles made
of it: CmdStan 2.37.0 in its versions from 1.2.0 on (the default), 2.33.1 in 1.1.5 to 1.1.7. Ours is 2.35.0,
which brought another random number generator, so of the two only 2.37.0 can give the same draws. pip fetches
the wheel into the cache, unless a FOLDER with an unpacked one is named.

Prints for each method whether both wrote the same numbers, then how long NUTS took: median and quartiles over
repetitions of the ratio of CPU times in user mode for each leapfrog step (above 1, the official one is the
faster). With --plain also of our sources compiled with CmdStan's own flags, so that what these flags cost is
apart from what Stan's version and the compiler do; that takes four minutes to build.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from sampling_speed import plain_executable

from pipeline.stan import cache
from pipeline.stan.build import build
from pipeline.stan.toolchain import Embedded, find_toolchain

# What draws random numbers is told a seed; {points} and {mode} are files.
METHODS = {
    "log density, gradient": "log_prob unconstrained_params={points}",
    "optimize (L-BFGS)": "optimize init=0",
    "optimize (Newton)": "optimize algorithm=newton init=0",
    "Laplace at one mode": "laplace mode={mode} jacobian=0",
    "random start": "sample num_warmup=0 num_samples=1 algorithm=fixed_param",
    "NUTS": "sample num_warmup=500 num_samples=500",
    "NUTS, dense metric": "sample num_warmup=500 num_samples=500 algorithm=hmc metric=dense_e",
    "static HMC": "sample num_warmup=500 num_samples=500 algorithm=hmc engine=static",
    "ADVI, mean field": "variational",
    "ADVI, full rank": "variational algorithm=fullrank",
    "Pathfinder, one path": "pathfinder num_paths=1",
    "Pathfinder, all draws": "pathfinder psis_resample=0",
    "Pathfinder, resampled": "pathfinder",
}
# Four digits show every number of leapfrog steps, and writing takes little beside sampling.
TIMED = "sample num_warmup=1000 num_samples=1000 save_warmup=1"
N_CHANGES, N_FEATURES, N_TIMES = 10, 6, 200


def fetch(version: str) -> Path:
    """Return the folder of prophet's wheel, unpacked."""
    entry = cache.entry_path("prophet", version, cache.content_key(version))

    def unpack(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "-d", str(folder), f"prophet=={version}"], check=True)
        for wheel in folder.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(folder)
        (folder / "prophet" / "stan_model" / "prophet_model.bin").chmod(0o755)

    cache.make_entry(entry, unpack)
    return entry


def write_inputs(folder: Path) -> None:
    """Write data of prophet's program, a trend that bends and a season, and points to evaluate it at."""
    rng = np.random.default_rng(1)
    time = np.linspace(0, 1, N_TIMES)
    phases = 2 * np.pi * np.outer(4 * time, range(1, N_FEATURES // 2 + 1))
    seasons = np.hstack([np.sin(phases), np.cos(phases)])
    y = 0.5 * time - 0.7 * np.maximum(time - 0.4, 0) + seasons @ rng.normal(scale=0.1, size=N_FEATURES)
    data = {
        "T": N_TIMES, "K": N_FEATURES, "t": time, "cap": np.ones(N_TIMES), "X": seasons,
        "y": y + rng.normal(scale=0.05, size=N_TIMES), "S": N_CHANGES, "tau": 0.05, "trend_indicator": 0,
        "t_change": np.linspace(0, 0.8, N_CHANGES + 1)[1:], "sigmas": np.full(N_FEATURES, 10.0),
        "s_a": np.ones(N_FEATURES), "s_m": np.zeros(N_FEATURES),
    }  # fmt: skip
    points = {"params_r": rng.normal(size=(50, 3 + N_CHANGES + N_FEATURES))}
    for name, value in {"data": data, "points": points}.items():
        (folder / f"{name}.json").write_text(json.dumps(value, default=np.ndarray.tolist))


def run(executable: Path, words: str, folder: Path, seed: int, digits: int) -> tuple[float, dict]:
    """Return CPU seconds in user mode, and the columns of what was written."""
    output = folder / "output.csv"
    common = f"random seed={seed} data file={folder}/data.json output file={output} sig_figs={digits}"
    words = words.format(points=folder / "points.json", mode=folder / "mode.csv")
    argv = [str(executable), *words.split(), *common.split()]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(argv)} ended with status {child.returncode}")
    lines = (line for line in output.read_text().splitlines() if not line.startswith("#"))
    header, *rows = csv.reader(lines)
    return usage.ru_utime, dict(zip(header, np.array(rows, float).T, strict=True))


def agreement(ours: dict, theirs: dict) -> str:
    """Say in words how far the columns that both wrote agree, and which ones only one wrote."""
    names = [name for name in ours if name in theirs]
    lone = sorted(ours.keys() ^ theirs.keys())
    note = f", not counting {', '.join(lone[:3])}" if lone else ""
    one, other = (np.column_stack([columns[name] for name in names]) for columns in (ours, theirs))
    if one.shape != other.shape:
        return f"{len(one)} rows against {len(other)}{note}"
    same = np.all((one == other) | (np.isnan(one) & np.isnan(other)), axis=1)
    if same.all():
        return f"same digit for digit, {len(one)} rows of {one.shape[1]} columns{note}"
    scale = np.maximum(np.abs(one), np.abs(other)).max(axis=0)
    apart = np.max(np.abs(one - other) / np.where(scale > 0, scale, 1))
    return f"{np.argmin(same)} of {len(one)} rows the same until one differs; apart by {apart:.1e}{note}"


def time_steps(executables: list[Path], folder: Path, repetitions: int) -> tuple[np.ndarray, bool]:
    """Return microseconds of a leapfrog step, a row a repetition; and whether all wrote the same draws."""
    cost_us, same = np.empty((repetitions, len(executables))), True
    for i in range(repetitions):
        draws = {}
        for which in range(len(executables)) if i % 2 else reversed(range(len(executables))):
            cpu_s, draws[which] = run(executables[which], TIMED, folder, seed=i + 1, digits=4)
            cost_us[i, which] = cpu_s / draws[which]["n_leapfrog__"].sum() * 1e6
        same &= all(agreement(draws[0], other).startswith("same") for other in draws.values())
    return cost_us, same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", nargs="?", default="1.2.0", metavar="VERSION | FOLDER")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    unpacked = Path(arguments.wheel)
    home = (unpacked if unpacked.is_dir() else fetch(arguments.wheel)) / "prophet" / "stan_model"
    program, official = home / "prophet.stan", home / "prophet_model.bin"
    executables = {"ours": build(program, "embedded").executable, "official": official}
    for whose, executable in executables.items():
        info = subprocess.run([executable, "info"], capture_output=True, text=True, check=False).stdout
        print(f"{whose}: Stan {'.'.join(re.findall(r'stan_version.* = (.*)', info))}")
    if arguments.plain:
        tools = find_toolchain("embedded")
        assert isinstance(tools, Embedded)
        executables["CmdStan's flags"] = plain_executable(tools, program)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder)
        run(executables["ours"], "optimize init=0", folder, seed=1, digits=18)
        (folder / "output.csv").rename(folder / "mode.csv")
        for method, words in METHODS.items():
            ours, theirs = (run(executables[who], words, folder, 1, 18)[1] for who in ("ours", "official"))
            print(f"{method:22} {agreement(ours, theirs)}", flush=True)
        cost_us, same = time_steps(list(executables.values()), folder, arguments.repetitions)
    ratios = np.quantile(cost_us[:, :1] / cost_us, [0.25, 0.5, 0.75], axis=0).T
    for whose, (low, median, high), us in zip(executables, ratios, np.median(cost_us, axis=0), strict=True):
        print(
            f"a step of NUTS takes {whose:15} {us:6.2f} us; ours {median:.3f} ({low:.3f} to {high:.3f}) of it"
        )
    print(f"{arguments.repetitions} repetitions, {'the same' if same else 'other'} draws")


if __name__ == "__main__":
    main()
