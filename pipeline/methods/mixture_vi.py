"""Variational inference with a mixture over Stan's own log density, refined for importance sampling."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from jaxtyping import Float

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, MethodFailed, Task
from pipeline.pareto_k import accepted_pareto_k
from pipeline.scenarios.checks import check_positive
from pipeline.timing import Stopwatch

if TYPE_CHECKING:
    from pipeline.variational.mixture import Mixture

PATHS_EACH = 4  # paths of Pathfinder run for every component; several may end in one place
PROPOSALS_EACH = 4  # proposed for every draw that is kept


@register
@dataclass(frozen=True)
class MixtureVi(Method):
    """A mixture of M Gaussians that maximises the evidence lower bound (Bishop et al. 1998), then refined.

    The bound holds the mixture's exact log density, stratified over components, which begin at Pathfinder's
    paths and, where labels are exchangeable, at their copies under the other labels. How the optimisation
    ends is said in ``pipeline.variational.optimise``. The mixture then becomes one of t distributions that
    serves importance sampling (``pipeline.variational.refine``): as with Pathfinder, the draws handed over
    are resampled by Pareto-smoothed weights, and the density is that of the proposals. Where the weights
    cannot be trusted, draws and density are those of the best bound.

    Attributes:
        components: M.
        rank: full or mean-field covariance of the components.
        draws: from the mixture.
        refine: whether to refine; else draws and density are those of the best bound.
    """

    name: ClassVar[str] = "mixture-vi"
    components: int = 2
    rank: Literal["full", "meanfield"] = "full"
    draws: int = 1000
    refine: bool = True
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        """Refuse numbers without meaning.

        Raises:
            UserError: a number is not positive.
        """
        for key in ("components", "draws", "timeout_s"):
            check_positive(key, getattr(self, key))

    def fit(self, task: Task) -> Fit:
        """Find starts, maximise the bound, refine, draw."""
        import pipeline.variational.refine  # noqa: F401  brings ArviZ, before the clock starts
        from pipeline.variational.optimise import maximise
        from pipeline.variational.starts import ends_of_paths, relabelled, starting_mixture
        from pipeline.variational.target import StanTarget

        is_full_rank = self.rank == "full"
        with Stopwatch() as watch:
            target = StanTarget(task.model, task.cores)
            paths = ends_of_paths(task, max(4, PATHS_EACH * self.components), self.timeout_s)
            start = starting_mixture(
                target, paths, self.components, is_full_rank, task.seed, lambda path: relabelled(task, path)
            )
            found = maximise(target, start, is_full_rank=is_full_rank, seed=task.seed)
            if not found.converged:
                raise MethodFailed(
                    f"the bound still gained {found.gain:.3f} nats with {found.draws} draws a component"
                )
            rng = np.random.default_rng([task.seed, 1])
            approximation, unconstrained, words = self._refined(task, found.mixture, rng)
            flat = task.model.constrain(unconstrained)
        return Fit(
            flat[None],
            [watch.phase("infer")],
            approximation,
            unconstrained=unconstrained[None],
            note=f"ELBO {found.elbo:.3f} (MCSE {found.mcse:.3f}), {found.draws} draws a component, "
            f"{found.evaluations} evaluations{words}",
        )

    def _refined(
        self, task: Task, optimum: "Mixture", rng: np.random.Generator
    ) -> tuple[Approximation, Float[np.ndarray, "draw dim"], str]:
        """Return the density with draws from it, the draws to hand over, and what to say of them."""
        from pipeline.importance import resample, smoothed
        from pipeline.variational.refine import refine

        words = ""
        if self.refine:
            log_p, is_full_rank = task.model.log_density, self.rank == "full"
            refined = refine(log_p, optimum, is_full_rank=is_full_rank, seed=task.seed)
            words = f"; not refined: {refined.reason}"
            if refined.mixture is not None:
                raw = refined.mixture.draw(PROPOSALS_EACH * self.draws, rng)
                log_weight, k_hat = smoothed(log_p(raw) - refined.mixture.log_density(raw))
                words = f"; not refined: k-hat {k_hat:.2f}"
                if k_hat < accepted_pareto_k(len(raw)):
                    words = (
                        f"; refined in {refined.rounds + refined.evened} rounds by {refined.gain:.3f} nats "
                        f"of KL(p || q){', weights evened' if refined.evened else ''}"
                        f"{f', {refined.added} t distributions added' if refined.added else ''}, "
                        f"k-hat {k_hat:.2f}, efficiency {refined.efficiency:.2f}"
                    )
                    chosen = resample(log_weight, self.draws, rng)
                    return Approximation(refined.mixture, raw), raw[chosen], words
        raw = optimum.draw(self.draws, rng)
        return Approximation(optimum, raw), raw, words
