"""A trained network of a scenario without JAX, at work on one data set, in Stan's unconstrained space."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pipeline.amortized.host import Host, HostSimulator
from pipeline.amortized.inference import Amortized
from pipeline.amortized.observations import Observations
from pipeline.amortized.ordering import (
    UnderAllLabels,
    from_increments,
    sort_labels,
    to_increments,
    under_random_labels,
)
from pipeline.methods.base import Density, Task
from pipeline.scenarios.base import DataSet, Scenario
from pipeline.stan.build import Built
from pipeline.stan.model import BoundModel


class Proposals(NamedTuple):
    """Draws in Stan's unconstrained space, with the log target and their own normalised log density."""

    x: Float[np.ndarray, "draw dim"]
    log_p: Float[np.ndarray, " draw"]
    log_q: Float[np.ndarray, " draw"]


def host_of(scenario: Scenario, built: Built, seed: int) -> Host:
    """Return a scenario's simulations for a training.

    Raises:
        UserError: what the scenario simulates cannot be learned from.
    """
    example = scenario.prior_predictive(np.random.default_rng(seed), 1)[0]
    with tempfile.TemporaryDirectory(prefix="latentbench-") as folder:
        # Which data the program is bound to does not matter: parameters are only unconstrained.
        model = BoundModel(built, scenario.stan_data(example), scenario.parameter_shapes, Path(folder))
        return Host(scenario, model, seed)


@dataclass(frozen=True)
class Hosted:
    """A network whose components, where labels are exchangeable, come in the order of their means."""

    amortized: Amortized

    @property
    def simulator(self) -> HostSimulator:
        """What the network knows of the scenario."""
        simulator = self.amortized.simulator
        assert isinstance(simulator, HostSimulator)
        return simulator

    def compile(self, n_draws: int, n_proposals: int | None = None) -> None:
        """Compile what draws or proposals need, on a simulated data set."""
        data = self.simulator.scenario.prior_predictive(np.random.default_rng(1), 1)
        # The law of sizes may reach beyond what the network knows.
        longest = np.resize(data[0].y, (self.simulator.n_obs[1], data[0].y.shape[1]))
        self.amortized.draw(self.amortized.encode([type(data[0])(longest)]), n_proposals or n_draws, [1])

    def draw(self, task: Task, n_draws: int) -> tuple[Float[np.ndarray, "draw dim"], None]:
        """Return draws, components in order; memberships follow from them, as for Stan's methods."""
        return self._in_order(task, n_draws)[0], None

    def propose(self, task: Task, n_draws: int) -> Proposals:
        """Return draws, components in order, and the log target by BridgeStan."""
        x, log_q = self._in_order(task, n_draws)
        return Proposals(x, task.model.log_density(x), log_q)

    def describe(self, data_sets: Sequence[DataSet]) -> dict[str, Float[np.ndarray, "dataset feature"]]:
        """Return the context of data sets and the features that it was made of."""
        observed = self.amortized.encode(data_sets)
        return {"context": self.amortized.context(observed), "features": self.amortized.features(observed)}

    def hand_over(
        self, task: Task, x: Float[np.ndarray, "draw dim"]
    ) -> tuple[Float[np.ndarray, "draw dim"], Float[np.ndarray, "draw flat"]]:
        """Return draws with components in random orders where labels are exchangeable, and constrained."""
        if self.simulator.order:
            x = under_random_labels(task, x, np.random.default_rng([task.seed, 1]))
        return x, task.model.constrain(x)

    def _in_order(
        self, task: Task, n_draws: int
    ) -> tuple[Float[np.ndarray, "draw dim"], Float[np.ndarray, " draw"]]:
        """Return draws, components in order, and their normalised log density."""
        drawn = self.amortized.draw(self.amortized.encode([task.data]), n_draws, [task.seed])
        x, log_slope = from_increments(drawn.theta[0].astype(float), self.simulator.order)
        return x, drawn.log_q[0] - log_slope

    def true_parameters(self, task: Task) -> Float[np.ndarray, " dim"]:
        """Return a simulated data set's own parameters, unconstrained, with components in order."""
        assert task.data.theta is not None
        parameters = {name: value[None] for name, value in task.data.theta.items()}
        if self.simulator.order:
            parameters = sort_labels(parameters, task.scenario.label_axes)
        return task.model.unconstrain(task.model.flatten(parameters))[0]

    def density(self, task: Task) -> Density:
        """Return the density of draws under all labels."""
        ascending = _Ascending(self, self.amortized.encode([task.data]))
        return UnderAllLabels(task, ascending) if self.simulator.order else ascending

    def log_density(
        self, observed: Observations, x: Float[np.ndarray, "draw dim"]
    ) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density of draws whose components are in order."""
        order = self.simulator.order
        c = to_increments(x, order)
        log_q = self.amortized.log_density(observed, c[None])[0].astype(float)
        return log_q - c[:, list(order[1:])].sum(axis=1)


@dataclass(frozen=True)
class _Ascending:
    """The density of draws whose components are in order."""

    hosted: Hosted
    observed: Observations

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        return self.hosted.log_density(self.observed, x)
