"""Maximising many small smooth functions of one form at once, by BFGS.

A line search under ``vmap`` makes every problem wait for the slowest one at each step. Here each evaluation
of each problem is a step of its own search: it is accepted where it rises enough (Armijo), else the step is
shortened. Problems occupy a fixed number of lanes, one compiled shape; a lane that has finished takes the
next problem.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

TOLERANCE = 1e-4  # of every entry of the gradient at a maximum
MAX_EVALUATIONS = 1000  # of one problem
LANES = 64
_BLOCK = 20  # evaluations between looks at which lanes have finished
_RISE = 1e-4  # Armijo's share of the slope
_SHORTEN, _LENGTHEN = 0.3, 2.0
_SMALLEST_STEP = 1e-9
_FURTHEST = 1.0  # move of any entry at once: a logit that is thrown far out finds no slope back

Function = Callable[[Float[Array, " dim"], Any], Float[Array, ""]]


class Maxima(NamedTuple):
    """Where the searches ended, one row a problem.

    Attributes:
        x: the points.
        value: of the function there.
        converged: whether every entry of the gradient is below the tolerance.
        evaluations: of the function.
    """

    x: Float[np.ndarray, "problem dim"]
    value: Float[np.ndarray, " problem"]
    converged: Bool[np.ndarray, " problem"]
    evaluations: Int[np.ndarray, " problem"]


class _Search(NamedTuple):
    """One search; ``inverse`` approximates the inverse of minus the Hessian."""

    x: Float[Any, " dim"]
    value: Float[Any, ""]
    gradient: Float[Any, " dim"]
    inverse: Float[Any, "dim dim"]
    step: Float[Any, ""]
    is_first: Bool[Any, ""]
    evaluations: Int[Any, ""]


def maximise_all(function: Function, starts: Float[np.ndarray, "problem dim"], data: Any) -> Maxima:
    """Maximise ``function(x, data_i)`` for every problem i from its start.

    Args:
        function: smooth, of a vector and a problem's data; the same object at each call compiles once.
        starts: where the searches begin; the function is finite there.
        data: a tree of arrays with a leading axis over problems.
    """
    n, dim = starts.shape
    found = Maxima(np.array(starts), np.empty(n), np.zeros(n, bool), np.zeros(n, int))
    waiting = list(range(n - 1, min(n, LANES) - 1, -1))
    lane_of = np.arange(LANES) % n  # which problem a lane works on; spare lanes repeat one
    busy, fresh = np.arange(LANES) < n, np.ones(LANES, bool)
    search, own = _blank(dim), None
    while busy.any():
        if fresh.any():
            own = jax.tree.map(lambda leaf: np.asarray(leaf)[lane_of], data)
            search = _renew(function, search, fresh, starts[lane_of], own)
        search = _advance(function, search, own)
        # NumPy from here on: JAX would compile anew for every number of lanes that end together.
        x, value, gradient, evaluations = map(
            np.asarray, (search.x, search.value, search.gradient, search.evaluations)
        )
        converged = np.abs(gradient).max(1) < TOLERANCE
        done = busy & (converged | (evaluations >= MAX_EVALUATIONS))
        ended = lane_of[done]
        found.x[ended], found.value[ended] = x[done], value[done]
        found.converged[ended], found.evaluations[ended] = converged[done], evaluations[done]
        fresh = np.zeros(LANES, bool)
        for lane in np.flatnonzero(done):
            if waiting:
                lane_of[lane], fresh[lane] = waiting.pop(), True
            else:
                busy[lane] = False
    return found


def _blank(dim: int) -> _Search:
    """Return lanes that no search has begun in."""
    vector, number = np.zeros((LANES, dim)), np.zeros(LANES)
    flags, counts = np.zeros(LANES, bool), np.zeros(LANES, int)
    return _Search(vector, number, vector, np.zeros((LANES, dim, dim)), number, flags, counts)


def _start(function: Function, x: Float[Array, " dim"], own: Any) -> _Search:
    value, gradient = jax.value_and_grad(function)(x, own)
    return _Search(x, value, gradient, jnp.eye(len(x)), jnp.ones(()), jnp.array(True), jnp.array(1))


@partial(jax.jit, static_argnums=0)
def _renew(
    function: Function, search: _Search, fresh: Bool[Array, " lane"], x: Float[Array, "lane dim"], own: Any
) -> _Search:
    """Begin at x in the fresh lanes."""
    begun = jax.vmap(partial(_start, function))(x, own)
    return jax.vmap(lambda new, a, b: jax.tree.map(partial(jnp.where, new), a, b))(fresh, begun, search)


@partial(jax.jit, static_argnums=0)
def _advance(function: Function, search: _Search, own: Any) -> _Search:
    """Evaluate each lane's function a block of times."""
    one = jax.vmap(partial(_evaluate, function))
    return jax.lax.fori_loop(0, _BLOCK, lambda _, now: one(now, own), search)


def _evaluate(function: Function, now: _Search, own: Any) -> _Search:
    """Try one step; stay where the maximum has been reached."""
    direction = now.inverse @ now.gradient
    slope = direction @ now.gradient
    length = jnp.minimum(now.step, _FURTHEST / jnp.abs(direction).max())
    x = now.x + length * direction
    value, gradient = jax.value_and_grad(function)(x, own)
    is_finite = jnp.isfinite(value) & jnp.isfinite(gradient).all()
    rises = is_finite & (value >= now.value + _RISE * length * slope)
    moved, fell = x - now.x, now.gradient - gradient
    curvature = moved @ fell
    is_concave = curvature > 1e-10 * jnp.linalg.norm(moved) * jnp.linalg.norm(fell)

    # Nocedal and Wright (2006), equation 6.17 multiplied out, and 6.20 before the first update.
    inverse = now.inverse * jnp.where(now.is_first, curvature / (fell @ fell), 1.0)
    pushed = inverse @ fell
    cross = jnp.outer(pushed, moved) / curvature
    updated = inverse - cross - cross.T
    updated += (1 + fell @ pushed / curvature) * jnp.outer(moved, moved) / curvature
    use = rises & is_concave
    inverse = jnp.where(use, updated, now.inverse)
    # Where the function is convex along an accepted step, the next one goes further.
    step = jnp.where(use, 1.0, length * jnp.where(rises, _LENGTHEN, _SHORTEN))
    # A direction along which nothing rises is given up for the gradient.
    lost = step < _SMALLEST_STEP
    after = _Search(
        jnp.where(rises, x, now.x),
        jnp.where(rises, value, now.value),
        jnp.where(rises, gradient, now.gradient),
        jnp.where(lost, jnp.eye(len(x)), inverse),
        jnp.where(lost, 1.0, step),
        jnp.where(lost, True, now.is_first & ~use),
        now.evaluations + 1,
    )
    stays = jnp.abs(now.gradient).max() < TOLERANCE
    return jax.tree.map(partial(jnp.where, stays), now, after)
