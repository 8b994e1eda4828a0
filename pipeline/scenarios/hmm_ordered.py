"""Gaussian HMM of two states with known standard deviation, replicated observations and ordered means.

Case 2 of Kucharsky and Buerkner (2025), Amortized Bayesian Mixture Models, arXiv 2501.10229.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from pipeline.scenarios import checks, simulation
from pipeline.scenarios.base import DataSet, Family, Scenario
from pipeline.scenarios.memberships import hmm_memberships
from pipeline.scenarios.sufficient import summarise


@dataclass(frozen=True)
class HmmOrdered(Scenario):
    """p_stay ~ Beta, mu ~ Normal conditioned on increasing order, y[t, r] ~ Normal(mu[z[t]], sd).

    The chain starts from `initial` and stays in state k with probability p_stay[k].

    Attributes:
        mu_mean: prior means of the two state means.
        mu_sd: prior standard deviation of each state mean.
        p_stay_shape: the two shapes of the Beta prior of each probability to stay.
        initial: known distribution of the first state.
        sd: known standard deviation of the observations.
        n_times: number of time points.
        n_rep: smallest and largest number of replicates; each is equally likely, and all time points of a
            data set share it.
    """

    name: ClassVar[str] = "hmm-ordered"
    family: ClassVar[Family] = "hmm"
    stan_program: ClassVar[str] = "hmm_ordered.stan"
    n_datasets: ClassVar[None] = None
    n_components: ClassVar[int] = 2
    input_files: ClassVar[tuple[Path, ...]] = ()

    mu_mean: tuple[float, ...] = (-1.0, 1.0)
    mu_sd: float = 1.0
    p_stay_shape: tuple[float, ...] = (2.0, 2.0)
    initial: tuple[float, ...] = (0.5, 0.5)
    sd: float = 1.0
    n_times: int = 100
    n_rep: tuple[int, int] = (2, 5)

    def __post_init__(self):
        for key in ("mu_mean", "p_stay_shape", "initial"):
            checks.check_length(key, getattr(self, key), 2, "this scenario has two states")
        checks.check_increasing("mu_mean", self.mu_mean)
        checks.check_positive("mu_sd", self.mu_sd)
        checks.check_all_positive("p_stay_shape", self.p_stay_shape)
        checks.check_probabilities("initial", self.initial)
        checks.check_positive("sd", self.sd)
        checks.check_at_least("n_times", self.n_times, 2)
        checks.check_range("n_rep", self.n_rep, smallest=1)

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the Stan parameters."""
        return {"p_stay": (2,), "mu": (2,)}

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Simulate one data set a seed."""
        rngs = simulation.generators(seeds)
        n_rep = simulation.draw_integers(rngs, self.n_rep)
        p_stay = simulation.draw_each(rngs, lambda rng: rng.beta(*self.p_stay_shape, size=2))
        mu = simulation.draw_ordered_normals(rngs, self.mu_mean, self.mu_sd)
        uniforms = simulation.draw_each(rngs, lambda rng: rng.random(self.n_times))
        # Every data set is drawn with the largest number of replicates and cut to its own.
        noise = simulation.draw_each(rngs, lambda rng: rng.standard_normal((self.n_times, self.n_rep[1])))
        z = self._states(uniforms, _transition(p_stay))
        y = np.take_along_axis(mu, z, axis=1)[..., None] + self.sd * noise
        return [
            DataSet(y=y[i, :, : n_rep[i]].copy(), theta={"p_stay": p_stay[i], "mu": mu[i]}, z=z[i])
            for i in range(len(rngs))
        ]

    def stan_data(self, data: DataSet) -> dict[str, Any]:
        """Return the data block of hmm_ordered.stan."""
        replicates = summarise(data.y)
        return {
            "T": len(replicates.mean),
            "n_rep": replicates.n_rep,
            "y_mean": replicates.mean.tolist(),
            "sd": self.sd,
            "initial": list(self.initial),
            "p_stay_shape": list(self.p_stay_shape),
            "mu_mean": list(self.mu_mean),
            "mu_sd": self.mu_sd,
        }

    def initial_values(self, data: DataSet, seed: int) -> None:
        """Leave the start to Stan: the parameters are of unit scale."""

    def memberships(
        self, data: DataSet, parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return the chain's filtering and smoothing probabilities."""
        mu = parameters["mu"]
        transition = _transition(parameters["p_stay"])
        sd = np.full_like(mu, self.sd)
        return hmm_memberships(summarise(data.y), np.array(self.initial), transition, mu, sd)

    def _states(
        self,
        uniforms: Float[np.ndarray, "dataset time"],
        transition: Float[np.ndarray, "dataset from_state to_state"],
    ) -> Int[np.ndarray, "dataset time"]:
        z = np.empty(uniforms.shape, dtype=int)
        z[:, 0] = simulation.draw_categories(uniforms[:, 0], np.array(self.initial))
        every = np.arange(len(z))
        for t in range(1, self.n_times):
            z[:, t] = simulation.draw_categories(uniforms[:, t], transition[every, z[:, t - 1]])
        return z


def _transition(p_stay: Float[np.ndarray, "draw 2"]) -> Float[np.ndarray, "draw from_state to_state"]:
    stay, leave = p_stay, 1 - p_stay
    return np.stack(
        [np.stack([stay[:, 0], leave[:, 0]], axis=-1), np.stack([leave[:, 1], stay[:, 1]], axis=-1)], axis=-2
    )
