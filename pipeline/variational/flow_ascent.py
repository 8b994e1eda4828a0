"""Climbing the evidence lower bound of a flow until a round at the lowest rate gains nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from pipeline.variational.flow import Flow, program
from pipeline.variational.target import Evaluation, Target

DRAWS = 32  # behind one gradient
CHECK_DRAWS = 250  # to read the bound off: each costs a gradient's worth of the target
ROUND = 50  # steps between two readings of the bound
RATES = (0.005, 0.002)  # of Adam, one after the other
TOLERANCE = 0.01  # nats of the bound that a round must gain to be followed by another at the same rate
MAX_ROUNDS = 40


@dataclass(frozen=True)
class Climbed:
    """What the optimisation ended with.

    Attributes:
        flow: the approximation.
        elbo: its evidence lower bound in nats, on draws that the optimisation did not see; minus infinity
            where the target rejects one of them.
        mcse: the bound's Monte Carlo standard error.
        gain: of the bound in the last round.
        gain_mcse: its Monte Carlo standard error, on common draws.
        steps: of the optimisation.
        converged: whether a round at the lowest rate gained less than the tolerance or twice its error, with
            no rejected point before it or after it.
    """

    flow: Flow
    elbo: float
    mcse: float
    gain: float
    gain_mcse: float
    steps: int
    converged: bool


def compile_for(dim: int) -> None:
    """Compile all that a fit calls, so that no fit is charged for it."""
    flow = Flow(program(dim).initial(1), np.zeros(dim), np.eye(dim))
    flow.log_density(flow.draw(1, np.random.default_rng(1)))
    _Climb(flow, 1).step(lambda x: Evaluation(np.zeros(len(x)), np.zeros_like(x)), RATES[0])


def climb(target: Target, start: Flow, seed: int, timeout_s: float) -> Climbed:
    """Fit a flow.

    Args:
        target: log density and gradient.
        start: the flow to begin with.
        seed: of the draws.
        timeout_s: limit on the wall time.

    Raises:
        TimeoutError: the limit is reached.
    """
    deadline = time.perf_counter() + timeout_s
    check = np.random.default_rng([seed, 1]).standard_normal((CHECK_DRAWS, target.dim))
    state = _Climb(start, seed)
    best, read = start, _read(target, start, check)
    level, gain, gain_mcse, rounds = 0, np.inf, np.nan, 0
    while level < len(RATES) and rounds < MAX_ROUNDS:
        for _ in range(ROUND):
            state.step(target, RATES[level])
        if time.perf_counter() > deadline:
            raise TimeoutError(f"no end after {timeout_s:g} s")
        rounds += 1
        found = _read(target, state.averaged(), check)
        with np.errstate(invalid="ignore"):  # a point that the target rejects makes the bound minus infinity
            gain, gain_mcse = _mean_and_error(found - read)
        if gain > 0:
            best, read = state.averaged(), found
        if not gain > max(TOLERANCE, 2 * gain_mcse):
            level += 1
    with np.errstate(invalid="ignore"):
        elbo, mcse = _mean_and_error(read)
    converged = level == len(RATES) and bool(np.isfinite(elbo) and np.isfinite(gain))
    return Climbed(best, elbo, mcse, gain, gain_mcse, rounds * ROUND, converged)


class _Climb:
    """A flow under optimisation."""

    def __init__(self, start: Flow, seed: int):
        self._start = start
        self._program = program(len(start.mean))
        self._numbers = self._average = start.numbers
        self._moments = self._program.optimiser(start.numbers)
        self._rng = np.random.default_rng([seed, 2])

    def step(self, target: Callable[[np.ndarray], Evaluation], rate: float) -> None:
        """Take one step on fresh draws."""
        chol = self._start.chol
        noise = self._rng.standard_normal((DRAWS, len(chol)))
        z = np.asarray(self._program.push(self._numbers, noise), float)
        found = target(self._start.mean + z @ chol.T)
        pull = np.where(np.isfinite(found.log_p)[:, None], found.gradient @ chol, np.nan)
        self._numbers, self._average, self._moments = self._program.step(
            self._numbers, self._average, self._moments, noise, pull, jnp.asarray(rate)
        )

    def averaged(self) -> Flow:
        """Return the average over the last iterates."""
        return Flow(self._average, self._start.mean, self._start.chol)


def _read(target: Target, flow: Flow, noise: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
    """Return log p - log q at the flow's points of fixed noise: their mean is the bound."""
    x = flow.push_all(noise)
    return target(x).log_p - flow.log_density(x)


def _mean_and_error(values: Float[np.ndarray, " draw"]) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
