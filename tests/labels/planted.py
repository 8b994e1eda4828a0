"""Draws of a mixture's posterior whose labels were permuted on purpose, so that the right answer is known."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import dirichlet, norm

from pipeline.labels.permuting import inverse, permute
from pipeline.labels.relabelling import Draws

AXES = {"pi": (0,), "mu": (0,), "sd": (0,)}


@dataclass(frozen=True)
class Planted:
    """Draws as a sampler that switches labels would give them, and the permutations that undo it."""

    y: np.ndarray
    parameters: dict[str, np.ndarray]
    draws: Draws
    right: np.ndarray


def memberships(y, parameters):
    """P(z_n = k | y, theta) of a univariate mixture, (draw, component, obs), by the definition."""
    pi, mu, sd = (parameters[name][:, :, None] for name in ("pi", "mu", "sd"))
    density = pi * norm.pdf(y, mu, sd)
    return density / density.sum(axis=1, keepdims=True)


def log_density(y, parameters):
    """Log likelihood of a univariate mixture, which knows no labels."""
    pi, mu, sd = (parameters[name][:, :, None] for name in ("pi", "mu", "sd"))
    return np.log((pi * norm.pdf(y, mu, sd)).sum(axis=1)).sum(axis=1)


def as_draws(y, parameters, dtype=float):
    """What relabellers look at, of the given parameters."""
    features = np.stack([parameters[name] for name in ("mu", "pi", "sd")], axis=-1)
    return Draws(features, memberships(y, parameters).astype(dtype), log_density(y, parameters))


def plant(seed, n_components, separation, n_draws=200, n_obs=300, dtype=float):
    """Means ``separation`` sds apart; draws spread about the truth as their posterior would."""
    rng = np.random.default_rng(seed)
    pi = rng.dirichlet(np.full(n_components, 20.0))
    mu = separation * rng.permutation(n_components).astype(float)
    sd = rng.uniform(0.8, 1.0, n_components)
    z = rng.choice(n_components, n_obs, p=pi)
    y = rng.normal(mu[z], sd[z])
    scale = 1 / np.sqrt(n_obs * pi)
    parameters = {
        "pi": dirichlet(n_obs * pi).rvs(n_draws, random_state=rng),
        "mu": mu + sd * scale * rng.normal(size=(n_draws, n_components)),
        "sd": sd * np.exp(scale / np.sqrt(2) * rng.normal(size=(n_draws, n_components))),
    }
    switched = np.argsort(rng.random((n_draws, n_components)), axis=1)
    parameters = permute(parameters, AXES, switched)
    return Planted(y, parameters, as_draws(y, parameters, dtype), inverse(switched))
