"""Relabelled posteriors whose copies and modes are known."""

import numpy as np

from pipeline.labels.permuting import all_permutations
from pipeline.labels.runs import USED, Labels
from pipeline.posterior import Posterior

AXES = {"mu": (0,)}


def exchangeable(seed, copy_of, n_chains=4, n_draws=250, second_mode=0.0):
    """Return a relabelled posterior of three means at -3, 0, 3.

    Args:
        seed: of the draws.
        copy_of: gives for (chain, draw) the number of the copy that the raw draw lies in.
        n_chains, n_draws: sizes.
        second_mode: share of draws, evenly spread, whose means lie at -3, 1, 3 instead.
    """
    rng = np.random.default_rng(seed)
    mu = np.array([-3.0, 0, 3]) + 0.1 * rng.normal(size=(n_chains, n_draws, 3))
    mu[..., 1] += rng.random((n_chains, n_draws)) < second_mode
    copies = np.array([[copy_of(chain, draw) for draw in range(n_draws)] for chain in range(n_chains)])
    permutations = all_permutations(3)[copies]
    y = np.linspace(-4, 4, 15)
    p = np.exp(-0.5 * (y[:, None] - mu[..., None, :]) ** 2)
    p /= p.sum(axis=-1, keepdims=True)
    p = p.reshape(n_chains * n_draws, 15, 3)
    labels = Labels(
        AXES,
        {
            USED: permutations,
            "same": permutations[..., [1, 2, 0]],
            "fixed": np.zeros_like(permutations) + [0, 1, 2],
        },
        {USED: 0.1, "same": 0.1, "fixed": 0.1},
        (p.mean(axis=1) ** 2).sum(axis=-1).reshape(n_chains, n_draws),
        np.arange(15),
        np.stack([np.einsum("dnk,dmk->nm", b, b) / len(b) for b in np.array_split(p, 20)]),
    )
    memberships = np.stack([b.mean(axis=0) for b in np.array_split(p, 20)])
    log_p = -0.5 * (((mu - [-3, 0, 3]) / 0.1) ** 2).sum(axis=-1)
    return Posterior({"mu": mu}, mu, log_p, {"membership": memberships}, labels=labels)


def stuck(chain, draw):
    return chain


def wandering(chain, draw):
    return (draw * 7 + chain) % 6
