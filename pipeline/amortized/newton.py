"""Newton steps towards each data set's posterior mode, for a whole batch at once.

Matrices are lists of lists of arrays over the data sets: they are at most 5 x 5, and unrolled code over
contiguous arrays is many times faster on a CPU than batches of tiny LAPACK calls.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

MIN_PIVOT = 0.1  # the precision of a standard normal prior is 1
MAX_STEP = 1.0

Matrix = list[list[Array]]
# Parameters and log slopes by coordinates in which the prior is about standard normal, element by element.
Inverse = Callable[[Float[Array, "dataset dim"]], tuple[Float[Array, "dataset dim"], Array]]
# The log joint of parameters, and a function whose Hessian is minus the information of the data.
LogJoint = Callable[[Float[Array, "dataset dim"]], tuple[Float[Array, " dataset"], Float[Array, " dataset"]]]
LogJointNear = Callable[[Float[Array, "dataset dim"]], LogJoint]


class Expansion(NamedTuple):
    """A second-order expansion of the log posterior.

    Attributes:
        point: where it was taken.
        step: the Newton step from there, shortened where it is long.
        factor: upper triangular C, where C C' is the positive precision, less the farther the expansion is
            from the mode: divided by (1 + decrement^2)^(1/2).
        log_decrement: log of that divisor; the decrement is the step's length in standard deviations.
    """

    point: Float[Array, "dataset dim"]
    step: Float[Array, "dataset dim"]
    factor: Float[Array, "dataset dim dim"]
    log_decrement: Float[Array, " dataset"]


def climb(
    log_joint_near: LogJointNear,
    inverse: Inverse,
    start: Float[Array, "dataset dim"],
    n_steps: int,
    bound: float = 4.0,
) -> Expansion:
    """Take Newton steps from `start` and return the expansion at their end.

    Args:
        log_joint_near: takes parameters, a vector for each data set, and returns a function with the log
            joint's gradient and Hessian there.
        inverse: from the coordinates to the parameters.
        start: one point for each data set, in coordinates, as all that follows.
        n_steps: how many steps are taken.
        bound: no point leaves the cube from minus to plus this.
    """
    point = jnp.clip(start, -bound, bound)

    def advance(point: Array, _: None) -> tuple[Array, Expansion]:
        expansion = expand(log_joint_near, inverse, point)
        return jnp.clip(point + expansion.step, -bound, bound), expansion

    # A loop, because an expansion is much code to compile.
    _, expansions = jax.lax.scan(advance, point, None, length=n_steps + 1)
    return jax.tree.map(lambda leaf: leaf[-1], expansions)


def expand(log_joint_near: LogJointNear, inverse: Inverse, point: Float[Array, "dataset dim"]) -> Expansion:
    """Return the expansion at a point.

    Where the curvature is not positive, the information of data and prior replaces it.
    """
    dim = point.shape[1]
    gradient, precision, information = _derivatives(log_joint_near, inverse, point)
    factor, is_positive = _factorise(precision)
    instead, _ = _factorise(information)
    factor = [[jnp.where(is_positive, factor[i][j], instead[i][j]) for j in range(dim)] for i in range(dim)]
    scaled_gradient = _solve(factor, list(gradient))
    step = _solve_transposed(factor, scaled_gradient)
    log_decrement = 0.5 * jnp.log1p(sum(value**2 for value in scaled_gradient))
    longest = jnp.abs(step).max(axis=1, keepdims=True)
    return Expansion(
        point,
        step * jnp.minimum(1, MAX_STEP / jnp.maximum(longest, 1e-6)),
        jnp.stack([jnp.stack(row, axis=-1) for row in factor], axis=1)
        * jnp.exp(-log_decrement)[:, None, None],
        log_decrement,
    )


def _derivatives(
    log_joint_near: LogJointNear, inverse: Inverse, point: Float[Array, "dataset dim"]
) -> tuple[Float[Array, "dim dataset"], Float[Array, "dim dim dataset"], Float[Array, "dim dim dataset"]]:
    """Return the gradient, minus the Hessian, and the information in coordinates, by the chain rule.

    Each coordinate is a function of one parameter, so that its derivatives take one pass for all: to take
    those of the whole at once costs three times as much.
    """
    ones = jnp.ones_like(point)

    def log_slopes(t: Float[Array, "dataset dim"]) -> tuple[Array, Array, Array]:
        (x, log_slope), (_, change) = jax.jvp(inverse, (t,), (ones,))
        return change, x, log_slope

    (bend, x, log_slope), (bend_change, _, _) = jax.jvp(log_slopes, (point,), (ones,))
    slope, bend, bend_change = jnp.exp(log_slope).T, bend.T, bend_change.T
    gradient, hessian, scores = _derivatives_by_parameters(log_joint_near(x), x)
    both = slope[:, None] * slope[None]
    of_prior = jnp.eye(len(slope), dtype=point.dtype)[..., None]
    # The log slope is part of the density; a slope's own change is the slope times the bend.
    curvature = both * hessian + of_prior * (slope * bend * gradient + bend_change)
    return (
        jnp.nan_to_num(slope * gradient + bend, posinf=0, neginf=0),
        -jnp.nan_to_num(curvature, posinf=0, neginf=0),
        of_prior - jnp.nan_to_num(both * scores, posinf=0, neginf=0),
    )


def _derivatives_by_parameters(
    log_joint: LogJoint, x: Float[Array, "dataset dim"]
) -> tuple[Float[Array, "dim dataset"], Float[Array, "dim dim dataset"], Float[Array, "dim dim dataset"]]:
    """Return the gradient and the Hessian of the first value, and the Hessian of the second."""
    one, zero = jnp.ones(len(x), x.dtype), jnp.zeros(len(x), x.dtype)

    def gradients_of(x: Float[Array, "dataset dim"]) -> tuple[Array, Array]:
        _, pull_back = jax.vjp(log_joint, x)
        return pull_back((one, zero))[0].T, pull_back((zero, one))[0].T

    # Data sets do not depend on each other, so one direction serves all of them.
    directions = jnp.broadcast_to(jnp.eye(x.shape[1], dtype=x.dtype)[:, None], (x.shape[1], *x.shape))
    gradients, hessians = jax.vmap(lambda v: jax.jvp(gradients_of, (x,), (v,)), out_axes=(None, 0))(
        directions
    )
    return gradients[0], *hessians


def log_evidence_beyond(expansion: Expansion) -> Float[Array, " dataset"]:
    """Return what Laplace's approximation adds to the log density at the point, less its constant."""
    # The factor was divided by exp(log_decrement); half the squared decrement is what the step gains.
    decrement_squared = jnp.expm1(2 * expansion.log_decrement)
    log_determinant = _log_determinant(expansion) + expansion.point.shape[1] * expansion.log_decrement
    return 0.5 * jnp.minimum(decrement_squared, 4.0) - log_determinant


def _factorise(matrix: Float[Array, "dim dim dataset"]) -> tuple[Matrix, Bool[Array, " dataset"]]:
    """Return the upper triangular C of matrix = C C', pivots lifted to MIN_PIVOT, and where none had to be.

    (A lifted pivot leaves a factor of huge entries: they grow with what was lifted.)
    """
    dim = len(matrix)
    zero = jnp.zeros_like(matrix[0, 0])
    factor = [[zero] * dim for _ in range(dim)]
    is_positive = jnp.ones_like(zero, bool)
    for j in reversed(range(dim)):
        pivot = matrix[j, j] - sum((factor[j][k] ** 2 for k in range(j + 1, dim)), zero)
        is_positive &= pivot > MIN_PIVOT
        factor[j][j] = jnp.sqrt(jnp.maximum(pivot, MIN_PIVOT))
        for i in range(j):
            rest = matrix[i, j] - sum((factor[i][k] * factor[j][k] for k in range(j + 1, dim)), zero)
            factor[i][j] = rest / factor[j][j]
    return factor, is_positive


def _solve(factor: Matrix, right: list[Array]) -> list[Array]:
    """Return C^-1 right."""
    dim = len(factor)
    solution = list(right)
    for i in reversed(range(dim)):
        rest = right[i] - sum(
            (factor[i][k] * solution[k] for k in range(i + 1, dim)), jnp.zeros_like(right[0])
        )
        solution[i] = rest / factor[i][i]
    return solution


def _solve_transposed(factor: Matrix, right: list[Array]) -> Array:
    """Return C'^-1 right, stacked."""
    solution: list[Array] = []
    for i in range(len(factor)):
        rest = right[i] - sum((factor[k][i] * solution[k] for k in range(i)), jnp.zeros_like(right[0]))
        solution.append(rest / factor[i][i])
    return jnp.stack(solution, axis=-1)


def whiten(
    expansion: Expansion, t: Float[Array, "dataset draw dim"]
) -> tuple[Float[Array, "dataset draw dim"], Float[Array, " dataset"]]:
    """Return u = C'(t - mode), standard normal where the posterior is Gaussian, and log |du/dt|.

    Each element of u depends on its own parameter and those before: a head that goes from the first element
    to the last learns each parameter given those before it. With the other triangular root, an element's
    density given those before is that of no parameter, and harder to learn (docs/amortized-experiments.md).
    """
    centred = t - (expansion.point + expansion.step)[:, None]
    u = jnp.einsum("bsi,bij->bsj", centred, expansion.factor)
    return u, _log_determinant(expansion)


def unwhiten(
    expansion: Expansion, u: Float[Array, "dataset draw dim"]
) -> tuple[Float[Array, "dataset draw dim"], Float[Array, "dataset #draw"]]:
    """Return t and log |dt/du|; the expansion's leading axes are the data set and the draw, or one."""
    dim = u.shape[-1]
    factor = [[expansion.factor[..., i, j] for j in range(dim)] for i in range(dim)]
    centred = _solve_transposed(factor, [u[..., i] for i in range(dim)])
    return centred + expansion.point + expansion.step, -_log_determinant(expansion)


def _log_determinant(expansion: Expansion) -> Float[Array, "*batch"]:
    return jnp.log(jnp.diagonal(expansion.factor, axis1=-2, axis2=-1)).sum(-1)
