"""Amortized inference: networks trained on simulations, then answering for any data set of a scenario."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pipeline.amortized.support import is_in_jax, obstacle
from pipeline.compilation import saved_compilation
from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, Task, TrainedMethod
from pipeline.scenarios.base import Scenario
from pipeline.scenarios.checks import check_only_one, check_positive
from pipeline.stan.build import Built
from pipeline.timing import PhaseTime, Stopwatch

if TYPE_CHECKING:
    from pipeline.amortized.posteriors import Posterior

DEFAULT_STEPS = 12_000  # minutes on two cores


@dataclass(frozen=True)
class AmortizedMethod(TrainedMethod):
    """A posterior network and membership networks, trained jointly on simulations from the prior.

    Scenarios without a log joint in JAX get a posterior network that learns from simulations alone.

    Attributes:
        head: the posterior network's last part.
    """

    head: ClassVar[Literal["flow", "mdn"]] = "flow"

    def obstacle(self, scenario: Scenario) -> str:
        """Return that there is nothing to learn from, where a scenario has real data alone."""
        return obstacle(scenario)

    def fit(self, task: Task) -> Fit:
        """Refuse: a network must be loaded first."""
        raise RuntimeError(f"{self.name} fits only after load()")


@dataclass(frozen=True)
class _Direct(AmortizedMethod):
    """The posterior network's draws as they are.

    Attributes:
        draws: from the posterior network for each data set.
        train_steps: steps of training, for results that do not depend on the machine's speed; or
        train_s: seconds of training, compilation included. With neither, DEFAULT_STEPS.
    """

    draws: int = 1000
    train_steps: int | None = None
    train_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse budgets that say nothing or contradict each other.

        Raises:
            UserError: both budgets are given, or one is not positive.
        """
        budget = {"train_steps": self.train_steps, "train_s": self.train_s}
        check_only_one(budget)
        for key, value in {"draws": self.draws, **budget}.items():
            if value is not None:
                check_positive(key, value)

    def needs_program(self, scenario: Scenario) -> bool:
        """Return whether parameters are unconstrained by BridgeStan, for want of JAX."""
        return not is_in_jax(scenario)

    def is_checked(self, scenario: Scenario) -> bool:
        """Return yes: the log joint is in JAX, or the Stan program's."""
        return True

    def train(self, scenario: Scenario, seed: int, checkpoint: Path, built: Built | None) -> list[PhaseTime]:
        """Train, or go on where a killed job stopped."""
        from pipeline.amortized.budget import Budget
        from pipeline.amortized.posteriors import learner
        from pipeline.amortized.training import train

        steps = DEFAULT_STEPS if self.train_s is None and self.train_steps is None else self.train_steps
        budget = Budget(steps=steps, wall_s=self.train_s)
        with saved_compilation() as saved:
            source, architecture = learner(scenario, self.head, built, seed)
            record = train(source, architecture, budget, checkpoint, seed=seed).record
        return [saved.charged(PhaseTime("train", record["wall_s"], record["cpu_s"]))]

    def learning(self, checkpoint: Path) -> dict:
        """Return the number of steps and the loss curve, thinned."""
        from pipeline.amortized.learning import learning

        return learning(checkpoint)

    def load(self, scenario: Scenario, checkpoint: Path) -> tuple[Method, list[PhaseTime]]:
        """Load the network and compile what a fit calls."""
        from pipeline.amortized.posteriors import load_posterior

        with saved_compilation() as saved, Stopwatch() as watch:
            posterior = load_posterior(scenario, self.head, checkpoint)
            posterior.compile(self.draws)
        return _Ready(self.draws, posterior), [saved.charged(watch.phase("build"))]


@dataclass(frozen=True)
class _Ready(Method):
    """A loaded network, fitting one data set at a time as a user with one data set would."""

    name: ClassVar[str] = "amortized"
    draws: int
    posterior: "Posterior"

    def fit(self, task: Task) -> Fit:
        """Encode, draw, classify and constrain."""
        with Stopwatch() as watch:
            x, memberships = self.posterior.draw(task, self.draws)
            x, flat = self.posterior.hand_over(task, x)
        return Fit(
            flat[None],
            [watch.phase("infer")],
            Approximation(self.posterior.density(task), x),
            memberships=memberships,
            unconstrained=x[None],
        )


@register
@dataclass(frozen=True)
class AmortizedFlow(_Direct):
    """A conditional neural spline flow on a learned summary."""

    name: ClassVar[str] = "amortized-flow"


@register
@dataclass(frozen=True)
class AmortizedMdn(_Direct):
    """An autoregressive mixture density network (Bishop 1994) on the same summary."""

    name: ClassVar[str] = "amortized-mdn"
    head: ClassVar[Literal["flow", "mdn"]] = "mdn"
