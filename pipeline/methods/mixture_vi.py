"""Variational inference with a mixture over Stan's own log density, refined for importance sampling."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from jaxtyping import Float

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, MethodFailed, Task
from pipeline.pareto_k import accepted_pareto_k
from pipeline.scenarios.checks import check_positive
from pipeline.timing import Stopwatch

if TYPE_CHECKING:
    from pipeline.variational.optimise import Optimum

PATHS_EACH = 4  # paths of Pathfinder run for every component; several may end in one place
PROPOSALS_EACH = 4  # proposed for every draw that is kept
SURE_K_HAT = 0.5  # below it the weights have a variance, and no better start is looked for


@register
@dataclass(frozen=True)
class MixtureVi(Method):
    """A mixture of M Gaussians that maximises the evidence lower bound (Bishop et al. 1998), then refined.

    The bound holds the mixture's exact log density, stratified over components, which begin at Pathfinder's
    paths and, where labels are exchangeable, at their copies under the other labels. How the optimisation
    ends is said in ``pipeline.variational.optimise``. Its first level already gives a mixture that becomes
    one of t distributions for importance sampling (``pipeline.variational.refine``), as good as what the best
    bound gives (docs/variational.md): as with Pathfinder, the draws handed over are resampled by
    Pareto-smoothed weights, and the density is that of the proposals. Where the weights need not have a
    variance the bound is maximised to its end and refined again, and the lower k-hat counts; if neither can
    be trusted, draws and density are those of the best bound, which must have converged.

    Attributes:
        components: M.
        rank: full or mean-field covariance of the components.
        draws: from the mixture.
        refine: whether to refine; else draws and density are those of the best bound at once.
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
            climb = partial(maximise, target, start, is_full_rank=is_full_rank, seed=task.seed)
            drawn = self._drawn(task, climb)
            flat = task.model.constrain(drawn.draws)
        return Fit(
            flat[None],
            [watch.phase("infer")],
            drawn.approximation,
            unconstrained=drawn.draws[None],
            note=drawn.words,
        )

    def _drawn(self, task: Task, climb: Callable[..., "Optimum"]) -> "_Drawn":
        """Climb as far as is needed, and draw.

        Raises:
            MethodFailed: there is nothing to trust.
        """
        from pipeline.variational.optimise import DRAWS

        rng = np.random.default_rng([task.seed, 1])
        if not self.refine:
            return self._of_bound(climb(), rng)
        early = self._refined(task, climb(levels=DRAWS[:1]), rng)
        if isinstance(early, _Drawn) and early.k_hat < SURE_K_HAT:
            return early
        found = climb()
        late = self._refined(task, found, rng)
        trusted = [drawn for drawn in (late, early) if isinstance(drawn, _Drawn)]
        if trusted:
            return min(trusted, key=lambda drawn: drawn.k_hat)
        return self._of_bound(found, rng, f"; not refined: {late}")

    def _of_bound(self, found: "Optimum", rng: np.random.Generator, words: str = "") -> "_Drawn":
        """Draw from the mixture with the best bound; ``words`` say why it is not refined.

        Raises:
            MethodFailed: the bound has not converged.
        """
        level = f"{found.draws} draws a component"
        if not found.converged:
            raise MethodFailed(f"the bound still gained {found.gain:.3f} nats with {level}{words}")
        raw = found.mixture.draw(self.draws, rng)
        return _Drawn(f"{_bound(found)}, {level}{words}", math.nan, raw, Approximation(found.mixture, raw))

    def _refined(self, task: Task, start: "Optimum", rng: np.random.Generator) -> "_Drawn | str":
        """Refine a mixture and resample its draws; or say why their weights cannot be trusted."""
        from pipeline.importance import resample, smoothed
        from pipeline.variational.refine import refine

        log_p = partial(task.model.log_density, threads=task.cores)
        refined = refine(log_p, start.mixture, is_full_rank=self.rank == "full", seed=task.seed)
        if refined.mixture is None:
            return refined.reason
        raw = refined.mixture.draw(PROPOSALS_EACH * self.draws, rng)
        log_ratio = log_p(raw) - refined.mixture.log_density(raw)
        log_weight, k_hat = smoothed(log_ratio)
        if not k_hat < accepted_pareto_k(len(raw)):
            return f"k-hat {k_hat:.2f}"
        ratio = np.exp(log_ratio - log_ratio.max())
        log_evidence = np.log(ratio.mean()) + log_ratio.max()
        mcse = ratio.std() / ratio.mean() / len(raw) ** 0.5
        words = (
            f"log evidence {log_evidence:.3f} (MCSE {mcse:.3f}); from {_bound(start)} "
            f"refined in {refined.rounds + refined.evened} rounds by {refined.gain:.3f} nats "
            f"of KL(p || q){', weights evened' if refined.evened else ''}"
            f"{f', {refined.added} t distributions added' if refined.added else ''}, "
            f"k-hat {k_hat:.2f}, efficiency {refined.efficiency:.2f}"
        )
        chosen = resample(log_weight, self.draws, rng)
        return _Drawn(words, k_hat, raw[chosen], Approximation(refined.mixture, raw))


@dataclass(frozen=True)
class _Drawn:
    """What is handed over, and what to say of it.

    Attributes:
        words: of what it is.
        k_hat: of the weights behind the draws; NaN where they have none.
        draws, approximation: to hand over.
    """

    words: str
    k_hat: float
    draws: Float[np.ndarray, "draw dim"]
    approximation: Approximation


def _bound(found: "Optimum") -> str:
    return f"ELBO {found.elbo:.3f} (MCSE {found.mcse:.3f}, {found.evaluations} evaluations)"
