"""Run the embedded driver in tests, and read what it wrote."""

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.stan.build import Built
from tests.stan.cmdstan_golden import GOLDEN

Stan = Callable[..., subprocess.CompletedProcess[str]]
MIXTURE_DATA = f"data file={GOLDEN / 'mixture.data.json'}"
SHORT = "sample num_samples=4 num_warmup=25"


def runner(built_model: Callable[[Path], Built]) -> Stan:
    """Return run(program, words, ok=True): runs a program of this folder in the current folder."""

    def run(program: str, words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        source = GOLDEN / f"{program}.stan"
        if not source.exists():
            source = GOLDEN.parent / "models" / f"{program}.stan"
        command = [str(built_model(source).executable), *words.split()]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (finished.returncode == 0) == ok, finished.stdout + finished.stderr
        assert finished.returncode in (0, 1)
        return finished

    return run


def read_draws(path: str) -> tuple[list[str], np.ndarray]:
    """Return the columns' names and the numbers of a CSV file that Stan wrote."""
    rows = list(csv.reader(line for line in Path(path).read_text().splitlines() if not line.startswith("#")))
    return rows[0], np.array(rows[1:], float)
