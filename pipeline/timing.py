"""Clocks: wall time by a monotonic clock, CPU time of this process and of the programs it ran."""

import math
import resource
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class PhaseTime:
    """What one phase of a fit cost.

    Attributes:
        phase: build, train, warmup, sample, infer or correct.
        wall_s: seconds on the clock.
        cpu_s: seconds of processor time, summed over threads and child processes.
    """

    phase: str
    wall_s: float
    cpu_s: float


def summed(phases: Iterable[PhaseTime]) -> list[PhaseTime]:
    """Return one entry a phase, in the order in which they first came."""
    found: dict[str, PhaseTime] = {}
    for phase in phases:
        before = found.get(phase.phase, PhaseTime(phase.phase, 0.0, 0.0))
        found[phase.phase] = PhaseTime(phase.phase, before.wall_s + phase.wall_s, before.cpu_s + phase.cpu_s)
    return list(found.values())


class Stopwatch:
    """Measures a ``with`` block; child processes count once they have been waited for."""

    wall_s: float
    cpu_s: float

    def __enter__(self) -> "Stopwatch":
        self._cpu, self._wall = _cpu_s(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s = time.perf_counter() - self._wall
        self.cpu_s = _cpu_s() - self._cpu

    def phase(self, name: str, share: float = 1.0) -> PhaseTime:
        """Return the measured block, or a share of it, as a phase."""
        return PhaseTime(name, self.wall_s * share, self.cpu_s * share)


@contextmanager
def time_limit(limit_s: float) -> Iterator[None]:
    """Raise TimeoutError within a ``with`` block that takes longer, as soon as Python code runs again.

    Without effect where the limit is infinite, and outside the main thread, which alone receives signals.
    """
    if math.isinf(limit_s) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(*_: object) -> None:
        raise TimeoutError(f"no end after {limit_s:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _cpu_s() -> float:
    # By microseconds; os.times counts in hundredths of a second, as long as an amortized fit.
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
