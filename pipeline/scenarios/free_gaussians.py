"""Mixture and HMM of Gaussians whose means and standard deviations are unknown, with data-scaled priors.

The prior is that of Richardson and Green (1997, J. R. Stat. Soc. B 59, 731-792, section 2) without its last
level. Over the range R of the data and their midrange xi they take mu_k ~ Normal(xi, R),
1 / sd_k^2 ~ Gamma(2, beta), beta ~ Gamma(0.2, 10 / R^2) and weights ~ Dirichlet(1, ..., 1). Here beta is
fixed at its prior mean, 0.02 R^2, so sd_k^2 ~ inverse-Gamma(2, 0.02 R^2): the prior mode of sd_k is about
R / 11, and no component can shrink onto one observation, which would leave the posterior without bound.

Such posteriors have modes of negligible mass (for the galaxies with K = 3 all but one together 0.6%, by
Laplace's approximation at each) that hold a chain for long. Which mode a chain finds depends on where it
starts, and Stan's own start knows nothing of the data's place: on the galaxies it left 22 chains of 100 in
such a mode after 1,000 warm-up iterations, and 19 with a sharper prior of the variances (shape 5). So fits
start from components spread evenly over the range, as the prior of the means has it, each mean moved by up
to a quarter of its share: 2 chains of 100, and 6 reference runs of 6 passed their certificate.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.scenarios.base import DataSet, Family, Scenario
from pipeline.scenarios.checks import check_finite, check_n_components, check_positive
from pipeline.scenarios.memberships import hmm_memberships, mixture_memberships
from pipeline.scenarios.prior_draws import draw_data_sets
from pipeline.scenarios.sufficient import summarise

# Of the Dirichlet draws that fits start from: about equal weights, none of them near zero.
_START_CONCENTRATION = 20.0


@dataclass(frozen=True)
class Prior:
    """Numbers of the prior, the same for all components.

    Attributes:
        concentration: of the symmetric Dirichlet prior of the weights, or of each row of the transition
            matrix.
        mu_mean: prior mean of each component mean, before they are ordered.
        mu_sd: prior standard deviation of each component mean.
        variance_shape: shape of the inverse Gamma prior of each component's variance.
        variance_scale: its scale, in squared units of the data.
    """

    concentration: float
    mu_mean: float
    mu_sd: float
    variance_shape: float
    variance_scale: float

    def __post_init__(self):
        check_finite("mu_mean", self.mu_mean)
        for key in ("concentration", "mu_sd", "variance_shape", "variance_scale"):
            check_positive(key, getattr(self, key))

    @classmethod
    def scaled_by(
        cls,
        y: Float[np.ndarray, " obs"],
        *,
        concentration: float,
        mu_mean: float | None,
        mu_sd: float | None,
        variance_shape: float,
        variance_scale: float | None,
    ) -> "Prior":
        """Fill in, for each None, the number that the data's range gives."""
        low, high = float(y.min()), float(y.max())
        data_range = high - low
        return cls(
            concentration=concentration,
            mu_mean=(low + high) / 2 if mu_mean is None else mu_mean,
            mu_sd=data_range if mu_sd is None else mu_sd,
            variance_shape=variance_shape,
            variance_scale=0.02 * data_range**2 if variance_scale is None else variance_scale,
        )


@dataclass(frozen=True)
class FreeMixture:
    """Mixture of Gaussians with weights pi, means mu and standard deviations sd, all unknown.

    Attributes:
        n_components: number of components.
        prior: the same for all components.
        ordered: whether the means increase, which identifies the labels.
    """

    family: ClassVar[Family] = "mixture"
    n_components: int
    prior: Prior
    ordered: bool = True

    def __post_init__(self):
        check_n_components(self.n_components, ordered=self.ordered)

    @property
    def stan_program(self) -> str:
        """The program with ordered means, or that without."""
        return "gmm.stan" if self.ordered else "gmm_exchangeable.stan"

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the Stan parameters."""
        return dict.fromkeys(("pi", "mu", "sd"), (self.n_components,))

    @property
    def label_axes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter has one entry a component."""
        return {} if self.ordered else {"pi": (0,), "mu": (0,), "sd": (0,)}

    def stan_data(self, y: Float[np.ndarray, "obs replicate"]) -> dict[str, Any]:
        """Return the data block of gmm.stan."""
        return _stan_data(y, "N", self.n_components, self.prior)

    def initial_values(self, y: Float[np.ndarray, "obs replicate"], seed: int) -> dict[str, Any]:
        """Return weights near equality, means spread over the range, sds below their gaps."""
        rng = np.random.default_rng(seed)
        pi = rng.dirichlet(np.full(self.n_components, _START_CONCENTRATION))
        return {"pi": pi.tolist(), **_spread_components(y, self.n_components, rng, self.ordered)}

    def memberships(
        self, y: Float[np.ndarray, "obs replicate"], parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return the mixture's memberships."""
        pi, mu, sd = (parameters[name] for name in ("pi", "mu", "sd"))
        return {"membership": mixture_memberships(summarise(y), pi, mu, sd)}


@dataclass(frozen=True)
class FreeHmm:
    """HMM with an unknown transition matrix, means mu and standard deviations sd.

    The first state is uniform over the states, and known to be: one observation out of many tells next to
    nothing about a distribution, and the stationary distribution of the transition matrix would claim that
    the series began long before it was recorded.

    Attributes:
        n_components: number of states.
        prior: the same for all states.
        ordered: whether the means increase, which identifies the labels.
    """

    family: ClassVar[Family] = "hmm"
    n_components: int
    prior: Prior
    ordered: bool = True

    def __post_init__(self):
        check_n_components(self.n_components, ordered=self.ordered)

    @property
    def stan_program(self) -> str:
        """The program with ordered means, or that without."""
        return "hmm.stan" if self.ordered else "hmm_exchangeable.stan"

    @property
    def label_axes(self) -> dict[str, tuple[int, ...]]:
        """Rows and columns of the transition matrix move together."""
        return {} if self.ordered else {"transition": (0, 1), "mu": (0,), "sd": (0,)}

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the Stan parameters; transition[i, j] goes from state i to state j."""
        k = self.n_components
        return {"transition": (k, k), "mu": (k,), "sd": (k,)}

    def stan_data(self, y: Float[np.ndarray, "obs replicate"]) -> dict[str, Any]:
        """Return the data block of hmm.stan."""
        return _stan_data(y, "T", self.n_components, self.prior)

    def initial_values(self, y: Float[np.ndarray, "obs replicate"], seed: int) -> dict[str, Any]:
        """Return transitions near equality, means spread over the range, sds below their gaps."""
        rng = np.random.default_rng(seed)
        transition = rng.dirichlet(np.full(self.n_components, _START_CONCENTRATION), size=self.n_components)
        return {
            "transition": transition.tolist(),
            **_spread_components(y, self.n_components, rng, self.ordered),
        }

    def memberships(
        self, y: Float[np.ndarray, "obs replicate"], parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return the chain's filtering and smoothing probabilities."""
        initial = np.full(self.n_components, 1 / self.n_components)
        transition, mu, sd = (parameters[name] for name in ("transition", "mu", "sd"))
        return hmm_memberships(summarise(y), initial, transition, mu, sd)


class FreeScenario(Scenario):
    """A scenario whose observations follow one of the two models, whatever they are and wherever from.

    Attributes:
        _model: the model with its prior; a cached property, which checks the settings when it is built.
        _sizes: smallest and largest number of observations.
    """

    _model: FreeMixture | FreeHmm
    _sizes: tuple[int, int]

    @property
    def stan_program(self) -> str:
        """The model's program, which depends on whether its means are ordered."""
        return self._model.stan_program

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the Stan parameters."""
        return self._model.parameter_shapes

    @property
    def label_axes(self) -> dict[str, tuple[int, ...]]:
        """Those of all parameters, or none where means are ordered."""
        return self._model.label_axes

    def with_one_more(self) -> FreeMixture | FreeHmm:
        """Return the model with one more component; UserError where there are as many as are allowed."""
        return replace(self._model, n_components=self._model.n_components + 1)

    def prior_predictive(self, rng: np.random.Generator, n: int) -> list[DataSet]:
        """Draw data sets of the scenario's sizes from the whole prior."""
        return draw_data_sets(self._model, rng.integers(*self._sizes, size=n, endpoint=True), rng)

    def stan_data(self, data: DataSet) -> dict[str, Any]:
        """Return the data block of the Stan program."""
        return self._model.stan_data(data.y)

    def initial_values(self, data: DataSet, seed: int) -> dict[str, Any]:
        """Return components spread over the data's range."""
        return self._model.initial_values(data.y, seed)

    def memberships(
        self, data: DataSet, parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return the model's memberships."""
        return self._model.memberships(data.y, parameters)


def _stan_data(
    y: Float[np.ndarray, "obs replicate"], size_name: str, n_components: int, prior: Prior
) -> dict[str, Any]:
    replicates = summarise(y)
    if replicates.n_rep != 1:
        raise ValueError(f"This scenario has one value an observation, not {replicates.n_rep} replicates.")
    return {
        size_name: len(replicates.mean),
        "K": n_components,
        "y": replicates.mean.tolist(),
        "concentration": [prior.concentration] * n_components,
        "mu_mean": prior.mu_mean,
        "mu_sd": prior.mu_sd,
        "variance_shape": prior.variance_shape,
        "variance_scale": prior.variance_scale,
    }


def _spread_components(
    y: Float[np.ndarray, "obs replicate"], n_components: int, rng: np.random.Generator, ordered: bool
) -> dict[str, list[float]]:
    """Return one mean in each of K equal shares of the range, and sds of about a quarter of a share.

    Without an order the means come in a random one.
    """
    share = np.ptp(y) / n_components
    mu = y.min() + share * (np.arange(n_components) + rng.uniform(0.25, 0.75, n_components))
    sd = share / 4 * np.exp(rng.uniform(-0.5, 0.5, n_components))
    if not ordered:
        mu = rng.permutation(mu)
    return {"mu": mu.tolist(), "sd": sd.tolist()}
