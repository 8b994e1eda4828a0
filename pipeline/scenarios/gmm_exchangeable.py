"""Univariate Gaussian mixture with exchangeable components: unknown weights, means and standard deviations.

Nothing in prior or likelihood tells components apart, so the posterior has K! copies of each mode.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.scenarios import checks, simulation
from pipeline.scenarios.base import DataSet, Family
from pipeline.scenarios.free_gaussians import FreeMixture, FreeScenario, Prior

_PROPOSALS = 500  # prior draws at a time, of which the first separated one is taken
_TRIALS = 20_000


@dataclass(frozen=True)
class GmmExchangeable(FreeScenario):
    """pi ~ Dirichlet, mu_k ~ Normal, sd_k^2 ~ inverse Gamma, y_n ~ Normal(mu[z_n], sd[z_n]).

    Data sets are drawn from the prior, or from that part of it where components are as far apart as wanted.
    The separation is the smallest difference of neighbouring means, in root mean squares of their two sds:
    below 2 two equally frequent components have one common peak, at 4 hardly an observation is in doubt.

    Attributes:
        n_components: number of components.
        separation: least and largest separation of the data sets; fits know nothing of it.
        n_obs: smallest and largest number of observations of a data set; each is equally likely.
        concentration: of the symmetric Dirichlet prior of the weights.
        mu_mean: prior mean of each component mean.
        mu_sd: prior standard deviation of each component mean.
        variance_shape: shape of the inverse Gamma prior of each component's variance.
        variance_scale: its scale.
        ordered: whether the means increase: the twin with identified labels and the same prior otherwise,
            from the same seeds the same data.
    """

    name: ClassVar[str] = "gmm-exchangeable"
    family: ClassVar[Family] = FreeMixture.family
    n_datasets: ClassVar[None] = None
    input_files: ClassVar[tuple[Path, ...]] = ()

    n_components: int = 3
    separation: tuple[float, ...] = (0.0, math.inf)
    n_obs: tuple[int, int] = (150, 250)
    concentration: float = 4.0
    mu_mean: float = 0.0
    mu_sd: float = 5.0
    variance_shape: float = 5.0
    variance_scale: float = 5.0
    ordered: bool = False

    def __post_init__(self):
        _ = self._model  # building it checks the prior's settings
        checks.check_range("n_obs", self.n_obs, smallest=1)
        checks.check_separation(self.separation)
        accepted = int(self._is_separated(self._propose(np.random.default_rng(0), _TRIALS)).sum())
        checks.check_reachable(self.separation, accepted, _TRIALS)

    @functools.cached_property
    def _model(self) -> FreeMixture:
        prior = Prior(self.concentration, self.mu_mean, self.mu_sd, self.variance_shape, self.variance_scale)
        return FreeMixture(self.n_components, prior, self.ordered)

    def _propose(self, rng: np.random.Generator, number: int) -> Float[np.ndarray, "3 number component"]:
        """Draw weights, means and sds from the prior."""
        shape = (number, self.n_components)
        pi = rng.dirichlet(np.full(self.n_components, self.concentration), number)
        mu = rng.normal(self.mu_mean, self.mu_sd, shape)
        variance = self.variance_scale / rng.gamma(self.variance_shape, size=shape)
        return np.stack([pi, mu, np.sqrt(variance)])

    def _is_separated(self, proposals: Float[np.ndarray, "3 number component"]) -> np.ndarray:
        _, mu, sd = np.take_along_axis(proposals, np.argsort(proposals[1], axis=-1)[None], axis=-1)
        common = np.sqrt((sd[:, 1:] ** 2 + sd[:, :-1] ** 2) / 2)
        closest = (np.diff(mu, axis=-1) / common).min(axis=-1)
        return (self.separation[0] <= closest) & (closest <= self.separation[1])

    def _draw_theta(self, rng: np.random.Generator) -> Float[np.ndarray, "3 component"]:
        """Draw weights, means and sds that are as far apart as wanted, in their order if there is one."""
        while True:
            proposals = self._propose(rng, _PROPOSALS)
            (accepted,) = np.nonzero(self._is_separated(proposals))
            if accepted.size:
                theta = proposals[:, accepted[0]]
                return theta[:, np.argsort(theta[1])] if self.ordered else theta

    @property
    def _sizes(self) -> tuple[int, int]:
        return self.n_obs

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Simulate one data set a seed."""
        rngs = simulation.generators(seeds)
        n_obs = simulation.draw_integers(rngs, self.n_obs)
        pi, mu, sd = np.moveaxis(simulation.draw_each(rngs, self._draw_theta), 1, 0)
        # Every data set is drawn at the largest size and cut to its own.
        uniforms = simulation.draw_each(rngs, lambda rng: rng.random(self.n_obs[1]))
        noise = simulation.draw_each(rngs, lambda rng: rng.standard_normal(self.n_obs[1]))
        # Components take their shares of the unit interval from the left, whatever they are called.
        order = np.argsort(mu, axis=1)
        rank = simulation.draw_categories(uniforms, np.take_along_axis(pi, order, axis=1)[:, None])
        z = np.take_along_axis(order, rank, axis=1)
        y = np.take_along_axis(mu, z, axis=1) + np.take_along_axis(sd, z, axis=1) * noise
        return [
            DataSet(
                y=y[i, : n_obs[i], None].copy(),
                theta={"pi": pi[i], "mu": mu[i], "sd": sd[i]},
                z=z[i, : n_obs[i]].copy(),
            )
            for i in range(len(rngs))
        ]
