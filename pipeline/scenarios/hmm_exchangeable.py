"""Gaussian hidden Markov model with exchangeable states: unknown transitions, means and standard deviations.

Nothing in prior or likelihood tells states apart, so the posterior has K! copies of each mode.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pipeline.scenarios import checks, simulation
from pipeline.scenarios.base import DataSet, Family
from pipeline.scenarios.free_gaussians import FreeHmm, FreeScenario, Prior


@dataclass(frozen=True)
class HmmExchangeable(FreeScenario):
    """Rows of the transition matrix ~ Dirichlet, mu_k ~ Normal, sd_k^2 ~ inverse Gamma, uniform first state.

    Attributes:
        n_components: number of states.
        n_times: length of each series.
        concentration: of the symmetric Dirichlet prior of each row of the transition matrix.
        mu_mean: prior mean of each state's mean.
        mu_sd: prior standard deviation of each state's mean.
        variance_shape: shape of the inverse Gamma prior of each state's variance.
        variance_scale: its scale.
        ordered: whether the means increase: the twin with identified labels and the same prior otherwise.
    """

    name: ClassVar[str] = "hmm-exchangeable"
    family: ClassVar[Family] = FreeHmm.family
    n_datasets: ClassVar[None] = None
    input_files: ClassVar[tuple[Path, ...]] = ()

    n_components: int = 3
    n_times: int = 200
    concentration: float = 1.0
    mu_mean: float = 0.0
    mu_sd: float = 5.0
    variance_shape: float = 5.0
    variance_scale: float = 5.0
    ordered: bool = False

    def __post_init__(self):
        _ = self._model  # building it checks the prior's settings
        checks.check_at_least("n_times", self.n_times, 2)

    @functools.cached_property
    def _model(self) -> FreeHmm:
        prior = Prior(self.concentration, self.mu_mean, self.mu_sd, self.variance_shape, self.variance_scale)
        return FreeHmm(self.n_components, prior, self.ordered)

    @property
    def _sizes(self) -> tuple[int, int]:
        return self.n_times, self.n_times

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Simulate one data set a seed."""
        rngs, k = simulation.generators(seeds), self.n_components
        rows = np.full(k, self.concentration)
        transition = simulation.draw_each(rngs, lambda rng: rng.dirichlet(rows, k))
        mu = simulation.draw_each(rngs, lambda rng: rng.normal(self.mu_mean, self.mu_sd, k))
        precision = simulation.draw_each(rngs, lambda rng: rng.gamma(self.variance_shape, size=k))
        sd = np.sqrt(self.variance_scale / precision)
        uniforms = simulation.draw_each(rngs, lambda rng: rng.random(self.n_times))
        noise = simulation.draw_each(rngs, lambda rng: rng.standard_normal(self.n_times))
        z = np.empty(uniforms.shape, dtype=int)
        z[:, 0] = simulation.draw_categories(uniforms[:, 0], np.full(k, 1 / k))
        every = np.arange(len(z))
        for t in range(1, self.n_times):
            z[:, t] = simulation.draw_categories(uniforms[:, t], transition[every, z[:, t - 1]])
        y = np.take_along_axis(mu, z, axis=1) + np.take_along_axis(sd, z, axis=1) * noise
        if self.ordered:
            # States are renamed after all is drawn: the twin without an order has the same observations.
            order = np.argsort(mu, axis=1)
            mu, sd = (np.take_along_axis(values, order, axis=1) for values in (mu, sd))
            transition = transition[every[:, None, None], order[:, :, None], order[:, None]]
            z = np.take_along_axis(np.argsort(order, axis=1), z, axis=1)
        return [
            DataSet(
                y=y[i, :, None].copy(),
                theta={"transition": transition[i], "mu": mu[i], "sd": sd[i]},
                z=z[i],
            )
            for i in range(len(rngs))
        ]
