"""Components with exchangeable labels, trained on in the order of their means and drawn under all labels.

The posterior is the same under every permutation of the labels, so it is enough to learn it where the means
increase. Networks work with the first mean and the logs of the differences, so that no draw leaves that part.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.labels.permuting import LabelAxes, permute
from pipeline.methods.base import Density, Task

Parameters = dict[str, np.ndarray]


def sort_labels(parameters: Mapping[str, np.ndarray], label_axes: LabelAxes) -> Parameters:
    """Return parameters, (draw, *shape) each, with components in the order of their means' first column."""
    mu = parameters["mu"]
    first = mu if mu.ndim == 2 else mu[..., 0]
    return permute(parameters, label_axes, np.argsort(first, axis=1, kind="stable"))


def to_increments(x: Float[np.ndarray, "draw dim"], order: Sequence[int]) -> Float[np.ndarray, "draw dim"]:
    """Replace the increasing entries at `order` by the first and the logs of the differences."""
    out = x.copy()
    for earlier, later in itertools.pairwise(order):
        # Equal to rounding is possible, and its log is not.
        out[:, later] = np.log(np.maximum(x[:, later] - x[:, earlier], 1e-12))
    return out


def from_increments(
    c: Float[np.ndarray, "draw dim"], order: Sequence[int]
) -> tuple[Float[np.ndarray, "draw dim"], Float[np.ndarray, " draw"]]:
    """Invert ``to_increments``; return x and log |dx/dc|."""
    x = c.copy()
    for earlier, later in itertools.pairwise(order):
        x[:, later] = x[:, earlier] + np.exp(c[:, later])
    return x, c[:, list(order[1:])].sum(axis=1)


def under_random_labels(
    task: Task, x: Float[np.ndarray, "draw dim"], rng: np.random.Generator
) -> Float[np.ndarray, "draw dim"]:
    """Return unconstrained draws, each with its components in a random order."""
    parameters = task.model.by_name(task.model.constrain(x))
    permutations = rng.permuted(np.tile(np.arange(task.scenario.n_components), (len(x), 1)), axis=1)
    permuted = permute(parameters, task.scenario.label_axes, permutations)
    return task.model.unconstrain(task.model.flatten(permuted))


@dataclass(frozen=True)
class UnderAllLabels:
    """The equal mixture of a density's K! copies, in Stan's unconstrained space.

    The density is that of draws whose means increase, and zero elsewhere: only one copy reaches each point.
    """

    task: Task
    sorted_density: Density

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        model, scenario = self.task.model, self.task.scenario
        parameters = sort_labels(model.by_name(model.constrain(x)), scenario.label_axes)
        ascending = model.unconstrain(model.flatten(parameters))
        # The copies are alike in constrained space; unconstraining stretches each in its own way.
        stretch = model.log_jacobian(x) - model.log_jacobian(ascending)
        return self.sorted_density.log_density(ascending) + stretch - math.lgamma(scenario.n_components + 1)
