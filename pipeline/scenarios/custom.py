"""The user's own observations, from a CSV: a Gaussian mixture or a Gaussian HMM."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.scenarios.base import FAMILIES, DataSet, Family
from pipeline.scenarios.checks import check_one_of
from pipeline.scenarios.free_gaussians import FreeHmm, FreeMixture, FreeScenario, Prior
from pipeline.scenarios.observations import read_column


@dataclass(frozen=True)
class Custom(FreeScenario):
    """One column of a CSV, each line an observation; of an HMM, in the order of time.

    The observations are standardised: y = (value - location) / scale, with the sample mean and the sample
    standard deviation. Stan's default initial values and the step sizes of its approximations suit
    parameters of unit scale, so that data in milligrams and in tonnes get the same fit. The parameters are
    those of y: in the data's own units a mean is ``location + scale * mu`` and a standard deviation
    ``scale * sd``. With ``standardise: false`` the data stay as they are.

    Attributes:
        file: path of the CSV, from the folder that the workflow runs in.
        column: name of the column, as the first line has it.
        family: "mixture" or "hmm".
        n_components: number of components (states), at least 2 and at most the number of observations.
        standardise: whether to centre and scale the observations.
        concentration: of the Dirichlet prior of the weights, or of each row of the transition matrix.
        mu_mean: prior mean of each component mean, in units of y; by default the midrange.
        mu_sd: prior standard deviation of each component mean; by default the range.
        variance_shape: shape of the inverse Gamma prior of each component's variance.
        variance_scale: its scale; by default 0.02 times the squared range. See `free_gaussians`.
    """

    name: ClassVar[str] = "custom"
    n_datasets: ClassVar[int] = 1

    file: str
    column: str
    family: Family
    n_components: int
    standardise: bool = True
    concentration: float = 1.0
    mu_mean: float | None = None
    mu_sd: float | None = None
    variance_shape: float = 2.0
    variance_scale: float | None = None

    def __post_init__(self):
        check_one_of("family", self.family, FAMILIES)
        _ = self._model  # building it reads the file and checks all settings

    @property
    def input_files(self) -> tuple[Path, ...]:
        """The CSV."""
        return (Path(self.file),)

    @functools.cached_property
    def _values(self) -> Float[np.ndarray, " obs"]:
        values = read_column(Path(self.file), self.column)
        where = f"{self.file}, column {self.column!r}"
        if len(values) < 2:
            raise UserError(f"{where}: found {len(values)} observation(s); at least 2 are needed.")
        if values.min() == values.max():
            raise UserError(
                f"{where}: all {len(values)} observations are {values[0]:g}. Constant data have no "
                "components to find; name another column."
            )
        if self.n_components > len(values):
            raise UserError(
                f"{where}: found {len(values)} observations for {self.n_components} components; n_components "
                "may not exceed the number of observations. Lower it."
            )
        return values

    @property
    def location(self) -> float:
        """What was subtracted from the values in the file."""
        return float(self._values.mean()) if self.standardise else 0.0

    @property
    def scale(self) -> float:
        """What the values in the file were divided by."""
        return float(self._values.std(ddof=1)) if self.standardise else 1.0

    @functools.cached_property
    def _observations(self) -> Float[np.ndarray, " obs"]:
        return (self._values - self.location) / self.scale

    @functools.cached_property
    def _model(self) -> FreeMixture | FreeHmm:
        prior = Prior.scaled_by(
            self._observations,
            concentration=self.concentration,
            mu_mean=self.mu_mean,
            mu_sd=self.mu_sd,
            variance_shape=self.variance_shape,
            variance_scale=self.variance_scale,
        )
        model = FreeMixture if self.family == "mixture" else FreeHmm
        return model(self.n_components, prior)

    @property
    def _sizes(self) -> tuple[int, int]:
        return len(self._observations), len(self._observations)

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Return the one data set."""
        if len(seeds) != self.n_datasets:
            raise ValueError(f"{self.file} is one data set, and {len(seeds)} were asked for.")
        return [DataSet(y=self._observations[:, None].copy())]
