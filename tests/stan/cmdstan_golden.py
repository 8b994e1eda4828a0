"""The golden command lines of CmdStan 2.35.0: read them, run one, compare."""

import json
import lzma
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"
ARCHIVE: dict[str, Any] = json.loads(lzma.decompress((GOLDEN / "cmdstan-2.35.0.json.xz").read_bytes()))
CASES: dict[str, dict[str, Any]] = ARCHIVE["cases"]

# What differs from run to run: the clock's time and measured durations, with the blanks before them.
_VOLATILE = [
    (re.compile(r"(start_datetime = ).*"), r"\1<time>"),
    (re.compile(r"(Gradient evaluation took ).*( seconds)"), r"\1<duration>\2"),
    (re.compile(r"(leapfrog steps per transition would take ).*( seconds)"), r"\1<duration>\2"),
    (re.compile(r"[0-9.e+-]+( seconds \((?:Warm-up|Sampling|Total|Pathfinders?|PSIS)\))"), r"<duration>\1"),
]


@dataclass(frozen=True)
class Run:
    """What a program did: its exit code, and by file name what it wrote, stdout and stderr included."""

    exit_code: int
    files: dict[str, str]


def expected(case: str) -> Run:
    """Return what CmdStan did."""
    return Run(CASES[case]["exit_code"], CASES[case]["files"])


def plain_environment() -> dict[str, str]:
    """Return the environment without the number of threads that CmdStanPy leaves behind."""
    return {name: value for name, value in os.environ.items() if name != "STAN_NUM_THREADS"}


def run(case: str, executable: Path, folder: Path) -> Run:
    """Run a case's command line in an empty folder, beside the files that it reads."""
    for name, text in ARCHIVE["inputs"].items():
        (folder / name).write_text(text)
    for argument in CASES[case]["arguments"]:
        value = argument.partition("=")[2]
        producer, _, name = value.partition("/")
        if producer != case and name in CASES.get(producer, {}).get("files", {}):
            (folder / producer).mkdir()
            (folder / value).write_text(CASES[producer]["files"][name])
    written = folder / case
    written.mkdir()
    command = [str(executable), *CASES[case]["arguments"]]
    finished = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=plain_environment()
    )
    files = {path.name: path.read_text() for path in written.iterdir()}
    return Run(finished.returncode, files | {"stdout.txt": finished.stdout, "stderr.txt": finished.stderr})


def stable_lines(text: str) -> list[str]:
    """Split a text into lines, with a placeholder for each time and duration."""
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return text.splitlines()
