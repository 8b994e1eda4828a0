"""Turning a mixture into a proposal for importance sampling, by population Monte Carlo.

The mixture with the best evidence lower bound minimises KL(q || p), with thinner tails than the posterior p.
Cappe, Douc, Guillin, Marin and Robert (2008, Statistics and Computing 18) minimise KL(p || q) instead, over
mixtures of multivariate t distributions: draws from q are weighted by p/q, and expectation maximisation on
the weighted draws, with the probabilities of components in place of those that were drawn (Rao-Blackwellised;
their section 4.2), gives the next q.

Each Gaussian becomes two t distributions, a core and a wider tail, since a posterior that is bent or skewed
follows neither. The degrees of freedom are fixed, as theirs are: they are what a proposal pays so that its
weights stay bounded where the posterior's tails are longer than a Gaussian's. KL(p || q), an average over the
bulk, would not pay it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from pipeline.importance import smoothed
from pipeline.variational.mixture import Mixture
from pipeline.variational.student import StudentMixture

CORE_FREEDOM = 10.0  # degrees of freedom of the core
TAIL_FREEDOM = 5.0  # of the tail, which begins
TAIL_SCALE = 1.5  # so many times as wide as the core
TAIL_SHARE = 0.3  # with this share of the Gaussian's weight
DRAWS = 1000  # a component and round
MAX_ROUNDS = 5
MAX_STEPS = 50  # of expectation maximisation a round
STEP_TOLERANCE = 1e-4  # nats of the weighted log likelihood that a step must gain to be followed by another
NEEDED_EACH = 5  # effective draws of a component for each of its dimensions
MAX_K_HAT = 1.0  # from there on not even the weights' mean exists, which is what a round maximises

LogDensity = Callable[[Float[np.ndarray, "draw dim"]], Float[np.ndarray, " draw"]]


@dataclass(frozen=True)
class Refined:
    """What the refinement ended with.

    Attributes:
        mixture: the best proposal, or None where no weights could be trusted.
        rounds: of expectation maximisation behind it; with none, cores and tails stand in for the Gaussians.
        gain: of KL(p || q) in nats over these, each round's on draws of its own.
        efficiency: effective share of its draws, weighted.
        k_hat: of their weights.
        reason: why there was no further round.
    """

    mixture: StudentMixture | None
    rounds: int
    gain: float
    efficiency: float
    k_hat: float
    reason: str


class _Weighted(NamedTuple):
    """Draws from a proposal with its log density there and their smoothed weights, of sum one."""

    x: Float[np.ndarray, "draw dim"]
    log_q: Float[np.ndarray, " draw"]
    weight: Float[np.ndarray, " draw"]
    k_hat: float


def refine(log_p: LogDensity, start: Mixture, *, is_full_rank: bool, seed: int) -> Refined:
    """Refine a mixture for as long as fresh draws say that it comes nearer to the target.

    Every proposal is judged on draws that no step has seen, which then serve the next round. A round is the
    last where it gains less than twice the gain's Monte Carlo error, and counts only where it gains at all.

    Args:
        log_p: the target's log density, minus infinity where it rejects.
        start: the mixture with the best bound.
        is_full_rank: whether components have full scale matrices.
        seed: of the draws.
    """
    proposal = cores_and_tails(start)
    best = Refined(None, 0, 0.0, np.nan, np.nan, "the last round")
    for number in range(MAX_ROUNDS + 1):
        drawn = _weighted(log_p, proposal, np.random.default_rng([seed, 3, number]))
        if not drawn.k_hat < MAX_K_HAT:
            return replace(best, reason=f"k-hat {drawn.k_hat:.2f}")
        gain, error = (0.0, 0.0) if best.mixture is None else _gain(drawn, best.mixture)
        if best.mixture is None or gain > 0:
            efficiency = 1 / (len(drawn.x) * float((drawn.weight**2).sum()))
            best = Refined(proposal, number, best.gain + gain, efficiency, drawn.k_hat, best.reason)
        if number and not gain > 2 * error:
            return replace(best, reason="no further gain")
        found = _maximised(proposal, drawn, is_full_rank)
        if found is None:
            return replace(best, reason="too few effective draws of a component")
        proposal = found
    return best


def cores_and_tails(mixture: Mixture) -> StudentMixture:
    """Return two t distributions for each Gaussian, the wider one around the other."""
    count = len(mixture.mean)
    return StudentMixture(
        np.concatenate([mixture.log_weight + np.log1p(-TAIL_SHARE), mixture.log_weight + np.log(TAIL_SHARE)]),
        np.concatenate([mixture.mean, mixture.mean]),
        np.concatenate([mixture.chol, TAIL_SCALE * mixture.chol]),
        np.repeat([CORE_FREEDOM, TAIL_FREEDOM], count),
    )


def _weighted(log_p: LogDensity, proposal: StudentMixture, rng: np.random.Generator) -> _Weighted:
    x = proposal.stratified(DRAWS * len(proposal.mean), rng)
    log_q = proposal.log_density(x)
    log_weight, k_hat = smoothed(log_p(x) - log_q)
    return _Weighted(x, log_q, np.exp(log_weight), k_hat)


def _gain(drawn: _Weighted, before: StudentMixture) -> tuple[float, float]:
    """Return KL(p || before) - KL(p || the proposal drawn from), and its Monte Carlo error.

    It is the posterior mean of log q - log before, whose evidence cancels; the error is the delta method's.
    """
    difference = drawn.log_q - before.log_density(drawn.x)
    gain = float(drawn.weight @ difference)
    return gain, float(np.sqrt((drawn.weight**2 * (difference - gain) ** 2).sum()))


def _maximised(proposal: StudentMixture, drawn: _Weighted, is_full_rank: bool) -> StudentMixture | None:
    """Return the mixture of greatest weighted log likelihood.

    Where the draws are too few for a component, it is the one before; None where they were from the start.
    """
    before = -np.inf
    for _ in range(MAX_STEPS):
        log_joint, distance = proposal.joint(drawn.x)
        log_q = logsumexp(log_joint, axis=0)
        value = float(drawn.weight @ log_q)
        if not value - before > STEP_TOLERANCE:
            break
        share = drawn.weight * np.exp(log_joint - log_q)
        found = _step(drawn.x, share, distance, proposal.freedom, is_full_rank)
        if found is None:
            return proposal if np.isfinite(before) else None
        proposal, before = found, value
    return proposal


def _step(
    x: Float[np.ndarray, "draw dim"],
    share: Float[np.ndarray, "component draw"],
    distance: Float[np.ndarray, "component draw"],
    freedom: Float[np.ndarray, " component"],
    is_full_rank: bool,
) -> StudentMixture | None:
    """Return the mixture after a step of expectation maximisation.

    Args:
        x: the draws.
        share: their weights, times the probability of each component.
        distance: (x - mu)' S^-1 (x - mu) of each component.
        freedom: degrees of freedom of each component.
        is_full_rank: whether components have full scale matrices.
    """
    dim, total = x.shape[1], share.sum(1)
    if not (total**2 > NEEDED_EACH * dim * (share**2).sum(1)).all():
        return None
    pull = share * (freedom[:, None] + dim) / (freedom[:, None] + distance)
    mean = pull @ x / pull.sum(1)[:, None]
    apart = x - mean[:, None]
    scale = (pull[..., None] * apart).transpose(0, 2, 1) @ apart / total[:, None, None]
    if not is_full_rank:
        scale *= np.eye(dim)
    return StudentMixture(np.log(total / total.sum()), mean, np.linalg.cholesky(scale), freedom)
