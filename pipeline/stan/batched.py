"""A program's log density and gradient at many points in one call.

BridgeStan's functions take one point. From Python each call costs as much as a small program's gradient, and
threads wait for Python's lock between calls: two took longer than one for gradients of 20 microseconds. So
libraries that ``pipeline.stan.embedded`` builds have a function for many points. Those of the official
toolchain have none: there one call follows another, shared among threads where calls take long.
"""

import ctypes
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import bridgestan
import numpy as np
from jaxtyping import Float

FUNCTION = "latentbench_log_densities"  # of stan/embedded/bridgestan/batch.cpp
BLOCK = 512  # points between looks at whether the process was told to stop
WORTH_A_THREAD = 8  # points: a thread takes as long to start as a few
WORTH_A_THREAD_S = 5e-4  # of one call from Python


def log_densities(
    bridge: bridgestan.StanModel, x: Float[np.ndarray, "point dim"], threads: int
) -> Float[np.ndarray, " point"]:
    """Return the log density at each row of x, Jacobian and constants included; NaN where rejected."""
    log_p, x = np.empty(len(x)), np.ascontiguousarray(x, float)

    def one(i: int) -> None:
        try:
            log_p[i] = bridge.log_density(x[i], propto=False)
        except RuntimeError:
            log_p[i] = np.nan

    _evaluate(bridge, x, threads, log_p, None, one)
    return log_p


def log_density_gradients(
    bridge: bridgestan.StanModel, x: Float[np.ndarray, "point dim"], threads: int
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, "point dim"]]:
    """Return the same with the gradient at each row; NaN where the program rejects."""
    log_p, gradient, x = np.empty(len(x)), np.empty(x.shape), np.ascontiguousarray(x, float)

    def one(i: int) -> None:
        try:
            log_p[i], _ = bridge.log_density_gradient(x[i], propto=False, out=gradient[i])
        except RuntimeError:
            log_p[i], gradient[i] = np.nan, np.nan

    _evaluate(bridge, x, threads, log_p, gradient, one)
    return log_p, gradient


def _evaluate(
    bridge: bridgestan.StanModel,
    x: Float[np.ndarray, "point dim"],
    threads: int,
    log_p: Float[np.ndarray, " point"],
    gradient: Float[np.ndarray, "point dim"] | None,
    one: Callable[[int], None],
) -> None:
    """Fill in ``log_p`` and ``gradient``, by the library's own function or by ``one`` after the other."""
    library = getattr(bridge, "stanlib", None)
    if not hasattr(library, FUNCTION):
        _one_by_one(one, len(x), threads)
        return
    if x.shape[1] != bridge.param_unc_num():
        raise ValueError(f"points of {x.shape[1]} coordinates for {bridge.param_unc_num()} parameters")
    function = getattr(library, FUNCTION)
    function.restype = None
    for first in range(0, len(x), BLOCK):
        rows = slice(first, first + BLOCK)
        n = len(x[rows])
        function(
            ctypes.c_void_p(bridge.model),
            ctypes.c_size_t(n),
            ctypes.c_int(min(threads, max(1, n // WORTH_A_THREAD))),
            *(
                ctypes.c_void_p(None if array is None else array[rows].ctypes.data)
                for array in (x, log_p, gradient)
            ),
        )


def _one_by_one(one: Callable[[int], None], n: int, threads: int) -> None:
    if n == 0:
        return
    started = time.perf_counter()
    one(0)
    if threads == 1 or time.perf_counter() - started < WORTH_A_THREAD_S:
        for i in range(1, n):
            one(i)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, range(1, n)))
