"""Amortized inference: networks trained on simulations, then answering for any data set of a scenario."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from jaxtyping import Float

from pipeline.amortized.support import is_in_jax, obstacle
from pipeline.compilation import saved_compilation
from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, Task, TrainedMethod
from pipeline.scenarios.base import Scenario
from pipeline.scenarios.checks import check_only_one, check_positive
from pipeline.stan.build import Built
from pipeline.timing import PhaseTime, Stopwatch

if TYPE_CHECKING:
    from pipeline.amortized.hosted import Hosted
    from pipeline.amortized.inference import Amortized
    from pipeline.amortized.network import Architecture
    from pipeline.amortized.observations import Observations

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


def load_hosted(scenario: Scenario, head: Literal["flow", "mdn"], checkpoint: Path) -> "Hosted":
    """Return a trained network of a scenario without JAX.

    Raises:
        UserError: the checkpoint is missing, damaged or another network's.
    """
    from pipeline.amortized import training
    from pipeline.amortized.hosted import Hosted
    from pipeline.amortized.inference import Amortized

    trained = training.load_hosted(scenario, learned(head), checkpoint)
    return Hosted(Amortized(trained.network))


def learned(head: Literal["flow", "mdn"]) -> "Architecture":
    """Return the architecture of a network that knows nothing but simulations."""
    from pipeline.amortized.network import Architecture

    return Architecture(head=head, newton_steps=None)


def load_network(
    scenario: Scenario, head: Literal["flow", "mdn"], checkpoint: Path
) -> tuple["Amortized", "Observations"]:
    """Return a trained network, and a data set of the scenario to compile what a fit calls.

    Raises:
        UserError: the checkpoint is missing, damaged or another network's.
    """
    from pipeline.amortized.inference import Amortized
    from pipeline.amortized.network import Architecture
    from pipeline.amortized.simulators import get_simulator
    from pipeline.amortized.training import load

    trained = load(get_simulator(scenario), Architecture(head=head), checkpoint)
    amortized = Amortized(trained.network)
    return amortized, amortized.encode(scenario.data_sets([1]))


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
        """Return whether the checks have the log joint that they need."""
        return is_in_jax(scenario)

    def train(self, scenario: Scenario, seed: int, checkpoint: Path, built: Built | None) -> list[PhaseTime]:
        """Train, or go on where a killed job stopped."""
        from pipeline.amortized.hosted import host_of
        from pipeline.amortized.network import Architecture
        from pipeline.amortized.simulators import get_simulator
        from pipeline.amortized.training import Budget, train

        steps = DEFAULT_STEPS if self.train_s is None and self.train_steps is None else self.train_steps
        budget = Budget(steps=steps, wall_s=self.train_s)
        with saved_compilation() as saved:
            if is_in_jax(scenario):
                source, architecture = get_simulator(scenario), Architecture(head=self.head)
            else:
                assert built is not None, "needs_program"
                source, architecture = host_of(scenario, built, seed), learned(self.head)
            record = train(source, architecture, budget, checkpoint, seed=seed).record
        return [saved.charged(PhaseTime("train", record["wall_s"], record["cpu_s"]))]

    def learning(self, checkpoint: Path) -> dict:
        """Return the number of steps and the loss curve, thinned."""
        from pipeline.amortized.learning import learning

        return learning(checkpoint)

    def load(self, scenario: Scenario, checkpoint: Path) -> tuple[Method, list[PhaseTime]]:
        """Load the network and compile what a fit calls."""
        with saved_compilation() as saved, Stopwatch() as watch:
            if is_in_jax(scenario):
                amortized, example = load_network(scenario, self.head, checkpoint)
                amortized.infer(example, self.draws, seeds=[1])
                ready = _Ready(self.draws, amortized)
            else:
                hosted = load_hosted(scenario, self.head, checkpoint)
                hosted.compile(self.draws)
                ready = _ReadyHosted(self.draws, hosted)
        return ready, [saved.charged(watch.phase("build"))]


@dataclass(frozen=True)
class _Density:
    """The amortized posterior's density for one data set."""

    amortized: "Amortized"
    observed: "Observations"

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        return self.amortized.log_density(self.observed, x[None])[0].astype(float)


@dataclass(frozen=True)
class _Ready(Method):
    """A loaded network, fitting one data set at a time as a user with one data set would."""

    name: ClassVar[str] = "amortized"
    draws: int
    amortized: "Amortized"

    def fit(self, task: Task) -> Fit:
        """Encode, draw and classify; what is timed ends with unconstrained draws and memberships."""
        with Stopwatch() as watch:
            observed = self.amortized.encode([task.data])
            theta, memberships = self.amortized.infer(observed, self.draws, [task.seed])
        unconstrained = theta[0].astype(float)
        n_obs = len(task.data.y)
        return Fit(
            task.model.constrain(unconstrained)[None],
            [watch.phase("infer")],
            Approximation(_Density(self.amortized, observed), unconstrained),
            unconstrained=unconstrained[None],
            memberships={kind: _normalised(p[0, :, :n_obs]) for kind, p in memberships.items()},
        )


@dataclass(frozen=True)
class _ReadyHosted(Method):
    """The same for a scenario without JAX; memberships follow from the draws, as for Stan's methods."""

    name: ClassVar[str] = "amortized"
    draws: int
    hosted: "Hosted"

    def fit(self, task: Task) -> Fit:
        """Encode and draw; what is timed ends with constrained draws."""
        with Stopwatch() as watch:
            x, _ = self.hosted.propose(task, self.draws)
            x = self.hosted.under_all_labels(task, x)
            flat = task.model.constrain(x)
        return Fit(
            flat[None],
            [watch.phase("infer")],
            Approximation(self.hosted.density(task), x),
            unconstrained=x[None],
        )


def _normalised(p: Float[np.ndarray, "batch obs component"]) -> Float[np.ndarray, "batch obs component"]:
    """Return probabilities in double precision; single precision rounds their sum."""
    p = p.astype(float)
    return p / p.sum(axis=-1, keepdims=True)


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
