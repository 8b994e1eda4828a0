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
from pipeline.pareto_k import accepted_pareto_k
from pipeline.scenarios.base import Scenario
from pipeline.scenarios.checks import check_positive
from pipeline.seeds import derive_seed
from pipeline.stages import MORE_ACCEPTED, TO_NUTS
from pipeline.stan.build import Built
from pipeline.timing import PhaseTime, Stopwatch, summed

if TYPE_CHECKING:
    from pipeline.amortized.hosted import Proposals
    from pipeline.amortized.posteriors import Posterior


@register
@dataclass(frozen=True)
class AmortizedFlowPsis(AmortizedMethod):
    """The draws of ``amortized-flow`` with Pareto-smoothed importance weights, resampled.

    Where k-hat says that so many draws cannot carry the correction, the network draws more: the sample that
    smoothed weights need grows with k-hat (Vehtari et al. 2024, JMLR 25(72), section 3.2), which itself is
    better known from more. Where these cannot carry it either, NUTS runs, started from resampled draws. The
    log target comes from JAX where the scenario has it there, in one call with the draws, which the tests
    hold to BridgeStan's; else from BridgeStan.

    Attributes:
        proposals: draws from the network for each data set.
        most_batches: so many times as many where these are not enough; with 1, NUTS comes next.
        draws: kept of them.
    """

    name: ClassVar[str] = "amortized-flow-psis"
    network_of: ClassVar[str] = "amortized-flow"
    proposals: int = 2000
    most_batches: int = 8
    draws: int = 1000

    def __post_init__(self) -> None:
        """Refuse to keep more draws than are proposed, and no batch at all.

        Raises:
            UserError: it would.
        """
        if not 0 < self.draws <= self.proposals:
            raise UserError(f"draws: found {self.draws}; it must be 1 to {self.proposals} (proposals).")
        check_positive("most_batches", self.most_batches)

    def train(self, scenario: Scenario, seed: int, checkpoint: Path, built: Built | None) -> list[PhaseTime]:
        """Refuse: the network is ``amortized-flow``'s."""
        raise RuntimeError(f"{self.name} uses the network of {self.network_of}")

    def load(self, scenario: Scenario, checkpoint: Path) -> tuple[Method, list[PhaseTime]]:
        """Load the network and compile what a fit calls."""
        from pipeline.amortized.posteriors import load_posterior

        with saved_compilation() as saved, Stopwatch() as watch:
            posterior = load_posterior(scenario, self.head, checkpoint)
            posterior.compile(self.draws, self.proposals)
        ready = _Ready(self.proposals, self.most_batches, self.draws, posterior)
        return ready, [saved.charged(watch.phase("build"))]


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
    most_batches: int
    draws: int
    posterior: "Posterior"

    def fit(self, task: Task) -> Fit:
        """Draw and weight, once more where that was not enough, and resample; or start NUTS."""
        from pipeline.importance import resample, smoothed

        drawn: "list[Proposals]" = []
        phases: list[PhaseTime] = []
        remarks: list[str] = []
        log_weights, is_accepted = np.empty(0), False
        for n_batches in dict.fromkeys((1, self.most_batches)):
            total = n_batches * self.proposals
            with Stopwatch() as infer:
                numbers = range(len(drawn), n_batches)
                drawn += [self.posterior.propose(_with_seed(task, i), self.proposals) for i in numbers]
            with Stopwatch() as correct:
                log_weights, pareto_k = smoothed(np.concatenate([some.log_p - some.log_q for some in drawn]))
            phases += [infer.phase("infer"), correct.phase("correct")]
            limit = accepted_pareto_k(total)
            is_accepted = pareto_k < limit
            if is_accepted:
                break
            remarks.append(f"k-hat {pareto_k:.2f} of {total} proposals, accepted under {limit:.2f}")
        with Stopwatch() as correct:
            chosen = resample(log_weights, self.draws, np.random.default_rng(task.seed))
            x, flat = self.posterior.hand_over(task, np.concatenate([some.x for some in drawn])[chosen])
        phases.append(correct.phase("correct"))
        if is_accepted:
            note = f"{MORE_ACCEPTED}: {remarks[0]}" if remarks else ""
            return Fit(flat[None], summed(phases), unconstrained=x[None], note=note)
        nuts = Nuts()
        starts = task.model.by_name(flat[: nuts.chains])
        points = [{name: values[i] for name, values in starts.items()} for i in range(nuts.chains)]
        fit = nuts.fit(_Started(task.scenario, task.data, task.model, task.seed, task.cores, tuple(points)))
        return replace(fit, phases=summed([*phases, *fit.phases]), note=f"{TO_NUTS}: {'; '.join(remarks)}")


def _with_seed(task: Task, number: int) -> Task:
    """Return the task for the batch of proposals of that number, the first being the task's own."""
    return replace(task, seed=derive_seed(task.seed, "", number, "", "proposals")) if number else task
