"""Exact membership probabilities of Gaussian mixtures and Gaussian HMMs, given the parameters.

Everything happens in log space and is vectorised over draws of the parameters; nothing underflows, however
long the series or far the observation. Arrays are laid out with the component before the draw, so that each
operation runs over contiguous memory, and returned as views in the order (draw, obs, component).
"""

import numpy as np
from jaxtyping import Float

from pipeline.scenarios.sufficient import Replicates


def mixture_memberships(
    data: Replicates,
    weights: Float[np.ndarray, "draw component"],
    mean: Float[np.ndarray, "draw component"],
    sd: Float[np.ndarray, "draw component"],
) -> Float[np.ndarray, "draw obs component"]:
    """Return P(z_n = k | y_n, theta), by Bayes' rule.

    Args:
        data: the observations' sufficient statistics.
        weights: mixture weights, each row a simplex.
        mean: means of the components.
        sd: standard deviations of the components.
    """
    log_weights = _log(weights).T[..., None]
    likelihood = _Likelihood(data, mean.T[..., None], sd.T[..., None])
    log_p = likelihood(slice(None))  # (component, draw, obs)
    log_p += log_weights
    _softmax(log_p)
    return np.moveaxis(log_p, 0, -1)


def hmm_memberships(
    data: Replicates,
    initial: Float[np.ndarray, " state"],
    transition: Float[np.ndarray, "draw from_state to_state"],
    mean: Float[np.ndarray, "draw state"],
    sd: Float[np.ndarray, "draw state"],
) -> dict[str, Float[np.ndarray, "draw obs state"]]:
    """Return "filtering", P(z_t | y_1..t), and "smoothing", P(z_t | y_1..T).

    The forward and backward recursions of Rabiner (1989, eqs. 20 and 25),
    alpha_t(j) = p(y_t | j) sum_i alpha_{t-1}(i) A[i, j] and
    beta_t(i) = sum_j A[i, j] p(y_{t+1} | j) beta_{t+1}(j), in log space, normalised at each step.

    Args:
        data: the observations' sufficient statistics, in the order of time.
        initial: distribution of the first state.
        transition: A[i, j] = P(z_t = j | z_{t-1} = i), each row a simplex.
        mean: means of the states.
        sd: standard deviations of the states.
    """
    log_likelihood = _Likelihood(data, np.ascontiguousarray(mean.T), np.ascontiguousarray(sd.T))
    log_transition = _log(np.ascontiguousarray(np.moveaxis(transition, 0, -1)))  # (from, to, draw)
    log_transition_by_target = np.ascontiguousarray(np.swapaxes(log_transition, 0, 1))  # (to, from, draw)
    n_times = len(data.mean)
    # The only large arrays: both results. `filtering` holds logarithms until the backward pass has used them.
    filtering = np.empty((n_times, *mean.T.shape))
    smoothing = np.empty_like(filtering)

    log_predicted = _log(initial)[:, None]
    for t in range(n_times):
        log_alpha = np.add(log_predicted, log_likelihood(t), out=filtering[t])
        log_alpha -= _log_sum_exp(log_alpha)
        log_predicted = _log_sum_exp(log_alpha[:, None] + log_transition)

    log_beta = np.zeros(mean.T.shape)
    for t in reversed(range(n_times)):
        _softmax(np.add(filtering[t], log_beta, out=smoothing[t]))
        np.exp(filtering[t], out=filtering[t])
        log_beta += log_likelihood(t)
        log_beta = _log_sum_exp(log_transition_by_target + log_beta[:, None])
        log_beta -= log_beta.max(axis=0)
    return {
        "filtering": np.moveaxis(filtering, -1, 0),
        "smoothing": np.moveaxis(smoothing, -1, 0),
    }


class _Likelihood:
    """The log likelihood of observations under each component, up to a constant of the data."""

    def __init__(self, data: Replicates, mean: np.ndarray, sd: np.ndarray):
        self._data = data
        self._mean = mean
        self._half_precision = 0.5 / sd**2
        self._log_scale = data.n_rep * np.log(sd)

    def __call__(self, obs: int | slice) -> np.ndarray:
        squares = self._data.mean[obs] - self._mean
        squares *= squares
        squares *= self._data.n_rep
        squares += self._data.sum_squares[obs]
        squares *= -self._half_precision
        squares -= self._log_scale
        return squares


def _log(probabilities: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # a probability of zero is legitimate
        return np.log(probabilities)


def _log_sum_exp(log_p: np.ndarray) -> np.ndarray:
    """Sum over the first axis; where all terms are zero, so is the sum."""
    # The largest term may be -inf, which must not be subtracted from itself.
    shift = np.maximum(log_p.max(axis=0), np.finfo(float).min)
    terms = np.subtract(log_p, shift)
    np.exp(terms, out=terms)
    return _log(terms.sum(axis=0)) + shift


def _softmax(log_p: np.ndarray) -> None:
    """Turn log probabilities into probabilities that sum to one over the first axis, in place."""
    log_p -= log_p.max(axis=0)
    np.exp(log_p, out=log_p)
    log_p /= log_p.sum(axis=0)
