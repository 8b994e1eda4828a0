"""Variational inference with a neural spline flow over Stan's own log density."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, MethodFailed, Task
from pipeline.scenarios.checks import check_positive
from pipeline.timing import Stopwatch


@register
@dataclass(frozen=True)
class FlowVi(Method):
    """A normalizing flow that maximises the evidence lower bound (Rezende and Mohamed 2015).

    It begins at the best Gaussian among Pathfinder's paths; the flow stands in ``pipeline.variational.flow``,
    how the optimisation ends in ``pipeline.variational.flow_ascent``.

    Attributes:
        paths: of Pathfinder.
        draws: from the flow.
    """

    name: ClassVar[str] = "flow-vi"
    paths: int = 4
    draws: int = 1000
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        """Refuse numbers without meaning.

        Raises:
            UserError: a number is not positive.
        """
        for key in ("paths", "draws", "timeout_s"):
            check_positive(key, getattr(self, key))

    def fit(self, task: Task) -> Fit:
        """Compile, find a start, maximise the bound, draw."""
        from pipeline.compilation import keep_compiled, saved_compilation

        keep_compiled()
        from pipeline.variational.flow import Flow, program
        from pipeline.variational.flow_ascent import climb, compile_for
        from pipeline.variational.starts import ends_of_paths, starting_mixture
        from pipeline.variational.target import StanTarget

        if task.model.dim < 2:
            raise MethodFailed("a flow of coupling layers needs two parameters at least")
        with saved_compilation() as saved, Stopwatch() as compiling:
            compile_for(task.model.dim)
        with Stopwatch() as watch:
            target = StanTarget(task.model, task.cores)
            ends = ends_of_paths(task, self.paths, self.timeout_s)
            gaussian = starting_mixture(target, ends, count=1, is_full_rank=True, seed=task.seed)
            numbers = program(target.dim).initial(task.seed)
            start = Flow(numbers, gaussian.mean[0], gaussian.chol[0])
            found = climb(target, start, task.seed, self.timeout_s)
            if not (np.isfinite(found.elbo) and np.isfinite(found.gain)):
                raise MethodFailed(
                    "the flow reaches where the Stan program rejects, so that its bound is infinite"
                )
            if not found.converged:
                raise MethodFailed(f"the bound still gained {found.gain:.3f} nats after {found.steps} steps")
            unconstrained = found.flow.draw(self.draws, np.random.default_rng([task.seed, 1]))
            flat = task.model.constrain(unconstrained)
        return Fit(
            flat[None],
            [saved.charged(compiling.phase("build")), watch.phase("infer")],
            Approximation(found.flow, unconstrained),
            unconstrained=unconstrained[None],
            note=f"ELBO {found.elbo:.3f} (MCSE {found.mcse:.3f}), {found.steps} steps",
        )
