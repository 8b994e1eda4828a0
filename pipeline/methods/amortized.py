"""Amortized inference: networks trained on simulations, then answering for any data set of a scenario."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, Task, TrainedMethod
from pipeline.scenarios.base import Scenario
from pipeline.timing import PhaseTime, Stopwatch

if TYPE_CHECKING:
    from pipeline.amortized.inference import Amortized
    from pipeline.amortized.observations import Observations

N_BATCHES = 20  # batches of draws behind the Monte Carlo error of memberships


@dataclass(frozen=True)
class _AmortizedMethod(TrainedMethod):
    """A posterior network and membership networks, trained jointly on simulations from the prior.

    Attributes:
        draws: from the posterior network for each data set.
        train_s: seconds of training, compilation included; or
        train_steps: steps of training, for results that do not depend on the machine's speed.
    """

    head: ClassVar[Literal["flow", "mdn"]]
    draws: int = 1000
    train_s: float | None = 600.0
    train_steps: int | None = None

    def train(self, scenario: Scenario, seed: int, checkpoint: Path) -> list[PhaseTime]:
        """Train, or go on where a killed job stopped."""
        from pipeline.amortized.network import Architecture
        from pipeline.amortized.simulators import get_simulator
        from pipeline.amortized.training import Budget, train

        budget = Budget(steps=self.train_steps) if self.train_steps else Budget(wall_s=self.train_s)
        record = train(
            get_simulator(scenario), Architecture(head=self.head), budget, checkpoint, seed=seed
        ).record
        return [PhaseTime("train", record["wall_s"], record["cpu_s"])]

    def load(self, scenario: Scenario, checkpoint: Path) -> tuple[Method, list[PhaseTime]]:
        """Load the network and compile what a fit calls, on a data set of the scenario's own."""
        from pipeline.amortized.inference import Amortized
        from pipeline.amortized.network import Architecture
        from pipeline.amortized.simulators import get_simulator
        from pipeline.amortized.training import load

        with Stopwatch() as watch:
            trained = load(get_simulator(scenario), Architecture(head=self.head), checkpoint)
            amortized = Amortized(trained.network)
            ready = _Ready(self.draws, amortized)
            ready.infer(amortized.encode(scenario.data_sets([1])), seed=1)
        return ready, [watch.phase("build")]

    def fit(self, task: Task) -> Fit:
        """Refuse: a network must be loaded first."""
        raise RuntimeError(f"{self.name} fits only after load()")


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

    def infer(self, observed: "Observations", seed: int) -> tuple[Any, dict[str, np.ndarray]]:
        """Return draws and, from each of N_BATCHES batches of them, memberships."""
        drawn = self.amortized.draw(observed, self.draws, [seed])
        batches = np.array_split(drawn.theta, N_BATCHES, axis=1)
        each = [self.amortized.memberships(observed, batch) for batch in batches]
        return drawn, {kind: np.stack([batch[kind][0] for batch in each]) for kind in each[0]}

    def fit(self, task: Task) -> Fit:
        """Encode, draw and classify; what is timed ends with unconstrained draws and memberships."""
        with Stopwatch() as watch:
            observed = self.amortized.encode([task.data])
            drawn, memberships = self.infer(observed, task.seed)
        unconstrained = drawn.theta[0].astype(float)
        flat = task.model.constrain(unconstrained)
        return Fit(
            flat[None],
            [watch.phase("infer")],
            Approximation(_Density(self.amortized, observed), unconstrained),
            memberships={kind: p[:, : len(task.data.y)].astype(float) for kind, p in memberships.items()},
        )


@register
@dataclass(frozen=True)
class AmortizedFlow(_AmortizedMethod):
    """A conditional neural spline flow on a learned summary."""

    name: ClassVar[str] = "amortized-flow"
    head: ClassVar[Literal["flow", "mdn"]] = "flow"


@register
@dataclass(frozen=True)
class AmortizedMdn(_AmortizedMethod):
    """An autoregressive mixture density network (Bishop 1994) on the same summary."""

    name: ClassVar[str] = "amortized-mdn"
    head: ClassVar[Literal["flow", "mdn"]] = "mdn"
