"""Permutations of component labels, and how parameters follow them.

A permutation says, for each new label j, which component of the draw as given bears it:
``relabelled[j] = given[permutation[j]]``. Arrays of permutations have the component as their last axis.
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Int

LabelAxes = Mapping[str, tuple[int, ...]]


def all_permutations(n_components: int) -> Int[np.ndarray, "permutation component"]:
    """Return all K! permutations in lexicographic order, the identity first."""
    return np.array(list(itertools.permutations(range(n_components))))


def inverse(permutations: Int[np.ndarray, "*batch component"]) -> Int[np.ndarray, "*batch component"]:
    """Return the permutations that undo the given ones."""
    return np.argsort(permutations, axis=-1)


def compose(
    first: Int[np.ndarray, "*batch component"], then: Int[np.ndarray, "*batch component"]
) -> Int[np.ndarray, "*batch component"]:
    """Return the permutations that do the work of two, one after the other; batches broadcast."""
    first, then = np.broadcast_arrays(first, then)
    return np.take_along_axis(first, then, axis=-1)


def numbers(permutations: Int[np.ndarray, "*batch component"]) -> Int[np.ndarray, "*batch"]:
    """Return the position of each permutation in ``all_permutations``, by its Lehmer code."""
    n_components = permutations.shape[-1]
    position = np.zeros(permutations.shape[:-1], dtype=np.int64)
    for k in range(n_components - 1):
        smaller_after = (permutations[..., k + 1 :] < permutations[..., k : k + 1]).sum(axis=-1)
        position += smaller_after * math.factorial(n_components - 1 - k)
    return position


def permute(
    parameters: Mapping[str, np.ndarray],
    label_axes: LabelAxes,
    permutations: Int[np.ndarray, "*batch component"],
) -> dict[str, np.ndarray]:
    """Return relabelled copies of the parameters; those without label axes come back as they are.

    Args:
        parameters: arrays of shape (*batch, *shape), the batch being that of the permutations.
        label_axes: which axes of a parameter's own shape, from 0, count components. All of them follow one
            permutation: the rows and the columns of a transition matrix together.
        permutations: one for each draw.

    Raises:
        ValueError: a label axis whose length is not the number of components.
    """
    n_batch, n_components = permutations.ndim - 1, permutations.shape[-1]
    out = dict(parameters)
    for name, axes in label_axes.items():
        values = out[name]
        for axis in axes:
            if values.shape[n_batch + axis] != n_components:
                raise ValueError(
                    f"axis {axis} of {name} has length {values.shape[n_batch + axis]}, "
                    f"and there are {n_components} components"
                )
            shape = list(permutations.shape[:-1]) + [1] * (values.ndim - n_batch)
            shape[n_batch + axis] = n_components
            values = np.take_along_axis(values, permutations.reshape(shape), axis=n_batch + axis)
        out[name] = values
    return out


def n_means(parameters: Mapping[str, np.ndarray], label_axes: LabelAxes) -> int:
    """Return how many entries of ``mu`` a component has, which are its first features; 1 without ``mu``."""
    axes = label_axes.get("mu", ())
    if len(axes) != 1:
        return 1
    shape = list(parameters["mu"].shape[1:])
    del shape[axes[0]]
    return math.prod(shape)


def features(parameters: Mapping[str, np.ndarray], label_axes: LabelAxes) -> np.ndarray:
    """Return what describes single components, of shape (draw, component, feature), ``mu`` first if there.

    A parameter with one label axis gives all its other entries, one with two its diagonal.
    """
    parts = []
    for name in sorted(label_axes, key=lambda name: name != "mu"):
        values, axes = parameters[name], [1 + axis for axis in label_axes[name]]
        if len(axes) == 2:
            parts.append(np.diagonal(values, axis1=axes[0], axis2=axes[1])[..., None])
            continue
        values = np.moveaxis(values, axes[0], 1)
        parts.append(values.reshape(*values.shape[:2], -1))
    return np.concatenate(parts, axis=-1)
