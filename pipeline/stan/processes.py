"""Running compilers from several threads, so that all of them stop when the work is given up."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Processes:
    """The child processes of one build."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, argv: list[str], tmp: Path) -> tuple[int, str]:
        """Run a command with its temporary files in ``tmp``; return its exit status and standard error."""
        with self._lock:
            if self._stopped:
                return -signal.SIGTERM, ""
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
        _, stderr = child.communicate()
        with self._lock:
            self._running.discard(child)
        return child.returncode, stderr

    def stop(self) -> None:
        """End everything that runs, and start nothing more."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                try:
                    os.killpg(child.pid, signal.SIGTERM)
                except ProcessLookupError:
                    continue

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], jobs: int
    ) -> dict[Item, Result]:
        """Apply a function to items in at most ``jobs`` threads; at the first error, stop the others."""
        with ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(function, item): item for item in items}
            try:
                return {futures[future]: future.result() for future in as_completed(futures)}
            except BaseException:
                self.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
