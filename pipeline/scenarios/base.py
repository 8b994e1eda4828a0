"""What a scenario is: a generative model, its law of data sizes, its Stan program and exact memberships."""

import abc
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from pipeline.checkout import CHECKOUT

STAN_FOLDER = CHECKOUT / "stan"

Family = Literal["mixture", "hmm"]
FAMILIES: tuple[Family, ...] = ("mixture", "hmm")


@dataclass(frozen=True)
class DataSet:
    """One data set, simulated or real.

    Attributes:
        y: observations; one row an observation (a time point of an HMM), one column a replicate, or a
            dimension where the scenario has several.
        theta: the true parameters in constrained space by their Stan names; None for real data.
        z: the true component of each observation, from 0; None for real data.
    """

    y: Float[np.ndarray, "obs replicate"]
    theta: dict[str, np.ndarray] | None = None
    z: Int[np.ndarray, " obs"] | None = None


@dataclass(frozen=True)
class PublishedReference:
    """Reference draws that came with a data set, made by somebody else.

    Attributes:
        source: whose they are and how they were made, in the words of status.csv and the report.
        draws: of every scalar parameter, by its Stan name with 1-based index, such as "mu[2]".
        divergences: divergent transitions of all chains after warm-up; None where nobody recorded them.
        e_bfmi_min: smallest energy Bayesian fraction of missing information of a chain; None likewise.
        treedepth_saturated: iterations that reached the maximal tree depth; None likewise.
    """

    source: str
    draws: dict[str, Float[np.ndarray, "chain draw"]]
    divergences: int | None = None
    e_bfmi_min: float | None = None
    treedepth_saturated: int | None = None


class Scenario(abc.ABC):
    """A family of data sets with one Stan program.

    Concrete classes are frozen dataclasses of their settings, built from a block of the configuration by
    `pipeline.scenarios.get_scenario`, which checks the settings' types. Values are checked in
    ``__post_init__`` (raising UserError). Settings have defaults where a default makes sense and include
    every number of the prior. Each attribute below may be a class variable, a setting or a property.

    Attributes:
        name: what the configuration calls this class of scenarios. The block's own key may be another
            name, so that one class serves several blocks.
        family: whether observations are exchangeable (a mixture) or ordered in time (an HMM).
        stan_program: file name of the Stan program, in `STAN_FOLDER` or beside the file of the class.
        n_components: number of components (states).
        n_datasets: how many data sets there are if they are real; None if they are simulated, as many as
            wanted.
        input_files: files that real data are read from; a change in one changes the data sets.
        parameter_shapes: shapes of the Stan parameters in constrained space, () for a scalar, in the
            program's order.
    """

    name: ClassVar[str]
    family: Family
    stan_program: str
    n_components: int
    n_datasets: int | None
    input_files: tuple[Path, ...]
    parameter_shapes: dict[str, tuple[int, ...]]

    @property
    def stan_file(self) -> Path:
        """Where the Stan program is."""
        beside = Path(inspect.getfile(type(self))).parent / self.stan_program
        return beside if beside.is_file() else STAN_FOLDER / self.stan_program

    @property
    def label_axes(self) -> dict[str, tuple[int, ...]]:
        """Which axes of which parameters count components whose labels nothing identifies.

        Empty where an order or the prior tells components apart, as here. Otherwise the posterior has K!
        copies of each mode, and every run is relabelled (`pipeline.labels`) before it is compared: by
        parameter, the axes of its own shape, from 0, that follow one permutation of the components. Means
        are called ``mu``, which ordering goes by.
        """
        return {}

    def published_reference(self) -> PublishedReference | None:
        """Return the draws that the first reference run is made of, instead of sampling; here none.

        Only a scenario of one data set has them.
        """
        return None

    @abc.abstractmethod
    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Simulate one data set a seed, or return the real data sets, one a seed.

        Data set i depends on ``seeds[i]`` alone, whatever the other seeds are; real data depend on none.

        Raises:
            ValueError: real data, and the number of seeds is not `n_datasets`.
        """

    @property
    def code_files(self) -> tuple[Path, ...]:
        """Files of code beside the class on which data sets and memberships depend."""
        return ()

    @property
    def can_simulate(self) -> bool:
        """Whether there is a `prior_predictive`, from which networks learn."""
        return self.n_datasets is None or type(self).prior_predictive is not Scenario.prior_predictive

    def prior_predictive(self, rng: np.random.Generator, n: int) -> list[DataSet]:
        """Draw data sets from the very prior that the Stan program has, for networks to learn from.

        Here they are those of `data_sets`. A scenario whose data are real, or come from a part of its prior
        only, brings its own. All have the same number of columns.
        """
        return self.data_sets([int(seed) for seed in rng.integers(2**31, size=n)])

    @abc.abstractmethod
    def stan_data(self, data: DataSet) -> dict[str, Any]:
        """Return the Stan program's data block: sufficient statistics and the prior's numbers.

        The values are those of JSON: numbers and (nested) lists of numbers.

        Raises:
            ValueError: ``data.y`` is not a matrix of at least one row and column, or not finite.
        """

    @abc.abstractmethod
    def initial_values(self, data: DataSet, seed: int) -> dict[str, Any] | None:
        """Return where a fit may start, in constrained space and JSON's types.

        Every chain or path takes a seed of its own: starts must differ, or R-hat says nothing, and yet lie
        where no chain is caught in a mode of negligible mass. None leaves the start to Stan, which draws
        unconstrained parameters from uniform(-2, 2); that is right for parameters of unit scale.
        """

    @abc.abstractmethod
    def memberships(
        self, data: DataSet, parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return P(z_n = k | y, theta) for each draw of theta.

        Keys: "membership" for a mixture; "filtering", P(z_t | y_1..t), and "smoothing",
        P(z_t | y_1..T), for an HMM. No key at all where they are not known, as for a program that says only
        what its density is; memberships are then not scored.
        """

    def plotted(self, data: DataSet) -> Float[np.ndarray, " obs"]:
        """Return one number an observation, to sort and to plot by: here the mean of its replicates."""
        return data.y.mean(axis=1)
