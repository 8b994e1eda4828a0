"""What a method is: whatever returns draws of theta given one data set, with what it cost."""

import abc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from jaxtyping import Float

from pipeline.scenarios.base import DataSet, Scenario
from pipeline.seeds import derive_seed
from pipeline.stan.build import Built
from pipeline.stan.model import BoundModel
from pipeline.timing import PhaseTime


class MethodFailed(Exception):
    """A fit that did not end well, with its reason for status.csv; any other exception counts as one too."""


class Density(Protocol):
    """An approximation's normalised log density in Stan's unconstrained space."""

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the log density at each row of x."""
        ...


@dataclass(frozen=True)
class Task:
    """One data set to fit.

    Attributes:
        scenario, data: the problem.
        model: its Stan program, bound to the data.
        seed: from 1 to 2**31 - 1; the only source of randomness.
        cores: how many the fit may use; it must not change the draws.
    """

    scenario: Scenario
    data: DataSet
    model: BoundModel
    seed: int
    cores: int

    def starts(self, count: int) -> list[dict[str, Any]] | None:
        """Return where that many chains or paths start, or None where the scenario leaves it to Stan."""
        seeds = [derive_seed(self.seed, "", i, "", "start") for i in range(count)]
        starts = [self.scenario.initial_values(self.data, seed) for seed in seeds]
        return None if None in starts else [start for start in starts if start is not None]

    def start(self) -> dict[str, Any] | None:
        """Return where a single run starts, or None where the scenario leaves it to Stan."""
        starts = self.starts(1)
        return starts[0] if starts else None


@dataclass(frozen=True)
class Approximation:
    """The density behind a method's draws.

    Attributes:
        density: normalised, in the unconstrained space.
        raw: draws from exactly this density, never resampled ones; k-hat and bridge sampling need them.
    """

    density: Density
    raw: Float[np.ndarray, "proposal_draw dim"]


@dataclass(frozen=True)
class Fit:
    """What a method found.

    Attributes:
        flat: draws of the parameters in constrained space, flattened in the Stan program's order.
        phases: what each phase cost, down to constrained draws; reading Stan's files into Python is not
            part of it.
        approximation: the method's density, where it has one.
        memberships: the method's own membership probabilities by kind, as means over batches of draws;
            None where the exact ones, given the draws, are the method's answer.
        unconstrained: the same draws in Stan's unconstrained space, where the method works in it; far out
            in a tail, the way back from constrained space is lost to rounding.
        sampler: per-draw diagnostics of MCMC by CmdStan's names without underscores, (chain, draw).
        note: a remark for status.csv on a fit that is still valid.
    """

    flat: Float[np.ndarray, "chain draw flat"]
    phases: list[PhaseTime]
    approximation: Approximation | None = None
    memberships: dict[str, Float[np.ndarray, "batch obs component"]] | None = None
    unconstrained: Float[np.ndarray, "chain draw dim"] | None = None
    sampler: dict[str, Float[np.ndarray, "chain draw"]] = field(default_factory=dict)
    note: str = ""


def check_fit(task: Task, fit: Fit) -> None:
    """Refuse draws that no scoring could make sense of.

    Raises:
        TypeError: no `Fit`.
        ValueError: draws of another shape, or that are not finite.
    """
    if not isinstance(fit, Fit):
        raise TypeError(f"fit returned a {type(fit).__name__}; it must return a Fit")
    n_columns = sum(int(np.prod(shape)) for shape in task.model.shapes.values())
    if fit.flat.ndim != 3 or fit.flat.shape[2] != n_columns:
        raise ValueError(
            f"fit returned draws of shape {fit.flat.shape}; they must be (chain, draw, {n_columns}), with "
            "one chain where a method has none"
        )
    if not (finite := np.isfinite(fit.flat).all(axis=2)).all():
        chain, draw = np.argwhere(~finite)[0]
        raise ValueError(f"fit returned a draw that is not finite: number {draw} of chain {chain}, from 0")


class Method(abc.ABC):
    """A way to approximate a posterior; concrete classes are frozen dataclasses of their settings.

    To add one, put such a class, decorated with ``@register``, in a new file of ``pipeline/methods`` and
    name it in the configuration. Import what is slow to import inside ``fit``.
    """

    name: ClassVar[str]
    # Whether it fits data sets without a reference too: for methods that take far less time than one.
    fits_all: ClassVar[bool] = False

    def obstacle(self, scenario: Scenario) -> str:
        """Return why the method cannot be applied to a scenario at all, or nothing where it can."""
        return ""

    @abc.abstractmethod
    def fit(self, task: Task) -> Fit:
        """Fit one data set.

        Raises MethodFailed or any exception where the fit failed, TimeoutError where it took too long;
        both become rows of status.csv.
        """


class TrainedMethod(Method):
    """A method that learns once a scenario, from simulations, before it fits any data set.

    The workflow trains in a job of its own and hands the checkpoint to ``load`` before the first fit.

    Attributes:
        network_of: the method whose network this one uses; none of its own is trained then.
    """

    network_of: ClassVar[str] = ""
    fits_all: ClassVar[bool] = True

    @abc.abstractmethod
    def train(self, scenario: Scenario, seed: int, checkpoint: Path, built: Built | None) -> list[PhaseTime]:
        """Train to the end, going on with the checkpoint where a killed job left one; return what it cost.

        ``built`` is the scenario's Stan program where the method ``needs_program``, such as for its
        transforms of parameters.

        Raises UnusableCheckpoint where the checkpoint belongs to something else: the workflow then deletes
        it and trains anew.
        """

    @abc.abstractmethod
    def load(self, scenario: Scenario, checkpoint: Path) -> tuple[Method, list[PhaseTime]]:
        """Return the method, ready to fit, and what loading and compiling cost.

        Raises UserError where the checkpoint belongs to something else.
        """

    def needs_program(self, scenario: Scenario) -> bool:
        """Return whether training takes the built Stan program; its network is then made anew with it."""
        return True

    def is_checked(self, scenario: Scenario) -> bool:
        """Return whether its network of a scenario is one that the workflow checks by itself."""
        return False

    def learning(self, checkpoint: Path) -> dict[str, Any]:
        """Return what a report shows of the training: steps, and the loss curve where there is one."""
        return {}
