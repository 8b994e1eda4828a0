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

The weights' variance is the other thing that importance sampling suffers from, and a bend that holds little
mass decides it. So a last round lowers Renyi's divergence D_2(p || q), the log of the weights' second moment:
exp(-D_2) is their efficiency. Its gradient is that of a weighted log likelihood too, with squared weights
(Akyildiz and Miguez 2021, Statistics and Computing 31, minimise it). The maximum of that likelihood
overshoots, by as much as there is to go: for Gaussians of variance v against 1 the next precision is 2 - 1/v.
Half of the weight on the proposal's own draws makes it arrive.

What no component reaches then gets components of its own (``pipeline.variational.incremental``).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from pipeline.importance import smoothed
from pipeline.variational.incremental import with_largest
from pipeline.variational.mixture import Mixture
from pipeline.variational.student import StudentMixture

CORE_FREEDOM = 10.0  # degrees of freedom of the core
TAIL_FREEDOM = 5.0  # of the tail, which begins
TAIL_SCALE = 1.5  # so many times as wide as the core
TAIL_SHARE = 0.3  # with this share of the Gaussian's weight
DRAWS = 1000  # a component and round
LAST_DRAWS = 4000  # the same of the last round, and a Gaussian of those that add: squared weights are fewer
ADDING_ROUNDS = 3  # each adds at most as many t distributions as there were Gaussians
MAX_ROUNDS = 5
MAX_STEPS = 50  # of expectation maximisation a round
STEP_TOLERANCE = 1e-4  # nats of the weighted log likelihood that a step must gain to be followed by another
MIN_KEPT = 0.95  # share of the efficiency that the last round, or what was added, must leave
NEEDED_EACH = 5  # effective draws of a component for each of its dimensions
MAX_K_HAT = 1.0  # from there on not even the weights' mean exists, which is what a round maximises
MAX_LAST_K_HAT = 0.7  # the second moment ends at .5, but a k-hat of a thousand draws is off by .1 to .2

LogDensity = Callable[[Float[np.ndarray, "draw dim"]], Float[np.ndarray, " draw"]]


@dataclass(frozen=True)
class Refined:
    """What the refinement ended with.

    Attributes:
        mixture: the best proposal, or None where no weights could be trusted.
        rounds: that lowered KL(p || q); with none, cores and tails stand in for the Gaussians.
        gain: of KL(p || q) in nats over these, each round's on draws of its own, the last one's included.
        evened: whether the last round, for the variance of the weights, was one for the better.
        added: number of t distributions added where weights were largest.
        efficiency: effective share of its draws, weighted.
        k_hat: of their weights.
        reason: why there was no further round.
    """

    mixture: StudentMixture | None
    rounds: int
    gain: float
    evened: bool
    added: int
    efficiency: float
    k_hat: float
    reason: str


class _Weighted(NamedTuple):
    """Draws from a proposal with its log density there and their smoothed weights, of sum one."""

    x: Float[np.ndarray, "draw dim"]
    log_q: Float[np.ndarray, " draw"]
    weight: Float[np.ndarray, " draw"]
    k_hat: float

    @property
    def efficiency(self) -> float:
        """Effective share of the draws."""
        return 1 / (len(self.x) * float((self.weight**2).sum()))


def refine(log_p: LogDensity, start: Mixture, *, is_full_rank: bool, seed: int) -> Refined:
    """Refine a mixture while fresh draws say that it comes nearer, even its weights, and add to it.

    Every proposal is judged on draws that no step has seen, which then serve the next round. A round is the
    last of its kind where it gains less than twice the gain's Monte Carlo error, and counts only where it
    gains at all. What evens the weights, or is added, counts where it costs no efficiency to speak of.

    Args:
        log_p: the target's log density, minus infinity where it rejects.
        start: the mixture with the best bound.
        is_full_rank: whether components have full scale matrices.
        seed: of the draws.
    """
    best = _nearest(log_p, start, is_full_rank, seed)
    if best.mixture is None or not best.k_hat < MAX_LAST_K_HAT:
        return best
    return _added(log_p, _evened(log_p, best, is_full_rank, seed), len(start.mean), is_full_rank, seed)


def _evened(log_p: LogDensity, best: Refined, is_full_rank: bool, seed: int) -> Refined:
    """Take the last round, for the variance of the weights."""
    assert best.mixture is not None
    n_draws = LAST_DRAWS * len(best.mixture.mean)
    drawn = _weighted(log_p, best.mixture, n_draws, np.random.default_rng([seed, 4, 0]))
    squared = drawn.weight**2 / (drawn.weight**2).sum()
    halfway = (squared + 1 / len(squared)) / 2
    found = maximised(best.mixture, drawn.x[None], halfway, is_full_rank=is_full_rank)
    if found is None:
        return best
    fresh = _weighted(log_p, found, n_draws, np.random.default_rng([seed, 4, 1]))
    return _where_efficient(best, found, drawn, fresh, evened=True)


def _added(log_p: LogDensity, best: Refined, n_gaussians: int, is_full_rank: bool, seed: int) -> Refined:
    """Add t distributions where weights are largest."""
    assert best.mixture is not None
    proposal, n_draws = best.mixture, LAST_DRAWS * n_gaussians
    for number in range(ADDING_ROUNDS):
        x = proposal.stratified(n_draws, np.random.default_rng([seed, 5, number]))
        log_weight = log_p(x) - proposal.log_density(x)
        weight = np.exp(log_weight - logsumexp(log_weight)) * n_draws
        proposal = with_largest(proposal, x, weight, at_most=n_gaussians, is_full_rank=is_full_rank)
    if proposal is best.mixture:
        return best
    before, after = (
        _weighted(log_p, mixture, n_draws, np.random.default_rng([seed, 5, ADDING_ROUNDS + i]))
        for i, mixture in enumerate((best.mixture, proposal))
    )
    added = len(proposal.mean) - len(best.mixture.mean)
    return _where_efficient(best, proposal, before, after, added=added)


def _where_efficient(
    best: Refined, found: StudentMixture, before: _Weighted, after: _Weighted, **changes: Any
) -> Refined:
    """Return what was found, with these changes, where draws from it say that it costs no efficiency."""
    assert best.mixture is not None
    if not (after.k_hat < MAX_LAST_K_HAT and after.efficiency > MIN_KEPT * before.efficiency):
        return best
    return replace(
        best,
        mixture=found,
        gain=best.gain + _gain(after, best.mixture)[0],
        efficiency=after.efficiency,
        k_hat=after.k_hat,
        **changes,
    )


def _nearest(log_p: LogDensity, start: Mixture, is_full_rank: bool, seed: int) -> Refined:
    """Lower KL(p || q), round after round."""
    proposal = cores_and_tails(start)
    best = Refined(None, 0, 0.0, False, 0, np.nan, np.nan, "the last round")
    for number in range(MAX_ROUNDS + 1):
        drawn = _weighted(
            log_p, proposal, DRAWS * len(proposal.mean), np.random.default_rng([seed, 3, number])
        )
        if not drawn.k_hat < MAX_K_HAT:
            return replace(best, reason=f"k-hat {drawn.k_hat:.2f}")
        gain, error = (0.0, 0.0) if best.mixture is None else _gain(drawn, best.mixture)
        if best.mixture is None or gain > 0:
            best = replace(
                best,
                mixture=proposal,
                rounds=number,
                gain=best.gain + gain,
                efficiency=drawn.efficiency,
                k_hat=drawn.k_hat,
            )
        if number and not gain > 2 * error:
            return replace(best, reason="no further gain")
        found = maximised(proposal, drawn.x[None], drawn.weight, is_full_rank=is_full_rank)
        if found is None:
            return replace(best, reason="too few effective draws")
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


def _weighted(
    log_p: LogDensity, proposal: StudentMixture, n_draws: int, rng: np.random.Generator
) -> _Weighted:
    x = proposal.stratified(n_draws, rng)
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


def maximised(
    proposal: StudentMixture,
    x: Float[np.ndarray, "copy draw dim"],
    weight: Float[np.ndarray, " draw"],
    *,
    is_full_rank: bool,
    max_steps: int = MAX_STEPS,
) -> StudentMixture | None:
    """Return the mixture of greatest weighted log likelihood; None where draws are too few for all of it.

    Where labels are exchangeable, a draw may be any of its copies, of which the mixture knows one; elsewhere
    there is one.
    """
    points, before = x.reshape(-1, x.shape[2]), -np.inf
    for _ in range(max_steps):
        log_joint, distance = proposal.joint(points)
        log_joint = log_joint.reshape(-1, *x.shape[:2])
        log_q = logsumexp(log_joint, axis=(0, 1))
        value = float(weight @ log_q)
        if not value - before > STEP_TOLERANCE:
            break
        share = (weight * np.exp(log_joint - log_q)).reshape(len(log_joint), -1)
        found = _step(points, share, distance, proposal, is_full_rank)
        if found is None:
            return None
        proposal, before = found, value
    return proposal


def _step(
    x: Float[np.ndarray, "draw dim"],
    share: Float[np.ndarray, "component draw"],
    distance: Float[np.ndarray, "component draw"],
    proposal: StudentMixture,
    is_full_rank: bool,
) -> StudentMixture | None:
    """Return the mixture after a step of expectation maximisation; None where no component can take one.

    A component with too few effective draws stays where it is, and only its weight changes: the next round
    draws from it again, when others have moved nearer.

    Args:
        x: the draws.
        share: their weights, times the probability of each component.
        distance: (x - mu)' S^-1 (x - mu) of each component.
        proposal: the mixture before.
        is_full_rank: whether components have full scale matrices.
    """
    dim, total, freedom = x.shape[1], share.sum(1), proposal.freedom
    can_move = total**2 > NEEDED_EACH * dim * (share**2).sum(1)
    if not can_move.any():
        return None
    pull = share * (freedom[:, None] + dim) / (freedom[:, None] + distance)
    mean, chol = proposal.mean.copy(), proposal.chol.copy()
    for k in np.flatnonzero(can_move):
        mean[k] = pull[k] @ x / pull[k].sum()
        apart = x - mean[k]
        scale = (pull[k][:, None] * apart).T @ apart / total[k]
        chol[k] = np.linalg.cholesky(scale if is_full_rank else scale * np.eye(dim))
    with np.errstate(divide="ignore"):  # of a component that no draw with any weight is near
        log_weight = np.log(total / total.sum())
    return StudentMixture(log_weight, mean, chol, freedom)
