"""Gaussian mixture with known standard deviation, replicated observations and ordered means.

Case 1 of Kucharsky and Buerkner (2025), Amortized Bayesian Mixture Models, arXiv 2501.10229.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.scenarios import checks, simulation
from pipeline.scenarios.base import DataSet, Family, Scenario
from pipeline.scenarios.memberships import mixture_memberships
from pipeline.scenarios.sufficient import summarise


@dataclass(frozen=True)
class GmmOrdered(Scenario):
    """pi ~ Dirichlet, mu ~ Normal conditioned on increasing order, y[n, r] ~ Normal(mu[z[n]], sd).

    Attributes:
        mu_mean: prior means of the component means, whose number is the number of components.
        mu_sd: prior standard deviation of each component mean.
        pi_concentration: concentration of the Dirichlet prior of the weights, one a component.
        sd: known standard deviation of the observations.
        n_obs: smallest and largest number of observations of a data set; each is equally likely.
        n_rep: the same for the number of replicates, which all observations of a data set share.
    """

    name: ClassVar[str] = "gmm-ordered"
    family: ClassVar[Family] = "mixture"
    stan_program: ClassVar[str] = "gmm_ordered.stan"
    n_datasets: ClassVar[None] = None
    input_files: ClassVar[tuple[Path, ...]] = ()

    mu_mean: tuple[float, ...] = (-2.0, 0.0, 2.0)
    mu_sd: float = 1.0
    pi_concentration: tuple[float, ...] = (2.0, 2.0, 2.0)
    sd: float = 1.0
    n_obs: tuple[int, int] = (150, 250)
    n_rep: tuple[int, int] = (2, 4)

    def __post_init__(self):
        if self.n_components < 2:
            raise UserError(f"mu_mean must be at least 2 numbers, not {list(self.mu_mean)}.")
        checks.check_increasing("mu_mean", self.mu_mean)
        checks.check_positive("mu_sd", self.mu_sd)
        checks.check_length(
            "pi_concentration", self.pi_concentration, self.n_components, "one for each of mu_mean"
        )
        checks.check_all_positive("pi_concentration", self.pi_concentration)
        checks.check_positive("sd", self.sd)
        checks.check_range("n_obs", self.n_obs, smallest=1)
        checks.check_range("n_rep", self.n_rep, smallest=1)

    @property
    def n_components(self) -> int:
        """Number of components, one a prior mean."""
        return len(self.mu_mean)

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the Stan parameters."""
        return {"pi": (self.n_components,), "mu": (self.n_components,)}

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Simulate one data set a seed."""
        rngs = simulation.generators(seeds)
        n_obs = simulation.draw_integers(rngs, self.n_obs)
        n_rep = simulation.draw_integers(rngs, self.n_rep)
        pi = simulation.draw_each(rngs, lambda rng: rng.dirichlet(self.pi_concentration))
        mu = simulation.draw_ordered_normals(rngs, self.mu_mean, self.mu_sd)
        # Every data set is drawn at the largest size and cut to its own.
        uniforms = simulation.draw_each(rngs, lambda rng: rng.random(self.n_obs[1]))
        noise = simulation.draw_each(rngs, lambda rng: rng.standard_normal((self.n_obs[1], self.n_rep[1])))
        z = simulation.draw_categories(uniforms, pi[:, None])
        y = np.take_along_axis(mu, z, axis=1)[..., None] + self.sd * noise
        return [
            DataSet(
                y=y[i, : n_obs[i], : n_rep[i]].copy(),
                theta={"pi": pi[i], "mu": mu[i]},
                z=z[i, : n_obs[i]].copy(),
            )
            for i in range(len(rngs))
        ]

    def stan_data(self, data: DataSet) -> dict[str, Any]:
        """Return the data block of gmm_ordered.stan."""
        replicates = summarise(data.y)
        return {
            "N": len(replicates.mean),
            "K": self.n_components,
            "n_rep": replicates.n_rep,
            "y_mean": replicates.mean.tolist(),
            "sd": self.sd,
            "pi_concentration": list(self.pi_concentration),
            "mu_mean": list(self.mu_mean),
            "mu_sd": self.mu_sd,
        }

    def initial_values(self, data: DataSet, seed: int) -> None:
        """Leave the start to Stan: the parameters are of unit scale."""

    def memberships(
        self, data: DataSet, parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return the mixture's memberships."""
        mu = parameters["mu"]
        sd = np.full_like(mu, self.sd)
        return {"membership": mixture_memberships(summarise(data.y), parameters["pi"], mu, sd)}
