"""Scores of an approximation's density against the target: Pareto k-hat and the two KL divergences.

Everything here works on log ratios r = log p - log q of the unnormalised target p to the normalised
approximation q, at draws from q or at draws from the reference.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import log_expit

from pipeline.scores.monte_carlo import Estimate, delta_mcse, effective_size


def pareto_k(log_ratio: Float[np.ndarray, " draw"]) -> Estimate:
    """Return k-hat, the shape of the generalised Pareto tail of the importance ratios p/q.

    Vehtari, Simpson, Gelman, Yao and Gabry (2024), JMLR 25(72), by ArviZ's ``psislw``: at most .5 is good,
    above .7 the draws cannot be corrected by importance sampling. It cannot see a mode that q misses.
    Where the largest ratios are equal to within 1e-9, as for an exact approximation, there is no tail and k
    is 0. It is infinite, with unknown error, where fewer than five ratios stand above the tail's threshold.

    The error is the maximum-likelihood one of the shape, (1 + k) / sqrt(M) for M ratios in the tail (Smith
    1987, Ann. Statist. 15(3)), shrunk as the estimate is by its weak prior worth ten observations.

    Args:
        log_ratio: log p - log q at raw draws from q; minus infinity where the target is zero.

    Raises:
        ValueError: a ratio is NaN or plus infinity.
    """
    import arviz as az  # costs most of a second

    if np.any(np.isnan(log_ratio) | (log_ratio == np.inf)):
        raise ValueError("log ratios must be finite, or minus infinity where the target's density is zero")
    tail = math.ceil(min(0.2 * log_ratio.size, 3 * math.sqrt(log_ratio.size)))
    largest = np.sort(log_ratio)[-tail - 1 :]
    if np.sum(np.isfinite(largest)) < 5:
        return Estimate(math.inf, math.nan)
    if largest[-1] - largest[0] < 1e-9:
        return Estimate(0.0, 0.0)
    value = float(az.psislw(log_ratio)[1])
    if not math.isfinite(value):
        return Estimate(value, math.nan)
    return Estimate(value, (1 + max(value, -0.5)) * math.sqrt(tail) / (tail + 10))


class Bridge(NamedTuple):
    """A bridge sampling estimate of log Z, with what its error needs.

    Attributes:
        log_evidence: estimate of log Z, Z being the integral of p.
        influence_reference: influence of each reference draw on it.
        influence_proposal: influence of each proposal draw on it.
        gap: how far (in nats) the ratios of the two sets of draws lie apart; 0 where they overlap.
    """

    log_evidence: float
    influence_reference: Float[np.ndarray, "chain draw"]
    influence_proposal: Float[np.ndarray, " proposal_draw"]
    gap: float


def bridge_sampling(
    log_ratio_reference: Float[np.ndarray, "chain draw"],
    log_ratio_proposal: Float[np.ndarray, " proposal_draw"],
) -> Bridge:
    """Estimate log Z by the optimal bridge between posterior draws and the proposal's draws.

    Meng and Wong (1996), Statistica Sinica 6, with effective in place of nominal sample sizes for
    the posterior draws (Gronau et al. 2017, J. Math. Psychol. 81). Their fixed point is the root in log Z of

        n1 mean_reference expit(log Z - r - c) = n2 mean_proposal expit(r + c - log Z),  c = log(n1 / n2),

    whose two sides are monotone in log Z, so that bracketing finds it, however small the overlap.

    Raises:
        ValueError: a ratio is NaN or plus infinity, or all are minus infinity on one side.
    """
    for ratios in (log_ratio_reference, log_ratio_proposal):
        if np.any(np.isnan(ratios) | (ratios == np.inf)) or not np.any(np.isfinite(ratios)):
            raise ValueError(
                "log ratios must be finite, or minus infinity where the target's density is zero"
            )
    n_reference = effective_size(log_ratio_reference)
    n_proposal = float(log_ratio_proposal.size)
    offset = math.log(n_reference / n_proposal)

    def log_sides(log_evidence: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the logs of both sides' terms, which are far below 1 where the overlap is small."""
        return (
            log_expit(log_evidence - log_ratio_reference - offset),
            log_expit(log_ratio_proposal + offset - log_evidence),
        )

    def imbalance(log_evidence: float) -> float:
        reference, proposal = log_sides(log_evidence)
        # Means over the draws times effective sizes; the sizes' ratio is exp(offset).
        difference = np.logaddexp.reduce(reference, axis=None) - np.logaddexp.reduce(proposal)
        return float(difference) - math.log(reference.size / proposal.size) + offset

    finite = np.concatenate([log_ratio_reference.ravel(), log_ratio_proposal])
    finite = finite[np.isfinite(finite)]
    margin = abs(offset) + math.log(finite.size) + 40
    lower, upper = float(finite.min()) - margin, float(finite.max()) + margin
    log_evidence = float(brentq(imbalance, lower, upper, xtol=1e-10))  # pyright: ignore[reportArgumentType]

    log_reference, log_proposal = log_sides(log_evidence)
    largest = max(np.max(log_reference), np.max(log_proposal))
    reference, proposal = np.exp(log_reference - largest), np.exp(log_proposal - largest)
    slope = n_reference * np.mean(reference * -np.expm1(log_reference)) + (
        n_proposal * np.mean(proposal * -np.expm1(log_proposal))
    )
    return Bridge(
        log_evidence,
        -n_reference * (reference - reference.mean()) / slope,
        n_proposal * (proposal - proposal.mean()) / slope,
        max(0.0, float(np.min(log_ratio_reference) - np.max(log_ratio_proposal))),
    )


class Divergences(NamedTuple):
    """The two Kullback-Leibler divergences between a posterior and its approximation, in nats.

    Attributes:
        kl_to_reference: KL(reference || approximation) = E_reference[log p - log q] - log Z.
        evidence_gap: KL(approximation || reference) = log Z - E_approximation[log p - log q], which is by how
            much the evidence lower bound falls short.
    """

    kl_to_reference: Estimate
    evidence_gap: Estimate


def divergences(
    log_ratio_reference: Float[np.ndarray, "chain draw"],
    log_ratio_proposal: Float[np.ndarray, " proposal_draw"],
) -> Divergences:
    """Return both divergences; 0 is ideal.

    log Z comes from ``bridge_sampling``. The errors are the delta method's, both terms of each sharing draws.
    Where the two sets of ratios do not overlap the draws only bracket log Z: half the gap is added in
    quadrature, a bound that the estimates' own spread would hide.

    The first is plus infinity, and the second unknown (NaN), where the approximation puts no density at a
    draw of the reference; the second is plus infinity where the target rejects a draw of the approximation,
    and both are unknown where it rejects every one.

    Args:
        log_ratio_reference: log p - log q at the reference's draws, p unnormalised, q normalised.
        log_ratio_proposal: the same at raw draws from the approximation.

    Raises:
        ValueError: a ratio is NaN.
    """
    unknown = Estimate(math.nan, math.nan)
    if np.any(log_ratio_reference == np.inf):
        return Divergences(Estimate(math.inf, math.nan), unknown)
    if np.all(log_ratio_proposal == -np.inf):
        return Divergences(unknown, unknown)
    bridge = bridge_sampling(log_ratio_reference, log_ratio_proposal)

    # Raw draws are independent; equal values are ratios so far off that they count nothing, not repetitions.
    def of_proposal(influence: Float[np.ndarray, " proposal_draw"]) -> float:
        return math.sqrt(float(np.var(influence, ddof=1)) / influence.size)

    expectation = float(np.mean(log_ratio_reference))
    sampling = delta_mcse(log_ratio_reference - expectation - bridge.influence_reference)
    forward = Estimate(
        expectation - bridge.log_evidence,
        math.hypot(sampling, of_proposal(bridge.influence_proposal), bridge.gap / 2),
    )
    if np.any(log_ratio_proposal == -np.inf):
        return Divergences(forward, Estimate(math.inf, math.nan))
    error = math.hypot(
        delta_mcse(bridge.influence_reference),
        of_proposal(bridge.influence_proposal - log_ratio_proposal),
        bridge.gap / 2,
    )
    return Divergences(forward, Estimate(bridge.log_evidence - float(np.mean(log_ratio_proposal)), error))
