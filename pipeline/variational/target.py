"""A Stan program's log density and gradient at many points at once."""

from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from pipeline.stan.batched import log_density_gradients
from pipeline.stan.model import BoundModel


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

    Rows are shared among threads; the result does not depend on their number.
    """

    def __init__(self, model: BoundModel, threads: int):
        self.dim = model.dim
        self._bridge, self._threads = model.bridge, threads

    def __call__(self, x: Float[np.ndarray, "point dim"]) -> Evaluation:
        """Evaluate the log density and its gradient at each row of x."""
        log_p, gradient = log_density_gradients(self._bridge, x, self._threads)
        rejected = ~(np.isfinite(log_p) & np.isfinite(gradient).all(axis=1))
        log_p[rejected], gradient[rejected] = -np.inf, 0.0
        return Evaluation(log_p, gradient)
