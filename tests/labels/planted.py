"""Draws of posteriors whose labels were permuted on purpose, so that the right answer is known."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import dirichlet, norm

from pipeline.labels.permuting import features, inverse, n_means, permute
from pipeline.labels.relabelling import Draws
from pipeline.scenarios.memberships import diagonal_mixture_memberships, hmm_memberships
from pipeline.scenarios.sufficient import summarise

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


def plant_in_dimensions(seed, n_components, n_dims, separation, n_draws=200, n_obs=300):
    """The same in several dimensions: neighbours may lie ``separation`` sds apart in any direction."""
    rng = np.random.default_rng(seed)
    pi = rng.dirichlet(np.full(n_components, 20.0))
    mu = _apart(rng, n_components, n_dims, separation)
    sd = rng.uniform(0.8, 1.0, (n_components, n_dims))
    z = rng.choice(n_components, n_obs, p=pi)
    y = rng.normal(mu[z], sd[z])
    scale = 1 / np.sqrt(n_obs * pi)[:, None]
    parameters = {
        "pi": dirichlet(n_obs * pi).rvs(n_draws, random_state=rng),
        "mu": mu + sd * scale * rng.normal(size=(n_draws, n_components, n_dims)),
        "sd": sd * np.exp(scale / np.sqrt(2) * rng.normal(size=(n_draws, n_components, n_dims))),
    }

    def found(parameters):
        return diagonal_mixture_memberships(y, *(parameters[name] for name in ("pi", "mu", "sd")))

    return _switched(rng, y, parameters, AXES, found)


def plant_in_time(seed, n_components, separation, n_draws=200, n_times=200):
    """The same of a hidden Markov model: rows and columns of its transition matrix are permuted together."""
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(n_components), n_components) + np.eye(n_components)
    transition /= transition.sum(axis=1, keepdims=True)
    mu = separation * rng.permutation(n_components).astype(float)
    sd = rng.uniform(0.8, 1.0, n_components)
    z = [0]
    for _ in range(n_times - 1):
        z.append(rng.choice(n_components, p=transition[z[-1]]))
    y = rng.normal(mu[z], sd[z])
    visits = np.maximum(np.bincount(z, minlength=n_components), 5)
    scale = 1 / np.sqrt(visits)
    rows = [
        dirichlet(1 + n * row).rvs(n_draws, random_state=rng)
        for n, row in zip(visits, transition, strict=True)
    ]
    parameters = {
        "transition": np.stack(rows, axis=1),
        "mu": mu + sd * scale * rng.normal(size=(n_draws, n_components)),
        "sd": sd * np.exp(scale / np.sqrt(2) * rng.normal(size=(n_draws, n_components))),
    }
    data, initial = summarise(y[:, None]), np.full(n_components, 1 / n_components)

    def found(parameters):
        own = (parameters[name] for name in ("transition", "mu", "sd"))
        return hmm_memberships(data, initial, *own)["smoothing"]

    return _switched(rng, y, parameters, {"transition": (0, 1), "mu": (0,), "sd": (0,)}, found)


def _apart(rng, n_components, n_dims, separation):
    """Means none of which is nearer to another one than the separation, and each has one that near."""
    mu = np.zeros((1, n_dims))
    while len(mu) < n_components:
        direction = rng.normal(size=n_dims)
        new = mu[rng.integers(len(mu))] + separation * direction / np.linalg.norm(direction)
        if np.linalg.norm(mu - new, axis=1).min() > 0.999 * separation:
            mu = np.concatenate([mu, new[None]])
    return mu


def _switched(rng, y, parameters, axes, found):
    """Permute each draw's labels. The log density need only say which draw is the pivot."""
    n_draws, n_components = parameters["sd"].shape[:2]
    switched = np.argsort(rng.random((n_draws, n_components)), axis=1)
    parameters = permute(parameters, axes, switched)
    p = np.moveaxis(found(parameters), 1, 2)
    draws = Draws(features(parameters, axes), p, rng.normal(size=n_draws), n_means(parameters, axes))
    return Planted(y, parameters, draws, inverse(switched))
