"""Where variational inference starts: at the Gaussians that Pathfinder's paths end in."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pipeline.exchangeable import MAX_COPIES, Copies
from pipeline.methods.base import MethodFailed, Task
from pipeline.methods.pathfinder import Pathfinder
from pipeline.stan.gaussian import Gaussian
from pipeline.variational.mixture import Mixture
from pipeline.variational.target import Target

APART = 2.0  # standard deviations between the means of components that count as distinct
STEP = 1e-3  # standard deviations to both sides, for derivatives of a permutation of labels


def ends_of_paths(task: Task, n_paths: int, timeout_s: float) -> list[Gaussian]:
    """Run Pathfinder and return each path's Gaussian."""
    dim = task.model.dim
    # Enough draws to recover a path's Gaussian, which has 1 + dim + dim (dim + 1) / 2 unknowns.
    draws = max(100, 2 * (1 + dim + dim * (dim + 1) // 2))
    return Pathfinder(n_paths, draws * n_paths, draws, timeout_s).gaussians(task)[0]


def relabelled(task: Task, path: Gaussian) -> list[Gaussian]:
    """Return a Gaussian's copies under the other labellings, to first order; none where labels are known.

    By symmetry they are as good. Which copy a path ends in is chance, and many paths miss some. A copy beside
    which the parameters overflow, as at the end of a path that ran away, is left out.
    """
    copies = Copies(task)
    if len(copies) > MAX_COPIES:
        return []
    dim = len(path.mean)
    steps = STEP * np.linalg.cholesky(path.covariance()).T
    everywhere = copies.of(np.concatenate([path.mean[None], path.mean + steps, path.mean - steps]))
    found = []
    for centre, *around in everywhere[1:]:
        factor = (np.stack(around[:dim]) - np.stack(around[dim:])) / (2 * STEP)
        precision = factor.T @ factor
        if np.isfinite(precision).all() and np.linalg.cond(precision) < 1 / np.finfo(float).eps:
            found.append(Gaussian(centre, np.linalg.cholesky(np.linalg.inv(precision))))
    return found


def starting_mixture(
    target: Target,
    paths: list[Gaussian],
    count: int,
    is_full_rank: bool,
    seed: int,
    copies: Callable[[Gaussian], list[Gaussian]] = lambda path: [],
) -> Mixture:
    """Return components at the best of the paths that lie apart, weighted by their bounds.

    Where fewer lie apart than are wanted, further ones begin beside the best, half a standard deviation away.

    Args:
        target: log density and gradient.
        paths: where paths ended.
        count: number of components.
        is_full_rank: whether they have full covariance matrices.
        seed: of the draws that the bounds are read off.
        copies: other places that are as good as one.
    """
    rng = np.random.default_rng([seed, 2])
    scored: list[tuple[float, Gaussian]] = []
    for path in paths:
        alone = _single(path, is_full_rank)
        x = alone.draw(64, rng)
        bound = float(np.mean(target(x).log_p - alone.log_density(x)))
        if np.isfinite(bound):
            scored.append((bound, path))
    if not scored:
        raise MethodFailed("no path of Pathfinder ended where the bound is finite")
    scored.sort(key=lambda pair: -pair[0])
    chosen: list[tuple[float, Mixture]] = []
    for bound, path in scored:
        if len(chosen) == count:
            break
        for place in (path, *copies(path)):
            one = _single(place, is_full_rank)
            if len(chosen) < count and all(_distance(one, other) > APART for _, other in chosen):
                chosen.append((bound, one))
    while len(chosen) < count:
        bound, best = chosen[0]
        moved = best.mean + 0.5 * rng.standard_normal(target.dim) @ best.chol[0].T
        chosen.append((bound, Mixture(best.log_weight, moved, best.chol)))
    bounds = np.array([bound for bound, _ in chosen])
    # No component begins so light that its gradient vanishes.
    log_weight = np.maximum(bounds - bounds.max(), -4.0)
    log_weight -= np.logaddexp.reduce(log_weight)
    return Mixture(
        log_weight,
        np.concatenate([mixture.mean for _, mixture in chosen]),
        np.concatenate([mixture.chol for _, mixture in chosen]),
    )


def _single(path: Gaussian, is_full_rank: bool) -> Mixture:
    covariance = path.covariance()
    # The mean-field optimum of a Gaussian has its precisions.
    chol = (
        np.linalg.cholesky(covariance)
        if is_full_rank
        else np.diag(np.diag(np.linalg.inv(covariance)) ** -0.5)
    )
    return Mixture(np.zeros(1), path.mean[None], chol[None])


def _distance(one: Mixture, other: Mixture) -> float:
    """Return how far two means lie apart, in the larger of the two spreads along the line between them."""
    apart: Float[np.ndarray, " dim"] = (one.mean - other.mean)[0]
    whitened = [np.linalg.solve(mixture.chol[0], apart) for mixture in (one, other)]
    return float(min(np.linalg.norm(z) for z in whitened))
