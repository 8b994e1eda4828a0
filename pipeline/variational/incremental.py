"""Adding to a proposal where its importance weights are largest.

Expectation maximisation moves the components that there are, by the bulk of the weighted draws. The largest
weights, which k-hat is about, come from places that none of them reaches. Incremental mixture importance
sampling (Raftery and Bao 2010, Biometrics 66(4)) puts a component of its own at the largest weight, with the
covariance of the draws nearest to it, and goes on.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from pipeline.variational.student import StudentMixture

LARGE = 1.5  # times the mean weight: smaller ones leave little to mend
NEAREST = 0.03  # share of the draws that give a new component its place and its covariance
NEEDED_EACH = 10  # of them for each dimension, at the least
SHARE = 0.05  # of the proposal that the new components of one round get together
FREEDOM = 10.0  # their degrees of freedom, as a core's


class _Component(NamedTuple):
    mean: Float[np.ndarray, " dim"]
    chol: Float[np.ndarray, "dim dim"]
    nearest: Bool[np.ndarray, " draw"]


def with_largest(
    proposal: StudentMixture,
    x: Float[np.ndarray, "draw dim"],
    weight: Float[np.ndarray, " draw"],
    *,
    at_most: int,
    is_full_rank: bool,
) -> StudentMixture:
    """Return the proposal with t distributions at its largest weights, or itself where none is large.

    Args:
        proposal: what the draws are from.
        x: the draws.
        weight: their importance weights, of mean one.
        at_most: so many t distributions; each one's draws are no candidates for the next one's place.
        is_full_rank: whether components have full scale matrices.
    """
    found: list[_Component] = []
    candidates = weight.copy()
    while len(found) < at_most and candidates.max() > LARGE:
        found.append(_around(proposal, x, weight, int(candidates.argmax()), is_full_rank))
        candidates[found[-1].nearest] = 0
    if not found:
        return proposal
    return StudentMixture(
        np.concatenate(
            [proposal.log_weight + np.log1p(-SHARE), np.full(len(found), np.log(SHARE / len(found)))]
        ),
        np.concatenate([proposal.mean, [one.mean for one in found]]),
        np.concatenate([proposal.chol, [one.chol for one in found]]),
        np.concatenate([proposal.freedom, np.full(len(found), FREEDOM)]),
    )


def _around(
    proposal: StudentMixture,
    x: Float[np.ndarray, "draw dim"],
    weight: Float[np.ndarray, " draw"],
    at: int,
    is_full_rank: bool,
) -> _Component:
    """Return a component for the draws nearest to one of them, by the scale of its likeliest component.

    As in the paper, they count by the mean of their importance weight and one.
    """
    dim = x.shape[1]
    chol = proposal.chol[proposal.joint(x[at : at + 1])[0][:, 0].argmax()]
    distance = (np.linalg.solve(chol, (x - x[at]).T) ** 2).sum(axis=0)
    count = min(len(x), max(NEEDED_EACH * dim, round(NEAREST * len(x))))
    nearest = distance <= np.partition(distance, count - 1)[count - 1]
    share = weight[nearest] + 1
    share /= share.sum()
    mean = share @ x[nearest]
    apart = x[nearest] - mean
    scale = (share[:, None] * apart).T @ apart
    return _Component(mean, np.linalg.cholesky(scale if is_full_rank else scale * np.eye(dim)), nearest)
