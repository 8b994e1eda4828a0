"""What the workflow's scripts share: a log beside the terminal, their cost, errors without tracebacks."""

import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

import psutil

from pipeline.errors import UserError


class _Tee:
    """Writes to several text streams at once."""

    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()

    def close(self) -> None:
        """Leave the streams open: absl, which JAX brings along, closes its log as the process ends."""


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[Any]:
    """Run a script's block: messages go to the terminal and the log; a UserError ends it without a traceback.

    The log's last line tells, as JSON, what the job cost: start-up (the process and its imports), work, and
    the peak memory of the process and of its largest child. ``benchmarks/overhead.py`` adds these up.
    """
    started = time.time()
    log_file = Path(snakemake.log[0])
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("w") as log:
        with contextlib.redirect_stderr(cast(TextIO, _Tee(sys.stderr, log))):
            try:
                yield snakemake
            except UserError as error:
                print(f"Error: {error}", file=sys.stderr)
                sys.exit(1)
        cost = {
            "rule": snakemake.rule,
            "threads": snakemake.threads,
            "startup_s": started - psutil.Process().create_time(),
            "work_s": time.time() - started,
            "peak_mib": _peak_mib(resource.RUSAGE_SELF) + _peak_mib(resource.RUSAGE_CHILDREN),
        }
        log.write(json.dumps(cost) + "\n")


def _peak_mib(who: int) -> float:
    """Return the peak resident memory of this process or of its largest child; macOS counts in bytes."""
    return resource.getrusage(who).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
