"""Data sets from the prior of the models in `free_gaussians`, many at a time from one generator."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from pipeline.scenarios.base import DataSet
from pipeline.scenarios.simulation import draw_categories

if TYPE_CHECKING:
    from pipeline.scenarios.free_gaussians import FreeHmm, FreeMixture


def draw_data_sets(
    model: "FreeMixture | FreeHmm", n_obs: Int[np.ndarray, " dataset"], rng: np.random.Generator
) -> list[DataSet]:
    """Draw parameters, components and observations; one data set for each number of observations."""
    n, k, prior = len(n_obs), model.n_components, model.prior
    mu = rng.normal(prior.mu_mean, prior.mu_sd, (n, k))
    if model.ordered:
        # The rest of the prior is exchangeable, so only the means need sorting.
        mu = np.sort(mu, axis=1)
    sd = np.sqrt(prior.variance_scale / rng.gamma(prior.variance_shape, size=(n, k)))
    uniforms = rng.random((n, n_obs.max()))
    if model.family == "mixture":
        name, weights = "pi", rng.dirichlet(np.full(k, prior.concentration), n)
        z = draw_categories(uniforms, weights[:, None])
    else:
        name, weights = "transition", rng.dirichlet(np.full(k, prior.concentration), (n, k))
        z = _path(weights, uniforms)
    y = np.take_along_axis(mu, z, axis=1) + np.take_along_axis(sd, z, axis=1) * rng.standard_normal(z.shape)
    return [
        DataSet(y=y[i, :size, None], theta={name: weights[i], "mu": mu[i], "sd": sd[i]}, z=z[i, :size])
        for i, size in enumerate(n_obs)
    ]


def _path(
    transition: Float[np.ndarray, "dataset from_state to_state"], uniforms: Float[np.ndarray, "dataset time"]
) -> Int[np.ndarray, "dataset time"]:
    """Return paths whose first state is uniform."""
    z = np.zeros_like(uniforms, dtype=int)
    k, every = transition.shape[1], np.arange(len(z))
    z[:, 0] = draw_categories(uniforms[:, 0], np.full(k, 1 / k))
    for t in range(1, z.shape[1]):
        z[:, t] = draw_categories(uniforms[:, t], transition[every, z[:, t - 1]])
    return z
