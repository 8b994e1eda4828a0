"""Where variational inference starts: at the Gaussians that Pathfinder's paths end in."""

import numpy as np
from jaxtyping import Float

from pipeline.methods.base import MethodFailed, Task
from pipeline.methods.pathfinder import Pathfinder
from pipeline.stan.gaussian import Gaussian
from pipeline.variational.mixture import Mixture
from pipeline.variational.target import Target

APART = 2.0  # standard deviations between the means of components that count as distinct


def ends_of_paths(task: Task, n_paths: int, timeout_s: float) -> list[Gaussian]:
    """Run Pathfinder and return each path's Gaussian."""
    dim = task.model.dim
    # Enough draws to recover a path's Gaussian, which has 1 + dim + dim (dim + 1) / 2 unknowns.
    draws = max(100, 2 * (1 + dim + dim * (dim + 1) // 2))
    return Pathfinder(n_paths, draws * n_paths, draws, timeout_s).gaussians(task)[0]


def starting_mixture(
    target: Target, paths: list[Gaussian], count: int, is_full_rank: bool, seed: int
) -> Mixture:
    """Return components at the best of the paths that lie apart, weighted by their bounds.

    Where fewer lie apart than are wanted, further ones begin beside the best, half a standard deviation away.
    """
    rng = np.random.default_rng([seed, 2])
    dim = target.dim
    scored: list[tuple[float, Mixture]] = []
    for path in paths:
        covariance = path.covariance()
        chol = np.linalg.cholesky(covariance)
        if not is_full_rank:
            # The mean-field optimum of a Gaussian has its precisions.
            chol = np.diag(np.diag(np.linalg.inv(covariance)) ** -0.5)
        alone = Mixture(np.zeros(1), path.mean[None], chol[None])
        x = alone.draw(64, rng)
        bound = float(np.mean(target(x).log_p - alone.log_density(x)))
        if np.isfinite(bound):
            scored.append((bound, alone))
    if not scored:
        raise MethodFailed("no path of Pathfinder ended where the bound is finite")
    scored.sort(key=lambda pair: -pair[0])
    chosen: list[tuple[float, Mixture]] = []
    for bound, path in scored:
        if len(chosen) < count and all(_distance(path, other) > APART for _, other in chosen):
            chosen.append((bound, path))
    while len(chosen) < count:
        bound, best = chosen[0]
        moved = best.mean + 0.5 * rng.standard_normal(dim) @ best.chol[0].T
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


def _distance(one: Mixture, other: Mixture) -> float:
    """Return how far two means lie apart, in the larger of the two spreads along the line between them."""
    apart: Float[np.ndarray, " dim"] = (one.mean - other.mean)[0]
    whitened = [np.linalg.solve(mixture.chol[0], apart) for mixture in (one, other)]
    return float(min(np.linalg.norm(z) for z in whitened))
