"""Exact membership probabilities of Gaussian mixtures and Gaussian HMMs, given the parameters.

Everything happens in log space and is vectorised over draws of the parameters; nothing underflows, however
long the series or far the observation. Arrays are laid out with the component before the draw, so that each
operation runs over contiguous memory, and returned as views in the order (draw, obs, component).
"""

from collections.abc import Iterator

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
    log_p = _log_likelihood(data.mean, data.sum_squares, data.n_rep, mean.T[..., None], sd.T[..., None])
    log_p += _log(weights).T[..., None]  # (component, draw, obs)
    _softmax(log_p, axis=0)
    return np.moveaxis(log_p, 0, -1)


def diagonal_mixture_memberships(
    y: Float[np.ndarray, "obs dim"],
    weights: Float[np.ndarray, "draw component"],
    mean: Float[np.ndarray, "draw component dim"],
    sd: Float[np.ndarray, "draw component dim"],
) -> Float[np.ndarray, "draw obs component"]:
    """Return P(z_n = k | y_n, theta) for components with diagonal covariances, by Bayes' rule.

    Args:
        y: observations, one column a dimension.
        weights: mixture weights, each row a simplex.
        mean: means of the components.
        sd: standard deviations of the components.
    """
    by_dim = (np.moveaxis(values, (2, 1), (0, 1))[..., None] for values in (mean, sd))
    log_p = sum(
        _log_likelihood(column, np.zeros(1), 1, of_mean, of_sd)
        for column, of_mean, of_sd in zip(y.T, *by_dim, strict=True)
    )
    log_p = log_p + _log(weights).T[..., None]  # (component, draw, obs)
    _softmax(log_p, axis=0)
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
    mean, sd = np.ascontiguousarray(mean.T), np.ascontiguousarray(sd.T)
    log_transition = _log(np.ascontiguousarray(np.moveaxis(transition, 0, -1)))  # (from, to, draw)
    log_transition_by_target = np.ascontiguousarray(np.swapaxes(log_transition, 0, 1))  # (to, from, draw)
    # The only large arrays: both results, at first as logarithms that need not sum to one.
    filtering = np.empty((len(data.mean), *mean.shape))
    smoothing = np.empty_like(filtering)

    log_predicted = _log(initial)[:, None]
    for t, log_likelihood in enumerate(_forwards(data, mean, sd)):
        log_alpha = np.add(log_predicted, log_likelihood, out=filtering[t])
        log_alpha -= log_alpha.max(axis=0)
        log_predicted = _log_sum_exp(log_alpha[:, None] + log_transition)

    log_beta = np.zeros_like(mean)
    for t, log_likelihood in enumerate(_backwards(data, mean, sd), start=1):
        np.add(filtering[-t], log_beta, out=smoothing[-t])
        log_beta += log_likelihood
        log_beta = _log_sum_exp(log_transition_by_target + log_beta[:, None])
        log_beta -= log_beta.max(axis=0)

    _softmax(filtering, axis=1)
    _softmax(smoothing, axis=1)
    return {"filtering": np.moveaxis(filtering, -1, 0), "smoothing": np.moveaxis(smoothing, -1, 0)}


def _log_likelihood(
    y_mean: np.ndarray, sum_squares: np.ndarray, n_rep: int, mean: np.ndarray, sd: np.ndarray
) -> np.ndarray:
    """Log likelihood of replicates by their sufficient statistics, up to a constant of the data."""
    log_p = y_mean - mean
    log_p *= log_p
    log_p *= n_rep
    log_p += sum_squares
    log_p *= -0.5 / sd**2
    log_p -= n_rep * np.log(sd)
    return log_p


def _forwards(
    data: Replicates, mean: Float[np.ndarray, "state draw"], sd: Float[np.ndarray, "state draw"]
) -> Iterator[Float[np.ndarray, "state draw"]]:
    """Yield the log likelihood of each time."""
    for block in _blocks(data, mean):
        yield from _log_likelihood_of_times(data, block, mean, sd)


def _backwards(
    data: Replicates, mean: Float[np.ndarray, "state draw"], sd: Float[np.ndarray, "state draw"]
) -> Iterator[Float[np.ndarray, "state draw"]]:
    """Yield the log likelihood of each time, from the last to the first."""
    for block in reversed(_blocks(data, mean)):
        yield from _log_likelihood_of_times(data, block, mean, sd)[::-1]


def _blocks(data: Replicates, mean: np.ndarray) -> list[slice]:
    """Blocks of times of a size that fits the cache: with few draws, calls cost more than arithmetic."""
    size = max(1, 2**14 // mean.size)
    return [slice(start, start + size) for start in range(0, len(data.mean), size)]


def _log_likelihood_of_times(
    data: Replicates, times: slice, mean: np.ndarray, sd: np.ndarray
) -> Float[np.ndarray, "time state draw"]:
    y_mean, sum_squares = (x[times, None, None] for x in (data.mean, data.sum_squares))
    return _log_likelihood(y_mean, sum_squares, data.n_rep, mean, sd)


def _log(probabilities: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # a probability of zero is legitimate
        return np.log(probabilities)


def _log_sum_exp(log_p: np.ndarray) -> np.ndarray:
    """Sum over the first axis, and overwrite the terms; where all are zero, so is the sum."""
    # The largest term may be -inf, which must not be subtracted from itself.
    shift = np.maximum(log_p.max(axis=0), np.finfo(float).min)
    log_p -= shift
    total = np.exp(log_p, out=log_p).sum(axis=0)
    return _log(total) + shift


def _softmax(log_p: np.ndarray, axis: int) -> None:
    """Turn logarithms into probabilities that sum to one over an axis, in place."""
    log_p -= log_p.max(axis=axis, keepdims=True)
    np.exp(log_p, out=log_p)
    log_p /= log_p.sum(axis=axis, keepdims=True)
