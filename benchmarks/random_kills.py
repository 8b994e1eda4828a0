"""Does a run that is killed again and again end with the numbers of an undisturbed one?

    python benchmarks/random_kills.py [--kills 20] [--seed 1]

A small run of every kind of job (builds are kept in the user's cache folder) goes through undisturbed. Then
the same run is killed (SIGKILL to all its processes) at random moments and started again with the same
command, and at last left to end. Draws and scores must be identical, and no output that was finished before a
kill may have been made again after it.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from pipeline.checkout import CHECKOUT

CONFIG = """\
run: kills
seed: 5
scenarios:
  gmm-ordered: {n_datasets: 3}
  hmm-ordered: {n_datasets: 2}
methods:
  nuts: {}
  laplace: {}
  pathfinder: {}
  amortized-flow: {train_steps: 200}
  amortized-flow-psis: {}
reference: {draws: 1000}
checks: {n_datasets: 50, draws: 100}
"""
SOONEST_S = 2.0
LATEST_SHARE = 0.2  # of the undisturbed run's time: trainings are saved every minute
FINISHED = ("data", "draws", "fits", "networks", "checks", "scores", "models")


def make_project(folder: Path) -> Path:
    """Copy what a checkout holds."""
    for name in ("Snakefile", "config", "stan", "pipeline", "profiles"):
        source = CHECKOUT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    (folder / "kills.yaml").write_text(CONFIG)
    return folder


def start(project: Path) -> subprocess.Popen:
    """Begin, or go on with, the run."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "kills.yaml"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        stdout=subprocess.DEVNULL,
        stderr=(project / "log").open("a"),
        start_new_session=True,
    )


def finish(process: subprocess.Popen, project: Path) -> None:
    """Wait for the end of a run that must succeed."""
    if process.wait():
        sys.exit(f"The run failed; its messages are in {project / 'log'}.")


def outputs(project: Path) -> dict[Path, int]:
    """Return when each output was written."""
    run = project / "results/kills"
    files = [file for part in FINISHED for file in (run / part).rglob("*") if file.is_file()]
    return {file.relative_to(project): file.stat().st_mtime_ns for file in files}


def last_begun(project: Path) -> str:
    """Return the rule that was begun last, by Snakemake's messages."""
    log = (project / "log").read_text()
    begun = [line.split("rule ")[1].split(":")[0] for line in log.splitlines() if "rule " in line]
    return begun[-1] if begun else "start-up"


def disturb(project: Path, kills: int, latest_s: float, rng: np.random.Generator) -> int:
    """Kill the run at random moments, let it end, and return how many outputs were made twice."""
    done = 0
    twice: set[Path] = set()
    before: dict[Path, int] = {}
    while done < kills:
        (project / "log").write_text("")
        process, delay = start(project), rng.uniform(SOONEST_S, latest_s)
        try:
            process.wait(timeout=delay)
            print(f"the run ended after {done} kills; begin anew", flush=True)
            shutil.rmtree(project / "results/kills")
            before = {}
            continue
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        done += 1
        now = outputs(project)
        twice |= {file for file, written in before.items() if now.get(file) != written}
        before = now
        print(
            f"kill {done} after {delay:.1f} s, last begun: {last_begun(project)}; {len(now)} outputs",
            flush=True,
        )
    finish(start(project), project)
    now = outputs(project)
    twice |= {file for file, written in before.items() if now.get(file) != written}
    return len(twice)


def differences(one: Path, other: Path) -> list[str]:
    """Return the files of draws and scores that are not the same in both runs."""
    found = []
    for file in sorted((one / "results/kills/draws").rglob("*.nc")):
        relative = file.relative_to(one)
        for group in ("posterior", "unconstrained_posterior"):
            pair = [xr.load_dataset(root / relative, group=group, engine="h5netcdf") for root in (one, other)]
            if not pair[0].identical(pair[1]):
                found.append(f"{relative}, {group}")
    tables = [pd.read_csv(root / "results/kills/scores.csv") for root in (one, other)]
    return found if tables[0].equals(tables[1]) else [*found, "scores.csv"]


def main() -> None:
    """Read the command line, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="latentbench-kills-") as folder:
        projects = []
        for name in ("calm", "disturbed"):
            (Path(folder) / name).mkdir()
            projects.append(make_project(Path(folder) / name))
        calm, disturbed = projects
        began = time.monotonic()
        finish(start(calm), calm)
        alone_s = time.monotonic() - began
        began = time.monotonic()
        latest_s = LATEST_SHARE * alone_s
        twice = disturb(disturbed, arguments.kills, latest_s, np.random.default_rng(arguments.seed))
        took = (time.monotonic() - began) / alone_s
        different = differences(calm, disturbed)
        print(
            f"{arguments.kills} kills, {took:.1f} times the undisturbed run's time; "
            f"{twice} finished outputs made twice; different: {', '.join(different) or 'nothing'}"
        )
        sys.exit(bool(different or twice))


if __name__ == "__main__":
    main()
