"""Runs of exchangeable scenarios: relabelled by one mechanism, and copies of points under all labels."""

import numpy as np
from jaxtyping import Float

from pipeline.labels.permuting import all_permutations, permute
from pipeline.labels.runs import Labels, relabel
from pipeline.methods.base import Task
from pipeline.posterior import Posterior

MAX_SHOWN = 50  # observations whose co-clustering is kept: a matrix of all would dwarf the draws
MAX_COPIES = 24  # of four components: what goes through all of them takes no more
_KINDS = {"mixture": "membership", "hmm": "smoothing"}


def relabel_run(
    task: Task,
    parameters: dict[str, Float[np.ndarray, "chain draw *shape"]],
    log_p: Float[np.ndarray, "chain draw"],
    reference: Posterior | None,
) -> tuple[dict[str, np.ndarray], Labels]:
    """Relabel a run within itself and align it with the first reference.

    The first reference itself is aligned with the truth where that is known, so that accuracy means
    something.
    """
    scenario, data = task.scenario, task.data
    kind = _KINDS[scenario.family]
    target = None
    if reference is not None:
        target = reference.memberships[kind].mean(axis=0)
    elif data.z is not None:
        target = np.eye(scenario.n_components)[data.z]
    return relabel(
        parameters,
        log_p,
        lambda draws: scenario.memberships(data, draws)[kind],
        scenario.label_axes,
        target,
        _shown(scenario.plotted(data), in_time=scenario.family == "hmm"),
    )


def with_all_copies(task: Task, reference: Posterior) -> Float[np.ndarray, "draw dim"]:
    """Return a relabelled reference's draws in unconstrained space, spread evenly over all K! labellings.

    By symmetry the posterior is the same under every permutation of the labels: a certified run that knows
    one copy knows them all. Draw i gets permutation number i modulo K!.
    """
    n_chains, n_draws = reference.log_p.shape
    cycle = all_permutations(task.scenario.n_components)
    permutations = cycle[np.arange(n_chains * n_draws) % len(cycle)].reshape(n_chains, n_draws, -1)
    flat = task.model.flatten(permute(reference.parameters, task.scenario.label_axes, permutations))
    return task.model.unconstrain(flat.reshape(n_chains * n_draws, -1))


class Copies:
    """All permutations of the labels of points in Stan's unconstrained space; one where labels are known.

    Permuted in constrained space, where copies are alike. The stretch of the way back is the same for all:
    it is a product over the entries of a parameter, or over those of simplexes.
    """

    def __init__(self, task: Task):
        self._model, self._axes = task.model, task.scenario.label_axes
        self._all = all_permutations(task.scenario.n_components) if self._axes else np.zeros((1, 0), int)

    def __len__(self) -> int:
        return len(self._all)

    def of(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, "copy draw dim"]:
        """Return every point under every permutation, the identity first."""
        out = np.repeat(x[None], len(self), axis=0)
        if self._axes:
            parameters = self._model.by_name(self._model.constrain(x))
            for i, order in enumerate(self._all[1:], start=1):
                permuted = permute(parameters, self._axes, np.tile(order, (len(x), 1)))
                out[i] = self._model.unconstrain(self._model.flatten(permuted))
        return out


def _shown(y: Float[np.ndarray, " obs"], *, in_time: bool) -> np.ndarray:
    """Return observations spread evenly over time, or over the order of their values."""
    order = np.arange(len(y)) if in_time else np.argsort(y, kind="stable")
    return order[np.linspace(0, len(y) - 1, min(len(y), MAX_SHOWN)).round().astype(int)]
