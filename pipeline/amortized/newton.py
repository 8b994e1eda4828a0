"""Newton steps towards each data set's posterior mode, for a whole batch at once.

Matrices are lists of lists of arrays over the data sets: they are at most 5 x 5, and unrolled code over
contiguous arrays is many times faster on a CPU than batches of tiny LAPACK calls.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

MIN_PIVOT = 0.1  # the precision of a standard normal prior is 1
MAX_STEP = 1.0

Matrix = list[list[Array]]
LogDensity = Callable[[Float[Array, "dataset dim"]], Float[Array, " dataset"]]


class Expansion(NamedTuple):
    """A second-order expansion of the log posterior.

    Attributes:
        point: where it was taken.
        step: the Newton step from there, shortened where it is long.
        factor: lower triangular C, a square root of the positive precision, less the farther the expansion
            is from the mode: divided by (1 + decrement^2)^(1/2).
        log_decrement: log of that divisor; the decrement is the step's length in standard deviations.
    """

    point: Float[Array, "dataset dim"]
    step: Float[Array, "dataset dim"]
    factor: Float[Array, "dataset dim dim"]
    log_decrement: Float[Array, " dataset"]


def climb(
    log_density_near: Callable[[Float[Array, "dataset dim"]], LogDensity],
    start: Float[Array, "dataset dim"],
    n_steps: int,
    bound: float = 4.0,
) -> Expansion:
    """Take Newton steps from `start` and return the expansion at their end.

    Args:
        log_density_near: takes one point for each data set, in coordinates of scale one, and returns a
            function with the log density's gradient and Hessian there.
        start: one point for each data set.
        n_steps: how many steps are taken.
        bound: no point leaves the cube from minus to plus this.
    """
    point = jnp.clip(start, -bound, bound)

    def advance(point: Array, _: None) -> tuple[Array, Expansion]:
        expansion = expand(log_density_near(point), point)
        return jnp.clip(point + expansion.step, -bound, bound), expansion

    # A loop, because an expansion is much code to compile.
    _, expansions = jax.lax.scan(advance, point, None, length=n_steps + 1)
    return jax.tree.map(lambda leaf: leaf[-1], expansions)


def expand(log_density: LogDensity, point: Float[Array, "dataset dim"]) -> Expansion:
    """Return the expansion at a point; pivots of a precision that is not positive are lifted."""
    basis = jnp.broadcast_to(jnp.eye(point.shape[1])[:, None], (point.shape[1], *point.shape))

    def gradient_of(t: Float[Array, "dataset dim"]) -> Float[Array, "dim dataset"]:
        return jax.vmap(lambda v: jax.jvp(log_density, (t,), (v,))[1])(basis)

    # Data sets do not depend on each other, so one direction serves all of them.
    gradient, hessian = jax.vmap(lambda v: jax.jvp(gradient_of, (point,), (v,)), out_axes=(None, 0))(basis)
    gradient = jnp.nan_to_num(gradient, posinf=0, neginf=0)
    hessian = jnp.nan_to_num(hessian, posinf=0, neginf=0)
    dim = point.shape[1]
    factor = _factorise([[-hessian[i, j] for j in range(dim)] for i in range(dim)])
    scaled_gradient = _forward(factor, list(gradient))
    step = _backward(factor, scaled_gradient)
    log_decrement = 0.5 * jnp.log1p(sum(value**2 for value in scaled_gradient))
    longest = jnp.abs(step).max(axis=1, keepdims=True)
    return Expansion(
        point,
        step * jnp.minimum(1, MAX_STEP / jnp.maximum(longest, 1e-6)),
        jnp.stack([jnp.stack(row, axis=-1) for row in factor], axis=1)
        * jnp.exp(-log_decrement)[:, None, None],
        log_decrement,
    )


def log_evidence_beyond(expansion: Expansion) -> Float[Array, " dataset"]:
    """Return what Laplace's approximation adds to the log density at the point, less its constant."""
    # The factor was divided by exp(log_decrement); half the squared decrement is what the step gains.
    decrement_squared = jnp.expm1(2 * expansion.log_decrement)
    log_determinant = _log_determinant(expansion) + expansion.point.shape[1] * expansion.log_decrement
    return 0.5 * jnp.minimum(decrement_squared, 4.0) - log_determinant


def _factorise(matrix: Matrix) -> Matrix:
    """Return the Cholesky factor, or that of a diagonal matrix where the matrix is not clearly positive.

    (Lifting single pivots instead would leave a factor of huge entries: they grow with what was lifted.)
    """
    dim = len(matrix)
    zero = jnp.zeros_like(matrix[0][0])
    factor = [[zero] * dim for _ in range(dim)]
    is_positive = jnp.ones_like(zero, bool)
    for j in range(dim):
        pivot = matrix[j][j] - sum((factor[j][k] ** 2 for k in range(j)), zero)
        is_positive &= pivot > MIN_PIVOT
        factor[j][j] = jnp.sqrt(jnp.maximum(pivot, MIN_PIVOT))
        for i in range(j + 1, dim):
            rest = matrix[i][j] - sum((factor[i][k] * factor[j][k] for k in range(j)), zero)
            factor[i][j] = rest / factor[j][j]
    for i in range(dim):
        for j in range(i + 1):
            instead = jnp.sqrt(jnp.maximum(jnp.abs(matrix[i][i]), 1)) if i == j else zero
            factor[i][j] = jnp.where(is_positive, factor[i][j], instead)
    return factor


def _forward(factor: Matrix, right: list[Array]) -> list[Array]:
    """Return C^-1 right."""
    forward: list[Array] = []
    for i in range(len(factor)):
        rest = right[i] - sum((factor[i][k] * forward[k] for k in range(i)), jnp.zeros_like(right[0]))
        forward.append(rest / factor[i][i])
    return forward


def _backward(factor: Matrix, u: list[Array]) -> Array:
    """Return C'^-1 u, stacked."""
    dim = len(factor)
    solution = [jnp.zeros_like(u[0])] * dim
    for i in reversed(range(dim)):
        rest = u[i] - sum((factor[k][i] * solution[k] for k in range(i + 1, dim)), jnp.zeros_like(u[0]))
        solution[i] = rest / factor[i][i]
    return jnp.stack(solution, axis=-1)


def whiten(
    expansion: Expansion, t: Float[Array, "dataset draw dim"]
) -> tuple[Float[Array, "dataset draw dim"], Float[Array, " dataset"]]:
    """Return u = C'(t - mode), standard normal where the posterior is Gaussian, and log |du/dt|."""
    centred = t - (expansion.point + expansion.step)[:, None]
    u = jnp.einsum("bsi,bij->bsj", centred, expansion.factor)
    return u, _log_determinant(expansion)


def unwhiten(
    expansion: Expansion, u: Float[Array, "dataset draw dim"]
) -> tuple[Float[Array, "dataset draw dim"], Float[Array, " dataset"]]:
    """Return t and log |dt/du|."""
    dim = u.shape[-1]
    factor = [[expansion.factor[:, i, j, None] for j in range(dim)] for i in range(dim)]
    centred = _backward(factor, [u[..., i] for i in range(dim)])
    return centred + (expansion.point + expansion.step)[:, None], -_log_determinant(expansion)


def _log_determinant(expansion: Expansion) -> Float[Array, " dataset"]:
    return jnp.log(jnp.diagonal(expansion.factor, axis1=1, axis2=2)).sum(-1)
