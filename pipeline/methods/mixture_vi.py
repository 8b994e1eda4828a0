"""Variational inference with a mixture of Gaussians over Stan's own log density."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from jaxtyping import Float

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, MethodFailed, Task
from pipeline.methods.pathfinder import Pathfinder
from pipeline.scenarios.checks import check_positive
from pipeline.stan.gaussian import Gaussian
from pipeline.timing import Stopwatch

if TYPE_CHECKING:
    from pipeline.variational.mixture import Mixture
    from pipeline.variational.target import Target

PATHS_EACH = 4  # paths of Pathfinder run for every component; several may end in one place
APART = 2.0  # standard deviations between the means of components that count as distinct


@register
@dataclass(frozen=True)
class MixtureVi(Method):
    """A mixture of M Gaussians that maximises the evidence lower bound (Bishop et al. 1998).

    The bound holds the mixture's exact log density, stratified over components, which begin at Pathfinder's
    paths. How the optimisation ends is said in ``pipeline.variational.optimise``.

    Attributes:
        components: M.
        rank: full or mean-field covariance of the components.
        draws: from the mixture.
    """

    name: ClassVar[str] = "mixture-vi"
    components: int = 2
    rank: Literal["full", "meanfield"] = "full"
    draws: int = 1000
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        """Refuse numbers without meaning.

        Raises:
            UserError: a number is not positive.
        """
        for key in ("components", "draws", "timeout_s"):
            check_positive(key, getattr(self, key))

    def fit(self, task: Task) -> Fit:
        """Find starts, maximise the bound, draw."""
        from pipeline.variational.optimise import maximise
        from pipeline.variational.target import StanTarget

        with Stopwatch() as watch:
            target = StanTarget(task.model, task.cores)
            n_paths = max(4, PATHS_EACH * self.components)
            # Enough draws to recover a path's Gaussian, which has 1 + dim + dim (dim + 1) / 2 unknowns.
            draws = max(100, 2 * (1 + target.dim + target.dim * (target.dim + 1) // 2))
            pathfinder = Pathfinder(n_paths, draws * n_paths, draws, self.timeout_s)
            paths, _ = pathfinder.gaussians(task)
            start = starting_mixture(target, paths, self.components, self.rank == "full", task.seed)
            found = maximise(target, start, is_full_rank=self.rank == "full", seed=task.seed)
            unconstrained = found.mixture.draw(self.draws, np.random.default_rng([task.seed, 1]))
        if not found.converged:
            raise MethodFailed(
                f"the bound still gained {found.gain:.3f} nats with {found.draws} draws a component"
            )
        return Fit(
            task.model.constrain(unconstrained)[None],
            [watch.phase("infer")],
            Approximation(found.mixture, unconstrained),
            unconstrained=unconstrained[None],
            note=f"ELBO {found.elbo:.3f} (MCSE {found.mcse:.3f}), {found.draws} draws a component, "
            f"{found.evaluations} evaluations",
        )


def starting_mixture(
    target: "Target", paths: list[Gaussian], count: int, is_full_rank: bool, seed: int
) -> "Mixture":
    """Return components at the best of the paths that lie apart, weighted by their bounds.

    Where fewer lie apart than are wanted, further ones begin beside the best, half a standard deviation away.
    """
    from pipeline.variational.mixture import Mixture

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


def _distance(one: "Mixture", other: "Mixture") -> float:
    """Return how far two means lie apart, in the larger of the two spreads along the line between them."""
    apart: Float[np.ndarray, " dim"] = (one.mean - other.mean)[0]
    whitened = [np.linalg.solve(mixture.chol[0], apart) for mixture in (one, other)]
    return float(min(np.linalg.norm(z) for z in whitened))
