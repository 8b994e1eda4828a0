"""The amortized posterior corrected by importance weights, and by Stan where these are not to be trusted."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pipeline.compilation import saved_compilation
from pipeline.errors import UserError
from pipeline.methods import register
from pipeline.methods.amortized import AmortizedMethod
from pipeline.methods.base import Fit, Method, Task
from pipeline.methods.nuts import Nuts
from pipeline.scenarios.base import Scenario
from pipeline.stan.build import Built
from pipeline.timing import PhaseTime, Stopwatch

if TYPE_CHECKING:
    from pipeline.amortized.posteriors import Posterior


@register
@dataclass(frozen=True)
class AmortizedFlowPsis(AmortizedMethod):
    """The draws of ``amortized-flow`` with Pareto-smoothed importance weights, resampled.

    Where k-hat says that so many draws cannot carry the correction, NUTS runs instead, started from
    resampled draws. The log target comes from JAX where the scenario has it there, in one call with the
    draws, which the tests hold to BridgeStan's; else from BridgeStan.

    Attributes:
        proposals: draws from the network for each data set.
        draws: kept of them.
    """

    name: ClassVar[str] = "amortized-flow-psis"
    network_of: ClassVar[str] = "amortized-flow"
    proposals: int = 2000
    draws: int = 1000

    def __post_init__(self) -> None:
        """Refuse to keep more draws than are proposed.

        Raises:
            UserError: it would.
        """
        if not 0 < self.draws <= self.proposals:
            raise UserError(f"draws: found {self.draws}; it must be 1 to {self.proposals} (proposals).")

    def train(self, scenario: Scenario, seed: int, checkpoint: Path, built: Built | None) -> list[PhaseTime]:
        """Refuse: the network is ``amortized-flow``'s."""
        raise RuntimeError(f"{self.name} uses the network of {self.network_of}")

    def load(self, scenario: Scenario, checkpoint: Path) -> tuple[Method, list[PhaseTime]]:
        """Load the network and compile what a fit calls."""
        from pipeline.amortized.posteriors import load_posterior

        with saved_compilation() as saved, Stopwatch() as watch:
            posterior = load_posterior(scenario, self.head, checkpoint)
            posterior.compile(self.draws, self.proposals)
        return _Ready(self.proposals, self.draws, posterior), [saved.charged(watch.phase("build"))]


@dataclass(frozen=True)
class _Started(Task):
    """A task whose chains start where the caller says."""

    points: tuple[dict[str, Any], ...] = ()

    def starts(self, count: int) -> list[dict[str, Any]]:
        """Return the first of the points."""
        return list(self.points[:count])


@dataclass(frozen=True)
class _Ready(Method):
    """A loaded network."""

    name: ClassVar[str] = "amortized-psis"
    proposals: int
    draws: int
    posterior: "Posterior"

    def fit(self, task: Task) -> Fit:
        """Draw, weight, resample; or start NUTS."""
        from pipeline.importance import accepted_pareto_k, resample, smoothed

        with Stopwatch() as infer:
            proposals = self.posterior.propose(task, self.proposals)
        with Stopwatch() as correct:
            log_weights, pareto_k = smoothed(proposals.log_p - proposals.log_q)
            chosen = resample(log_weights, self.draws, np.random.default_rng(task.seed))
            x, flat = self.posterior.hand_over(task, proposals.x[chosen])
        phases = [infer.phase("infer"), correct.phase("correct")]
        limit = accepted_pareto_k(self.proposals)
        if pareto_k < limit:
            return Fit(flat[None], phases, unconstrained=x[None])
        nuts = Nuts()
        starts = task.model.by_name(flat[: nuts.chains])
        points = [{name: values[i] for name, values in starts.items()} for i in range(nuts.chains)]
        fit = nuts.fit(_Started(task.scenario, task.data, task.model, task.seed, task.cores, tuple(points)))
        note = f"escalated to NUTS: Pareto k-hat {pareto_k:.2f}, accepted under {limit:.2f}"
        return replace(fit, phases=[*phases, *fit.phases], note=note)
