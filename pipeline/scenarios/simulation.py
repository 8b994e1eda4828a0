"""Random numbers for many data sets at once, where each data set has a seed of its own.

Every data set draws from its own generator, always the same number of values in the same order, so that
nothing about it depends on its neighbours. What is computed from the values is computed for all data sets
together.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int


def generators(seeds: Sequence[int]) -> list[np.random.Generator]:
    """Return one generator a seed."""
    return [np.random.default_rng(seed) for seed in seeds]


def draw_each(rngs: list[np.random.Generator], draw: Callable[[np.random.Generator], Any]) -> np.ndarray:
    """Return one draw a generator, stacked along a new first axis (dataset, ...)."""
    return np.stack([draw(rng) for rng in rngs])


def draw_integers(rngs: list[np.random.Generator], ends: tuple[int, int]) -> Int[np.ndarray, " dataset"]:
    """Return one uniform integer a generator, both ends included."""
    return draw_each(rngs, lambda rng: rng.integers(*ends, endpoint=True))


def draw_ordered_normals(
    rngs: list[np.random.Generator], mean: Sequence[float], sd: float
) -> Float[np.ndarray, "dataset component"]:
    """Return independent Normal(mean, sd) vectors conditioned on increasing order, by rejection.

    The means of the prior must not fall, so that the order has a probability of at least 1 / K!.
    """
    draws = np.empty((len(rngs), len(mean)))
    pending = np.arange(len(rngs))
    while pending.size:
        draws[pending] = draw_each([rngs[i] for i in pending], lambda rng: rng.normal(mean, sd))
        pending = pending[(np.diff(draws[pending], axis=-1) <= 0).any(axis=-1)]
    return draws


def draw_categories(
    uniforms: Float[np.ndarray, "*batch"], probabilities: Float[np.ndarray, "*batch component"]
) -> Int[np.ndarray, "*batch"]:
    """Turn uniforms in [0, 1) into categories from 0 by inverting the cumulative probabilities."""
    # The last cumulative probability is one by definition, and only by rounding less.
    return (uniforms[..., None] >= np.cumsum(probabilities, axis=-1)[..., :-1]).sum(axis=-1)
