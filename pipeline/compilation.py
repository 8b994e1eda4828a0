"""XLA's compiled code, kept in the user's cache between processes; what that saves is counted all the same.

A job of an amortized method compiles for some ten seconds what the last job compiled already. Costs in the
report are those of a first run: a phase that found its code in the cache is charged what compiling it took.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import fingerprint
from pipeline.stan.cache import cache_folder
from pipeline.timing import PhaseTime

_SAVED_EVENT = "/jax/compilation_cache/compile_time_saved_sec"


def keep_compiled() -> None:
    """Tell JAX, before it is imported, to keep what takes it over a third of a second to compile."""
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "xla" / _processor()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")


def _processor() -> str:
    """Return a name for what the code is compiled for: a home folder may serve machines of several kinds."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    except OSError:
        features = [platform.processor()]
    return fingerprint(platform.machine(), features)


@dataclass
class Saved:
    """Seconds of compilation that the cache has saved."""

    seconds: float = 0.0

    def charged(self, phase: PhaseTime) -> PhaseTime:
        """Return the phase as it would have been without the cache; compiling keeps one core busy."""
        return PhaseTime(phase.phase, phase.wall_s + self.seconds, phase.cpu_s + self.seconds)


@contextmanager
def saved_compilation() -> Iterator[Saved]:
    """Count what the cache saves within a ``with`` block."""
    import jax

    saved = Saved()

    def note(event: str, duration_secs: float, **_: object) -> None:
        if event == _SAVED_EVENT:
            saved.seconds += max(0.0, duration_secs)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield saved
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
