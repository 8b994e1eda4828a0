"""Variational inference with a mixture of Gaussians over Stan's own log density."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, MethodFailed, Task
from pipeline.scenarios.checks import check_positive
from pipeline.timing import Stopwatch

PATHS_EACH = 4  # paths of Pathfinder run for every component; several may end in one place


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
        from pipeline.variational.starts import ends_of_paths, starting_mixture
        from pipeline.variational.target import StanTarget

        with Stopwatch() as watch:
            target = StanTarget(task.model, task.cores)
            paths = ends_of_paths(task, max(4, PATHS_EACH * self.components), self.timeout_s)
            start = starting_mixture(target, paths, self.components, self.rank == "full", task.seed)
            found = maximise(target, start, is_full_rank=self.rank == "full", seed=task.seed)
            unconstrained = found.mixture.draw(self.draws, np.random.default_rng([task.seed, 1]))
            flat = task.model.constrain(unconstrained)
        if not found.converged:
            raise MethodFailed(
                f"the bound still gained {found.gain:.3f} nats with {found.draws} draws a component"
            )
        return Fit(
            flat[None],
            [watch.phase("infer")],
            Approximation(found.mixture, unconstrained),
            unconstrained=unconstrained[None],
            note=f"ELBO {found.elbo:.3f} (MCSE {found.mcse:.3f}), {found.draws} draws a component, "
            f"{found.evaluations} evaluations",
        )
