"""A Stan program's log density and gradient at many points at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from pipeline.stan.model import BoundModel

WORTH_A_THREAD_S = 5e-4


class Evaluation(NamedTuple):
    """A log density and its gradient; minus infinity and zeros where the program rejects a point."""

    log_p: Float[np.ndarray, " point"]
    gradient: Float[np.ndarray, "point dim"]


class Target(Protocol):
    """What is to be approximated."""

    dim: int

    def __call__(self, x: Float[np.ndarray, "point dim"]) -> Evaluation:
        """Evaluate the log density and its gradient at each row of x."""
        ...


class StanTarget:
    """A bound Stan program in its unconstrained space, Jacobian and constants included.

    Where an evaluation takes long enough to be worth it, rows are shared among threads, which BridgeStan
    allows; the result does not depend on their number. (Between calls each thread waits for Python's lock,
    and two of them took longer than one for gradients of 20 microseconds.)
    """

    def __init__(self, model: BoundModel, threads: int):
        self.dim = model.dim
        self._bridge, self._threads = model.bridge, 1
        started = time.perf_counter()
        for _ in range(5):
            self(np.zeros((1, self.dim)))
        is_slow = (time.perf_counter() - started) / 5 > WORTH_A_THREAD_S
        self._threads = threads if is_slow else 1

    def __call__(self, x: Float[np.ndarray, "point dim"]) -> Evaluation:
        """Evaluate the log density and its gradient at each row of x."""
        x = np.ascontiguousarray(x, float)
        log_p, gradient = np.empty(len(x)), np.empty_like(x)

        def work(rows: range) -> None:
            for i in rows:
                log_p[i] = self._one(x[i], gradient[i])

        parts = [range(first, len(x), self._threads) for first in range(self._threads)]
        if self._threads == 1 or len(x) == 1:
            work(range(len(x)))
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(work, parts))
        return Evaluation(log_p, gradient)

    def _one(self, row: Float[np.ndarray, " dim"], gradient: Float[np.ndarray, " dim"]) -> float:
        try:
            value, _ = self._bridge.log_density_gradient(row, propto=False, out=gradient)
        except RuntimeError:
            value = -np.inf
        if not np.isfinite(value) or not np.isfinite(gradient).all():
            gradient[:] = 0
            return -np.inf
        return value
