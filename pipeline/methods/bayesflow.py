"""BayesFlow as a peer: what a user gets who picks that package instead of this suite's networks."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.amortized.support import obstacle_in_jax
from pipeline.compilation import saved_compilation
from pipeline.errors import UserError
from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, Task, TrainedMethod
from pipeline.scenarios.base import Scenario
from pipeline.scenarios.checks import check_only_one, check_positive
from pipeline.stan.build import Built
from pipeline.timing import PhaseTime, Stopwatch

if TYPE_CHECKING:
    from pipeline.amortized.observations import Observations
    from pipeline.amortized.peer import Peer


@register
@dataclass(frozen=True)
class BayesFlow(TrainedMethod):
    """BayesFlow 2's coupling flow with its standard summary network (Radev et al. 2023, JOSS 8(89), 5702).

    Its training is not resumed: a killed one begins anew. Memberships are the exact ones of its draws.

    Attributes:
        draws: for each data set.
        train_steps: steps of training; or
        train_s: seconds of training, compilation included. With neither, DEFAULT_TRAIN_S.
        batch: data sets a step.
    """

    DEFAULT_TRAIN_S: ClassVar[float] = 300.0
    name: ClassVar[str] = "bayesflow"
    draws: int = 1000
    train_steps: int | None = None
    train_s: float | None = None
    batch: int = 64

    def __post_init__(self) -> None:
        """Refuse contradicting budgets, and a missing package before any long work.

        Raises:
            UserError: both budgets are given, a number is not positive, or BayesFlow is not installed.
        """
        budget = {"train_steps": self.train_steps, "train_s": self.train_s}
        check_only_one(budget)
        for key, value in {"draws": self.draws, "batch": self.batch, **budget}.items():
            if value is not None:
                check_positive(key, value)
        if importlib.util.find_spec("bayesflow") is None:
            raise UserError(
                "the package bayesflow is not installed. Install it with "
                "`.venv/bin/pip install -c constraints.txt -e '.[bayesflow]'`, or leave this method out."
            )

    def needs_program(self, scenario: Scenario) -> bool:
        """Return no: simulations and transforms come from JAX."""
        return False

    def obstacle(self, scenario: Scenario) -> str:
        """Return that a scenario has no simulator in JAX, where it has none."""
        return obstacle_in_jax(scenario)

    def train(self, scenario: Scenario, seed: int, checkpoint: Path, built: Built | None) -> list[PhaseTime]:
        """Train from the start."""
        from pipeline.amortized import peer
        from pipeline.amortized.simulators import get_simulator

        wall_s = self.train_s
        if self.train_steps is None and wall_s is None:
            wall_s = self.DEFAULT_TRAIN_S
        with saved_compilation() as saved:
            trained, record = peer.train(
                get_simulator(scenario), seed=seed, batch=self.batch, steps=self.train_steps, wall_s=wall_s
            )
        peer.save(trained, checkpoint, record)
        return [saved.charged(PhaseTime("train", record["wall_s"], record["cpu_s"]))]

    def learning(self, checkpoint: Path) -> dict[str, Any]:
        """Return the number of steps and the loss curve."""
        from pipeline.amortized.checkpoints import read_header

        record = read_header(checkpoint)["record"]
        return {
            "steps": record["steps"],
            "curve": record["curve"],
            "curve_columns": ["step", "wall_s", "posterior"],
        }

    def load(self, scenario: Scenario, checkpoint: Path) -> tuple[Method, list[PhaseTime]]:
        """Load the networks and compile what a fit calls."""
        from pipeline.amortized import peer
        from pipeline.amortized.simulators import get_simulator

        with saved_compilation() as saved, Stopwatch() as watch:
            loaded = peer.load(get_simulator(scenario), checkpoint)
            ready = _Ready(self.draws, loaded)
            drawn = loaded.sample(loaded.encode(scenario.data_sets([1])), self.draws, seed=1)
            loaded.simulator.constrain_draws(drawn)
        return ready, [saved.charged(watch.phase("build"))]

    def fit(self, task: Task) -> Fit:
        """Refuse: a network must be loaded first."""
        raise RuntimeError(f"{self.name} fits only after load()")


@dataclass(frozen=True)
class _Density:
    peer: "Peer"
    observed: "Observations"

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        return self.peer.log_density(self.observed, x)


@dataclass(frozen=True)
class _Ready(Method):
    name: ClassVar[str] = "bayesflow"
    draws: int
    peer: "Peer"

    def fit(self, task: Task) -> Fit:
        """Draw; memberships follow from the draws as for Stan's methods."""
        with Stopwatch() as watch:
            observed = self.peer.encode([task.data])
            unconstrained = self.peer.sample(observed, self.draws, task.seed)
            flat = task.model.flatten(self.peer.simulator.constrain_draws(unconstrained))
        return Fit(
            flat[None],
            [watch.phase("infer")],
            Approximation(_Density(self.peer, observed), unconstrained),
            unconstrained=unconstrained[None],
        )
