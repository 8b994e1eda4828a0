"""What the cache of compiled code saves is charged all the same."""

import subprocess
import sys

import pytest

from pipeline.compilation import Saved
from pipeline.timing import PhaseTime

COMPILE = """
from pipeline import amortized
from pipeline.compilation import saved_compilation
import jax, jax.numpy as jnp

def slow(x):
    for i in range(200):
        x = jnp.sort(jnp.sin(x + i)[::-1])
    return x

with saved_compilation() as saved:
    jax.jit(slow)(jnp.arange(100.0)).block_until_ready()
print(saved.seconds)
"""


def test_a_phase_is_charged_what_was_saved():
    assert Saved(2.0).charged(PhaseTime("train", 10.0, 15.0)) == PhaseTime("train", 12.0, 17.0)


@pytest.mark.slow
def test_a_second_process_finds_compiled_code_and_is_charged(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("LATENTBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.01")
    runs = [
        subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    first_s, second_s = (float(run.stdout) for run in runs)
    assert list(tmp_path.glob("xla/*/*"))
    assert first_s == 0 < second_s
