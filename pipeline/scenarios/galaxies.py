"""Velocities of 82 galaxies in the Corona Borealis region: the classic real data set of mixture models.

Source of the values: Roeder (1990), Density estimation with confidence sets exemplified by superclusters and
voids in the galaxies, J. Am. Stat. Assoc. 85, 617-624, table 1, from Postman, Huchra and Geller (1986),
Astron. J. 92, 1238-1247. The copy that most software carries, R's MASS::galaxies, has 26690 km/s as its 78th
value where the paper has 26960; the help page of that data set says so. Here it is 26.960 (1000 km/s).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.scenarios.base import DataSet, Family
from pipeline.scenarios.free_gaussians import FreeMixture, FreeScenario, Prior
from pipeline.scenarios.observations import read_column

_FILE = Path(__file__).parent / "data" / "galaxies.csv"


@dataclass(frozen=True)
class Galaxies(FreeScenario):
    """Gaussian mixture of the velocities, in 1000 km/s, with a prior after Richardson and Green (1997).

    Attributes:
        n_components: number of components.
        concentration: of the Dirichlet prior of the weights.
        mu_mean: prior mean of each component mean; by default the data's midrange.
        mu_sd: prior standard deviation of each component mean; by default the data's range.
        variance_shape: shape of the inverse Gamma prior of each component's variance.
        variance_scale: its scale; by default 0.02 times the squared range. See `free_gaussians`.
        ordered: whether the means increase; without, labels are exchangeable.
    """

    name: ClassVar[str] = "galaxies"
    family: ClassVar[Family] = FreeMixture.family
    n_datasets: ClassVar[int] = 1
    input_files: ClassVar[tuple[Path, ...]] = (_FILE,)

    n_components: int = 3
    concentration: float = 1.0
    mu_mean: float | None = None
    mu_sd: float | None = None
    variance_shape: float = 2.0
    variance_scale: float | None = None
    ordered: bool = True

    def __post_init__(self):
        _ = self._model  # building it checks the settings

    @functools.cached_property
    def _velocities(self) -> Float[np.ndarray, " obs"]:
        return read_column(_FILE, "velocity_1000_km_per_s")

    @functools.cached_property
    def _model(self) -> FreeMixture:
        prior = Prior.scaled_by(
            self._velocities,
            concentration=self.concentration,
            mu_mean=self.mu_mean,
            mu_sd=self.mu_sd,
            variance_shape=self.variance_shape,
            variance_scale=self.variance_scale,
        )
        return FreeMixture(self.n_components, prior, self.ordered)

    @property
    def _sizes(self) -> tuple[int, int]:
        return len(self._velocities), len(self._velocities)

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Return the one data set."""
        if len(seeds) != self.n_datasets:
            raise ValueError(f"{self.name} is one data set, and {len(seeds)} were asked for.")
        return [DataSet(y=self._velocities[:, None].copy())]
