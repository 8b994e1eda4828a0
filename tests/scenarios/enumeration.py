"""Memberships by brute force: every path of hidden states, in exact probabilities of scipy's densities."""

import itertools

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm


def log_likelihood(y, mean, sd):
    """Log density of each observation's replicates under each component, shape (obs, component)."""
    return norm.logpdf(y[:, :, None], mean, sd).sum(axis=1)


def mixture(y, weights, mean, sd):
    log_joint = np.log(weights) + log_likelihood(y, mean, sd)  # as low as -800: its exponential would be zero
    return np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))


def hmm(y, initial, transition, mean, sd):
    """Return filtering and smoothing, each (time, state), by summing over all paths."""
    n_times, n_states = len(y), len(mean)
    emission = log_likelihood(y, mean, sd)
    filtering = np.stack(
        [_marginal_of_last(emission[: t + 1], initial, transition)[-1] for t in range(n_times)]
    )
    smoothing = _marginal_of_last(emission, initial, transition)
    assert filtering.shape == smoothing.shape == (n_times, n_states)
    return filtering, smoothing


def _marginal_of_last(emission, initial, transition):
    """P(z_t | all of the observations given), for every t."""
    n_times, n_states = emission.shape
    paths = np.array(list(itertools.product(range(n_states), repeat=n_times)))
    log_p = np.log(initial)[paths[:, 0]] + emission[np.arange(n_times), paths].sum(axis=1)
    for t in range(1, n_times):
        log_p += np.log(transition)[paths[:, t - 1], paths[:, t]]
    p = np.exp(log_p - logsumexp(log_p))
    return np.stack([[p[paths[:, t] == k].sum() for k in range(n_states)] for t in range(n_times)])
