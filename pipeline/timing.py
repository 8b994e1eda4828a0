"""Clocks: wall time by a monotonic clock, CPU time of this process and of the programs it ran."""

import os
import time
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


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
