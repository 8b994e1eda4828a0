"""Building a Stan program in a test's own cache, mostly with a compiler that only pretends."""

import os
import subprocess
import sys
from pathlib import Path

from pipeline.stan.build import build

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FAKE_COMPILER = HERE / "fake_compiler.sh"
PROGRAM = "parameters {\n  real x;\n}\nmodel {\n  x ~ normal(0, 1);\n}\n"


def build_quietly(stan_file, **options):
    return build(stan_file, "embedded", say=lambda _: None, **options)


def compilations(work):
    return [line.split()[1] for line in (work / "log").read_text().splitlines()]


def command_line(work, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.stan.build", str(work / "normal.stan"), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def entries(work):
    return [
        path for kind in ("objects", "programs") for path in (work / "cache" / kind).glob("*[!k]")
    ]  # all but .lock
