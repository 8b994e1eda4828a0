"""Learned posteriors as the methods see them: one data set at a time, whoever simulates the scenario."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Float

from pipeline.amortized import training
from pipeline.amortized.host import Host
from pipeline.amortized.hosted import Hosted, Proposals, host_of
from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture
from pipeline.amortized.observations import Observations
from pipeline.amortized.simulators import Simulator, get_simulator
from pipeline.amortized.support import is_in_jax
from pipeline.methods.base import Density, Task
from pipeline.scenarios.base import Scenario
from pipeline.stan.build import Built


class Posterior(Protocol):
    """A trained network at work. All points are in Stan's unconstrained space."""

    def compile(self, n_draws: int, n_proposals: int | None = None) -> None:
        """Compile what handing over so many draws needs, of their own or out of so many proposals."""
        ...

    def draw(
        self, task: Task, n_draws: int
    ) -> tuple[Float[np.ndarray, "draw dim"], dict[str, Float[np.ndarray, "batch obs component"]] | None]:
        """Return draws, and the networks' own mean memberships where there are any."""
        ...

    def propose(self, task: Task, n_draws: int) -> Proposals:
        """Return draws to be weighted."""
        ...

    def hand_over(
        self, task: Task, x: Float[np.ndarray, "draw dim"]
    ) -> tuple[Float[np.ndarray, "draw dim"], Float[np.ndarray, "draw flat"]]:
        """Return draws under all exchangeable labels, and the same as flat constrained parameters."""
        ...

    def density(self, task: Task) -> Density:
        """Return the density of what is handed over."""
        ...


def learner(
    scenario: Scenario, head: Literal["flow", "mdn"], built: Built | None, seed: int
) -> tuple[Simulator | Host, Architecture]:
    """Return where a training's simulations come from, and the network that learns from them.

    Args:
        scenario: what is learned.
        head: the network's.
        built: the Stan program; it may be None for scenarios in JAX.
        seed: of the simulations.

    Raises:
        UserError: what the scenario simulates cannot be learned from.
    """
    if is_in_jax(scenario):
        return get_simulator(scenario), _architecture(scenario, head)
    assert built is not None, "the methods say by needs_program that they need it"
    return host_of(scenario, built, seed), _architecture(scenario, head)


def load_posterior(scenario: Scenario, head: Literal["flow", "mdn"], checkpoint: Path) -> Posterior:
    """Return a trained network at work.

    Raises:
        UserError: the checkpoint is missing, damaged or another network's.
    """
    architecture = _architecture(scenario, head)
    if is_in_jax(scenario):
        trained = training.load(get_simulator(scenario), architecture, checkpoint)
        return InJax(Amortized(trained.network))
    return Hosted(Amortized(training.load_hosted(scenario, architecture, checkpoint).network))


def _architecture(scenario: Scenario, head: Literal["flow", "mdn"]) -> Architecture:
    """Return one that climbs the log joint, or one that knows nothing but simulations."""
    return Architecture(head=head) if is_in_jax(scenario) else Architecture(head=head, newton_steps=None)


@dataclass(frozen=True)
class InJax:
    """The network of a scenario that has its log joint in JAX; labels are ordered there."""

    amortized: Amortized

    @property
    def simulator(self) -> Simulator:
        """The scenario's."""
        simulator = self.amortized.simulator
        assert isinstance(simulator, Simulator)
        return simulator

    def compile(self, n_draws: int, n_proposals: int | None = None) -> None:
        """Compile for draws of their own, or out of so many proposals."""
        example = self.amortized.encode(self.simulator.scenario.data_sets([1]))
        if n_proposals is None:
            self.amortized.infer(example, n_draws, seeds=[1])
        else:
            self.amortized.propose(example, n_proposals, seeds=[1])
        self.simulator.constrain_draws(np.zeros((n_draws, self.simulator.dim)))

    def draw(
        self, task: Task, n_draws: int
    ) -> tuple[Float[np.ndarray, "draw dim"], dict[str, Float[np.ndarray, "batch obs component"]]]:
        """Return draws, and the membership networks' answers."""
        theta, memberships = self.amortized.infer(self.amortized.encode([task.data]), n_draws, [task.seed])
        n_obs = len(task.data.y)
        return theta[0].astype(float), {kind: _normalised(p[0, :, :n_obs]) for kind, p in memberships.items()}

    def propose(self, task: Task, n_draws: int) -> Proposals:
        """Return draws and log target from one call."""
        drawn, log_p = self.amortized.propose(self.amortized.encode([task.data]), n_draws, [task.seed])
        return Proposals(drawn.theta[0].astype(float), log_p[0].astype(float), drawn.log_q[0])

    def hand_over(
        self, task: Task, x: Float[np.ndarray, "draw dim"]
    ) -> tuple[Float[np.ndarray, "draw dim"], Float[np.ndarray, "draw flat"]]:
        """Return draws, and the same as flat constrained parameters."""
        return x, task.model.flatten(self.simulator.constrain_draws(x))

    def density(self, task: Task) -> Density:
        """Return the posterior's density."""
        return _Density(self.amortized, self.amortized.encode([task.data]))


@dataclass(frozen=True)
class _Density:
    """The amortized posterior's density for one data set."""

    amortized: Amortized
    observed: Observations

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        return self.amortized.log_density(self.observed, x[None])[0].astype(float)


def _normalised(p: Float[np.ndarray, "batch obs component"]) -> Float[np.ndarray, "batch obs component"]:
    """Return probabilities in double precision; single precision rounds their sum."""
    p = p.astype(float)
    return p / p.sum(axis=-1, keepdims=True)
