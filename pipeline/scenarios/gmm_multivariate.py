"""Gaussian mixture in two or three dimensions with diagonal covariances and exchangeable components."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.scenarios import checks, simulation
from pipeline.scenarios.base import DataSet, Family, Scenario
from pipeline.scenarios.free_gaussians import Prior
from pipeline.scenarios.memberships import diagonal_mixture_memberships
from pipeline.scenarios.sufficient import summarise

_PROPOSALS = 100  # prior draws at a time, of which the first separated one is taken
_TRIALS = 20_000
_START_CONCENTRATION = 20.0  # of the Dirichlet draws that fits start from


@dataclass(frozen=True)
class GmmMultivariate(Scenario):
    """pi ~ Dirichlet, mu_kd ~ Normal, sd_kd^2 ~ inverse Gamma, y_nd ~ Normal(mu[z_n, d], sd[z_n, d]).

    An observation is one row of ``y``, with one column a dimension. The separation of two components is the
    distance of their means with each dimension in root mean squares of its two sds; that of a data set is
    the smallest among its pairs.

    Attributes:
        n_components: number of components.
        n_dims: number of dimensions, 2 or 3.
        separation: least and largest separation of the data sets; fits know nothing of it.
        n_obs: smallest and largest number of observations of a data set; each is equally likely.
        concentration: of the symmetric Dirichlet prior of the weights.
        mu_mean: prior mean of each component's mean in each dimension.
        mu_sd: its prior standard deviation.
        variance_shape: shape of the inverse Gamma prior of each variance.
        variance_scale: its scale.
    """

    name: ClassVar[str] = "gmm-multivariate"
    family: ClassVar[Family] = "mixture"
    stan_program: ClassVar[str] = "gmm_multivariate.stan"
    n_datasets: ClassVar[None] = None
    input_files: ClassVar[tuple[Path, ...]] = ()

    n_components: int = 3
    n_dims: int = 2
    separation: tuple[float, ...] = (0.0, math.inf)
    n_obs: tuple[int, int] = (150, 250)
    concentration: float = 4.0
    mu_mean: float = 0.0
    mu_sd: float = 3.0
    variance_shape: float = 5.0
    variance_scale: float = 5.0

    def __post_init__(self):
        _ = self._prior  # building it checks its settings
        checks.check_n_components(self.n_components, ordered=False)
        if self.n_dims not in (2, 3):
            raise UserError(f"n_dims must be 2 or 3, not {self.n_dims}.")
        checks.check_range("n_obs", self.n_obs, smallest=self.n_components)
        checks.check_separation(self.separation)
        _, mu, sd = self._propose(np.random.default_rng(0), _TRIALS)
        accepted = int(self._is_separated(mu, sd).sum())
        checks.check_reachable(self.separation, accepted, _TRIALS)

    @functools.cached_property
    def _prior(self) -> Prior:
        return Prior(self.concentration, self.mu_mean, self.mu_sd, self.variance_shape, self.variance_scale)

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the Stan parameters."""
        each = (self.n_components, self.n_dims)
        return {"pi": (self.n_components,), "mu": each, "sd": each}

    @property
    def label_axes(self) -> dict[str, tuple[int, ...]]:
        """The rows of every parameter are components."""
        return {"pi": (0,), "mu": (0,), "sd": (0,)}

    def _propose(self, rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw weights, means and sds from the prior."""
        shape = (number, self.n_components, self.n_dims)
        pi = rng.dirichlet(np.full(self.n_components, self.concentration), number)
        mu = rng.normal(self.mu_mean, self.mu_sd, shape)
        return pi, mu, np.sqrt(self.variance_scale / rng.gamma(self.variance_shape, size=shape))

    def _is_separated(
        self,
        mu: Float[np.ndarray, "number component dim"],
        sd: Float[np.ndarray, "number component dim"],
    ) -> np.ndarray:
        one, other = np.triu_indices(self.n_components, 1)
        common = (sd[:, one] ** 2 + sd[:, other] ** 2) / 2
        closest = np.sqrt(((mu[:, one] - mu[:, other]) ** 2 / common).sum(-1)).min(-1)
        return (self.separation[0] <= closest) & (closest <= self.separation[1])

    def _draw_theta(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw parameters whose components are as far apart as wanted."""
        while True:
            pi, mu, sd = self._propose(rng, _PROPOSALS)
            (accepted,) = np.nonzero(self._is_separated(mu, sd))
            if accepted.size:
                first = accepted[0]
                return {"pi": pi[first], "mu": mu[first], "sd": sd[first]}

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Simulate one data set a seed."""
        rngs = simulation.generators(seeds)
        n_obs = simulation.draw_integers(rngs, self.n_obs)
        thetas = [self._draw_theta(rng) for rng in rngs]
        # Every data set is drawn at the largest size and cut to its own.
        uniforms = simulation.draw_each(rngs, lambda rng: rng.random(self.n_obs[1]))
        noise = simulation.draw_each(rngs, lambda rng: rng.standard_normal((self.n_obs[1], self.n_dims)))
        z = simulation.draw_categories(uniforms, np.stack([theta["pi"] for theta in thetas])[:, None])
        out = []
        for theta, size, labels, deviates in zip(thetas, n_obs, z, noise, strict=True):
            labels = labels[:size].copy()
            y = theta["mu"][labels] + theta["sd"][labels] * deviates[:size]
            out.append(DataSet(y=y, theta=theta, z=labels))
        return out

    def prior_predictive(self, rng: np.random.Generator, n: int) -> list[DataSet]:
        """Draw data sets from the whole prior, however close their components."""
        return Scenario.prior_predictive(replace(self, separation=(0.0, math.inf)), rng, n)

    def stan_data(self, data: DataSet) -> dict[str, Any]:
        """Return the data block of gmm_multivariate.stan."""
        n_obs, n_dims = len(summarise(data.y).mean), data.y.shape[1]
        if n_dims != self.n_dims:
            raise ValueError(f"This scenario has {self.n_dims} values an observation, not {n_dims}.")
        prior = self._prior
        return {
            "N": n_obs,
            "K": self.n_components,
            "D": n_dims,
            "y": data.y.tolist(),
            "concentration": [prior.concentration] * self.n_components,
            "mu_mean": prior.mu_mean,
            "mu_sd": prior.mu_sd,
            "variance_shape": prior.variance_shape,
            "variance_scale": prior.variance_scale,
        }

    def initial_values(self, data: DataSet, seed: int) -> dict[str, Any]:
        """Return the clusters of k-means from a random start, moved and under random labels.

        From single observations as means, as from Stan's own start, chains end in modes of negligible mass.
        """
        from sklearn.cluster import KMeans  # slow to import

        rng = np.random.default_rng(seed)
        k = self.n_components
        found = KMeans(k, n_init=1, max_iter=10, random_state=int(rng.integers(2**31))).fit(data.y)  # pyright: ignore[reportArgumentType]
        own = found.cluster_centers_[found.labels_]
        spread = np.sqrt(((data.y - own) ** 2).mean()) * np.exp(rng.uniform(-0.5, 0.5, (k, self.n_dims)))
        centre = found.cluster_centers_ + 0.25 * spread * rng.standard_normal(spread.shape)
        return {
            "pi": rng.dirichlet(np.full(k, _START_CONCENTRATION)).tolist(),
            "mu": rng.permutation(centre).tolist(),
            "sd": spread.tolist(),
        }

    def memberships(
        self, data: DataSet, parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return the mixture's memberships."""
        pi, mu, sd = (parameters[name] for name in ("pi", "mu", "sd"))
        return {"membership": diagonal_mixture_memberships(data.y, pi, mu, sd)}

    def plotted(self, data: DataSet) -> Float[np.ndarray, " obs"]:
        """Return the first dimension."""
        return data.y[:, 0]
