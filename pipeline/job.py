"""What the workflow's scripts share: a log beside the terminal, their cost, errors without tracebacks."""

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

import psutil

from pipeline.dates import leave_the_future
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

    The log's last line tells, as JSON, what the job cost: start-up (the process and its imports), work, CPU
    time of the process and its children, and the peak memory of the process and of its largest child.
    ``pipeline.job_costs`` adds these up.
    """
    startup_s, started = _age_s(), time.monotonic()
    log_file = Path(snakemake.log[0])
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("w") as log:
        with contextlib.redirect_stderr(cast(TextIO, _Tee(sys.stderr, log))):
            try:
                yield snakemake
            except UserError as error:
                print(f"Error: {error}", file=sys.stderr)
                sys.exit(1)
        # Where the clock was set back meanwhile, Snakemake would find the outputs older than these.
        leave_the_future(map(Path, snakemake.input))
        cost = {
            "rule": snakemake.rule,
            "threads": snakemake.threads,
            "ended": time.time(),
            "startup_s": startup_s,
            "work_s": time.monotonic() - started,
            "cpu_s": sum(os.times()[:4]),
            "peak_mib": _peak_mib(resource.RUSAGE_SELF) + _peak_mib(resource.RUSAGE_CHILDREN),
        }
        log.write(json.dumps(cost) + "\n")


def _age_s() -> float:
    """Return for how long this process has existed."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return time.time() - psutil.Process().create_time()
    # On Linux psutil adds up from a time of boot in whole seconds, which would be off by up to one.
    start_ticks = int(stat.read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / os.sysconf("SC_CLK_TCK")


def _peak_mib(who: int) -> float:
    """Return the peak resident memory of this process or of its largest child; macOS counts in bytes."""
    return resource.getrusage(who).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
