"""Relabellers: each returns one permutation a draw that gives components of all draws the same labels.

Which label a component ends up with is arbitrary, but for ``by_mean``; ``align`` makes two runs agree. All
begin from the draw of the highest density, so that the result depends on the set of draws and not on which
copies of a mode the chains happened to visit. Blocks of draws bound the memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pipeline.labels.assignment import best_permutations

MAX_ITERATIONS = 100
_BLOCK = 2**22  # numbers in memory at a time, beside the memberships themselves
_SMALLEST = 1e-30  # logarithms of smaller probabilities are cut: float32 ends near 1e-38

Permutations = Int[np.ndarray, "draw component"]
_Pivot = Float[np.ndarray, "component obs"]


@dataclass(frozen=True)
class Draws:
    """What relabellers look at.

    Attributes:
        features: what describes single components.
        memberships: P(z_n = k | y, theta), the component before the observation; float32 is enough.
        log_p: log of the target, up to a constant.
        n_means: how many features, the first ones, are the component's mean: one for each dimension.
    """

    features: Float[np.ndarray, "draw component feature"]
    memberships: Float[np.ndarray, "draw component obs"]
    log_p: Float[np.ndarray, " draw"]
    n_means: int = 1


def by_mean(draws: Draws) -> Permutations:
    """Order the components of each draw by their means, in several dimensions along one direction.

    No single dimension need tell all components apart. The direction is the one, of the dimensions and of
    those between two components, along which the two nearest components of the densest draw lie furthest
    from one another.
    """
    means = draws.features[:, :, : draws.n_means]
    along = means @ _telling_direction(means[np.argmax(draws.log_p)])
    return np.argsort(along, axis=1, kind="stable")


def _telling_direction(means: Float[np.ndarray, "component dim"]) -> Float[np.ndarray, " dim"]:
    between = np.concatenate([means[i + 1 :] - mean for i, mean in enumerate(means)])
    between = between[np.any(between != 0, axis=1)]
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    # Which of two components comes first must not matter.
    between *= np.sign(np.take_along_axis(between, np.abs(between).argmax(axis=1)[:, None], axis=1))
    candidates = np.concatenate([np.eye(means.shape[1]), between])
    gaps = np.diff(np.sort(means @ candidates.T, axis=0), axis=0).min(axis=0)
    return candidates[gaps.argmax()]


def pivotal(draws: Draws) -> Permutations:
    """Match each draw's features to those of the draw of highest density, the pivot.

    Marin, Mengersen and Robert (2005), Handbook of Statistics 25, section 4.1: the permutation that brings a
    draw closest to the pivot. Distances are squared differences in units of each feature's spread within
    components, which is found by iteration, at first from distances to the nearest component of the pivot.
    """
    pivot = draws.features[np.argmax(draws.log_p)]
    to_all = draws.features[:, :, None, :] - pivot
    spread = np.median(np.abs(to_all).min(axis=2), axis=(0, 1))
    found = None
    for _ in range(MAX_ITERATIONS):
        squared = (to_all / np.where(spread > 0, spread, 1.0)) ** 2
        previous, found = found, best_permutations(squared.sum(axis=-1))
        if previous is not None and np.array_equal(found, previous):
            break
        relabelled = np.take_along_axis(draws.features, found[:, :, None], axis=1)
        spread = np.sqrt(relabelled.var(axis=0).mean(axis=0))
    assert found is not None
    return found


def stephens(draws: Draws) -> Permutations:
    """Make the draws' memberships agree with their own mean in Kullback-Leibler divergence.

    Stephens (2000), J. R. Stat. Soc. B 62, algorithm 2: minimise the sum over draws of
    sum_n sum_k p_n(k) log(p_n(k) / q_n(k)), alternating between q, the mean of the relabelled p, and each
    draw's best permutation. The part p log p does not depend on the labels.
    """
    return _alternate(
        lambda: _blocks(draws.memberships),
        draws.memberships[np.argmax(draws.log_p)],
        lambda mean: np.log(np.maximum(mean, _SMALLEST)),
    )


def ecr(draws: Draws) -> Permutations:
    """Match each draw's allocation of the observations to that of the draw of highest density.

    Equivalence classes representatives: Papastamoulis and Iliopoulos (2010), J. Comput. Graph. Stat. 19(2).
    Of the draws that differ in labels alone the one with the most observations in common with the pivot
    represents them. An observation is allocated to its most probable component, since Stan draws none.
    """
    allocation = _allocate(draws.memberships)
    n_components = draws.memberships.shape[1]
    pivot = _indicators(allocation[np.argmax(draws.log_p)][None], n_components)[0]
    return _match(_allocation_blocks(allocation, n_components), pivot)


def iterative_ecr(draws: Draws) -> Permutations:
    """Match allocations to a pivot that becomes the most frequent relabelled allocation, until it stays.

    Algorithm 1 of Rodriguez and Walker (2014), J. Comput. Graph. Stat. 23(1), and Papastamoulis (2016),
    J. Stat. Softw. 69; as ``ecr``, without its dependence on one draw.
    """
    allocation = _allocate(draws.memberships)
    n_components = draws.memberships.shape[1]
    return _alternate(
        lambda: _allocation_blocks(allocation, n_components),
        _indicators(allocation[np.argmax(draws.log_p)][None], n_components)[0],
        lambda mean: _indicators(mean.argmax(axis=0)[None], n_components)[0],
    )


RELABELLERS: dict[str, Callable[[Draws], Permutations]] = {
    "stephens": stephens,
    "by-mean": by_mean,
    "pivotal": pivotal,
    "ecr": ecr,
    "iterative-ecr": iterative_ecr,
}


def align(
    memberships: Float[np.ndarray, "obs component"], reference: Float[np.ndarray, "obs component"]
) -> Int[np.ndarray, " component"]:
    """Return the one permutation that brings a run's mean memberships closest to the reference's.

    Closest in cross-entropy; for a reference of zeros and ones, true labels, in expected agreement.
    """
    if np.isin(reference, (0, 1)).all():
        score = memberships.T @ reference
    else:
        score = memberships.T @ np.log(np.maximum(reference, _SMALLEST))
    return best_permutations(-score[None])[0]


def mean_memberships(draws: Draws, permutations: Permutations) -> Float[np.ndarray, "component obs"]:
    """Return the mean over draws of the relabelled memberships."""
    return _mean(_blocks(draws.memberships), permutations)


_Blocks = Iterator[tuple[slice, Float[np.ndarray, "block component obs"]]]


def _alternate(
    blocks: Callable[[], _Blocks], start: _Pivot, sharpen: Callable[[_Pivot], _Pivot]
) -> Permutations:
    """Alternate between a pivot and the permutations that fit it best, until the latter stay."""
    found = _match(blocks(), sharpen(start))
    for _ in range(MAX_ITERATIONS):
        previous, found = found, _match(blocks(), sharpen(_mean(blocks(), found)))
        if np.array_equal(found, previous):
            break
    return found


def _match(blocks: _Blocks, pivot: _Pivot) -> Permutations:
    """Return the permutations that maximise the sum over n and j of p_n(permutation[j]) pivot_n(j)."""
    columns = np.ascontiguousarray(pivot.T)
    return np.concatenate([best_permutations(-(block @ columns.astype(block.dtype))) for _, block in blocks])


def _mean(blocks: _Blocks, permutations: Permutations) -> _Pivot:
    """Return the mean of the relabelled blocks, by one matrix product a block and no permuted copy."""
    n_components = permutations.shape[1]
    total: np.ndarray | float = 0.0
    for part, block in blocks:
        # bears[d, i, j]: whether component i of draw d bears the label j.
        bears = permutations[part, None, :] == np.arange(n_components)[:, None]
        flat = bears.reshape(-1, n_components).astype(block.dtype)
        total = total + (flat.T @ block.reshape(len(flat), -1)).astype(float)
    return np.asarray(total) / len(permutations)


def _blocks(values: Float[np.ndarray, "draw component obs"]) -> _Blocks:
    for part in _slices(values.shape):
        yield part, values[part]


def _allocate(memberships: Float[np.ndarray, "draw component obs"]) -> Int[np.ndarray, "draw obs"]:
    """Return each observation's most probable component."""
    # argmax copies what it reduces over an inner axis.
    return np.concatenate([block.argmax(axis=1).astype(np.int16) for _, block in _blocks(memberships)])


def _allocation_blocks(allocation: Int[np.ndarray, "draw obs"], n_components: int) -> _Blocks:
    """Yield allocations as indicators, which take K times the memory."""
    for part in _slices((len(allocation), n_components, allocation.shape[1])):
        yield part, _indicators(allocation[part], n_components)


def _indicators(allocation: Int[np.ndarray, "draw obs"], n_components: int) -> np.ndarray:
    return (allocation[:, None, :] == np.arange(n_components)[:, None]).astype(np.float32)


def _slices(shape: tuple[int, ...]) -> list[slice]:
    size = max(1, _BLOCK // (shape[1] * shape[2]))
    return [slice(start, start + size) for start in range(0, shape[0], size)]
