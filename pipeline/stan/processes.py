"""Running compilers from several threads, so that all of them stop when the work is given up."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Finished:
    """A command that ended, with what it wrote to standard error and what it cost."""

    status: int
    messages: str
    wall_s: float
    cpu_s: float


class Processes:
    """The child processes of one build."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, argv: list[str], tmp: Path) -> Finished:
        """Run a command with its temporary files in ``tmp``."""
        started = time.monotonic()
        with self._lock:
            if self._stopped:
                raise CancelledError
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                # English messages, since some are recognised.
                env=os.environ | {"TMPDIR": str(tmp), "LC_ALL": "C"},
                # Its own process group: g++ leaves the work to children, which must stop with it.
                start_new_session=True,
            )
            self._running.add(child)
        assert child.stderr is not None
        with child.stderr:
            messages = child.stderr.read()
        # Not wait(), which keeps to itself how much processor time the child and its children took.
        _, status, usage = os.wait4(child.pid, 0)
        with self._lock:
            child.returncode = os.waitstatus_to_exitcode(status)
            self._running.discard(child)
        wall_s = time.monotonic() - started
        return Finished(child.returncode, messages, wall_s, usage.ru_utime + usage.ru_stime)

    def stop(self) -> None:
        """End everything that runs, and start nothing more."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                try:
                    os.killpg(child.pid, signal.SIGTERM)
                except ProcessLookupError:
                    continue

    def map(self, function: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> dict[Item, Result]:
        """Apply a function to items in at most ``jobs`` threads; at the first error, stop the others."""
        with ThreadPoolExecutor(jobs) as pool:
            try:
                # Within, since a signal may come between two of them, and the pool would wait for the first.
                futures = {pool.submit(function, item): item for item in items}
                return {futures[future]: future.result() for future in as_completed(futures)}
            except BaseException:
                self.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
