"""Exact memberships and predictive residuals of many data sets at once, each with one vector of parameters.

The scenarios compute memberships of one data set for many draws (pipeline/scenarios/memberships.py); checks
need them for thousands of data sets at their true parameters. Sizes differ, so arrays are padded; what stands
behind a data set's last observation means nothing.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_ndtr, logsumexp, ndtri_exp

from pipeline.scenarios.base import Scenario


class Batch(NamedTuple):
    """Data sets as padded arrays.

    Attributes:
        y_mean: means of the replicates.
        n_obs, n_rep: numbers of observations and replicates.
    """

    y_mean: Float[np.ndarray, "dataset obs"]
    n_obs: Int[np.ndarray, " dataset"]
    n_rep: Int[np.ndarray, " dataset"]

    @property
    def mask(self) -> np.ndarray:
        """Whether there is an observation, (dataset, obs)."""
        return np.arange(self.y_mean.shape[1]) < self.n_obs[:, None]


Parameters = dict[str, Float[np.ndarray, "dataset k"]]
Probabilities = dict[str, Float[np.ndarray, "dataset obs component"]]


def memberships(scenario: Scenario, parameters: Parameters, batch: Batch) -> Probabilities:
    """Return "membership", or "filtering" and "smoothing", at one vector of parameters a data set."""
    log_p = _log_likelihood(scenario, parameters, batch)
    if scenario.family == "mixture":
        return {"membership": _normalised(log_p + np.log(parameters["pi"])[:, None])}
    transition = _transition(parameters)
    likelihood = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
    filtering = _filter(scenario, transition, likelihood)[0]
    # The backward likelihoods of Rabiner (1989, eq. 25), normalised at each time.
    smoothing, beta = filtering.copy(), np.ones(log_p.shape[::2])
    for t in reversed(range(log_p.shape[1] - 1)):
        beta = np.einsum("bij,bj->bi", transition, likelihood[:, t + 1] * beta)
        beta /= beta.sum(axis=-1, keepdims=True)
        smoothing[:, t] *= beta
    return {"filtering": filtering, "smoothing": smoothing / smoothing.sum(axis=-1, keepdims=True)}


def residuals(scenario: Scenario, parameters: Parameters, batch: Batch) -> Float[np.ndarray, "dataset obs"]:
    """Return normal scores of the replicates' means: standard normal and independent at the true parameters.

    They are the normal quantiles of each mean's predictive distribution function, given the earlier ones
    for an HMM (Rosenblatt 1952, Annals of Mathematical Statistics 23), by its log or that of the other tail,
    whichever is the smaller, so that no observation is too far out.
    """
    standardised = _standardised(scenario, parameters, batch)
    if scenario.family == "mixture":
        log_weight = np.log(parameters["pi"])[:, None]
    else:
        log_p = _log_likelihood(scenario, parameters, batch)
        likelihood = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
        predicted = _filter(scenario, _transition(parameters), likelihood)[1]
        log_weight = np.log(np.maximum(predicted, np.finfo(float).tiny))
    below = np.asarray(logsumexp(log_weight + log_ndtr(standardised), axis=-1))
    above = np.asarray(logsumexp(log_weight + log_ndtr(-standardised), axis=-1))
    scores = np.where(below < above, 1.0, -1.0) * ndtri_exp(np.minimum(below, above))
    return np.where(batch.mask, scores, 0.0)


def excess_log_loss(
    exact: Float[np.ndarray, "dataset obs component"],
    found: Float[np.ndarray, "dataset obs component"],
    mask: np.ndarray,
) -> Float[np.ndarray, " dataset"]:
    """Return each data set's mean KL divergence of memberships from the exact ones, in nats an observation.

    It is the expected excess log loss with the components drawn from the exact memberships.
    """
    tiny = np.finfo(float).tiny
    p, q = np.maximum(exact, tiny), np.maximum(found.astype(float), tiny)
    divergence = np.where(mask, np.sum(p * (np.log(p) - np.log(q)), axis=-1), 0.0)
    return divergence.sum(axis=1) / mask.sum(axis=1)


def _standardised(scenario: Scenario, parameters: Parameters, batch: Batch) -> np.ndarray:
    scale = np.sqrt(batch.n_rep)[:, None] / _sd(scenario, parameters)
    return (batch.y_mean[..., None] - parameters["mu"][:, None]) * scale[:, None]


def _sd(scenario: Scenario, parameters: Parameters) -> Float[np.ndarray, "dataset #k"]:
    """Return each component's standard deviation; where it is no parameter, it is the scenario's."""
    if "sd" in parameters:
        return parameters["sd"]
    known = scenario.sd  # pyright: ignore[reportAttributeAccessIssue]
    return np.full((len(parameters["mu"]), 1), known)


def _log_likelihood(scenario: Scenario, parameters: Parameters, batch: Batch) -> np.ndarray:
    log_scale = np.log(_sd(scenario, parameters))[:, None]
    return -0.5 * _standardised(scenario, parameters, batch) ** 2 - log_scale


def _transition(parameters: Parameters) -> Float[np.ndarray, "dataset from_state to_state"]:
    if "transition" in parameters:
        return parameters["transition"]
    stay, leave = parameters["p_stay"], 1 - parameters["p_stay"]
    rows = [np.stack([stay[:, 0], leave[:, 0]], -1), np.stack([leave[:, 1], stay[:, 1]], -1)]
    return np.stack(rows, axis=1)


def _filter(
    scenario: Scenario, transition: np.ndarray, likelihood: Float[np.ndarray, "dataset time state"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return P(z_t | y_1..t) and P(z_t | y_1..t-1)."""
    filtering, predicted = np.empty_like(likelihood), np.empty_like(likelihood)
    n_states = likelihood.shape[-1]
    initial = np.array(getattr(scenario, "initial", np.full(n_states, 1 / n_states)))
    ahead = np.broadcast_to(initial, likelihood.shape[::2])
    for t in range(likelihood.shape[1]):
        predicted[:, t] = ahead
        joint = ahead * likelihood[:, t]
        # Where the likely state is all but impossible, its product underflows.
        filtering[:, t] = np.maximum(joint, np.finfo(float).tiny)
        filtering[:, t] /= filtering[:, t].sum(axis=-1, keepdims=True)
        ahead = np.einsum("bi,bij->bj", filtering[:, t], transition)
    return filtering, predicted


def _normalised(log_p: np.ndarray) -> np.ndarray:
    p = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)
