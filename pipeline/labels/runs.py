"""All draws of a run relabelled: by every relabeller, one of which is then used throughout."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pipeline.batches import batches_of
from pipeline.labels.invariants import coclustering, pairs_together
from pipeline.labels.permuting import LabelAxes, compose, features, inverse, n_means, permute
from pipeline.labels.relabelling import RELABELLERS, Draws, align, mean_memberships

USED = "stephens"
_PARTS = 20  # in which memberships are worked out, for memory's sake

Parameters = Mapping[str, Float[np.ndarray, "chain draw *shape"]]


@dataclass(frozen=True)
class Labels:
    """How a run's draws were relabelled, and what relabelling cannot change.

    Attributes:
        axes: which axes of which parameters count components.
        permutations: by relabeller, what to apply to the draws as the method gave them; those of ``USED``
            were applied to the posterior, and are aligned with the reference. The others' labels are their
            own.
        wall_s: by relabeller, how long it took.
        together: of each draw, the probability that two observations share a component.
        observed: the observations, from 0, that ``coclustering`` is about.
        coclustering: P(z_n = z_m | y), as means over batches of draws, each times its share of the draws.
    """

    axes: dict[str, tuple[int, ...]]
    permutations: dict[str, Int[np.ndarray, "chain draw component"]]
    wall_s: dict[str, float]
    together: Float[np.ndarray, "chain draw"]
    observed: Int[np.ndarray, " shown"]
    coclustering: Float[np.ndarray, "batch shown shown"]

    def raw(self, parameters: Parameters) -> dict[str, np.ndarray]:
        """Return relabelled parameters as the method gave them."""
        return permute(parameters, self.axes, inverse(self.permutations[USED]))


def relabel(
    parameters: Parameters,
    log_p: Float[np.ndarray, "chain draw"],
    memberships: Callable[[dict[str, np.ndarray]], Float[np.ndarray, "draw obs component"]],
    label_axes: LabelAxes,
    target: Float[np.ndarray, "obs component"] | None,
    observed: Int[np.ndarray, " shown"],
) -> tuple[dict[str, np.ndarray], Labels]:
    """Relabel a run's draws within the run, then by one permutation that makes it agree with the target.

    Args:
        parameters: draws as the method gave them.
        log_p: log density of the draws, up to a constant.
        memberships: gives the memberships of some draws, flattened over chains.
        label_axes: which axes of which parameters count components.
        target: memberships of a reference, or the truth as zeros and ones, to agree with; without, the
            components are ordered by the mean of their first feature.
        observed: for which observations to keep co-clustering.

    Returns:
        The relabelled parameters, and how they were relabelled.
    """
    batch = log_p.shape
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in parameters.items()}
    p = _all_memberships(flat, memberships, log_p.size)
    draws = Draws(features(flat, label_axes), p, log_p.ravel(), n_means(flat, label_axes))
    permutations, wall_s = {}, {}
    for name, relabeller in RELABELLERS.items():
        started = time.perf_counter()
        permutations[name] = relabeller(draws)
        wall_s[name] = time.perf_counter() - started
    within = permutations[USED]
    if target is None:
        first = np.take_along_axis(draws.features[:, :, 0], within, axis=1)
        last = np.argsort(first.mean(axis=0))
    else:
        last = align(mean_memberships(draws, within).T, target)
    permutations[USED] = compose(within, last)
    by_chain = {name: values.reshape(*batch, -1) for name, values in permutations.items()}
    labels = Labels(
        axes=dict(label_axes),
        permutations=by_chain,
        wall_s=wall_s,
        together=pairs_together(p).reshape(batch),
        observed=observed,
        coclustering=coclustering(p[:, :, observed], batches_of(log_p)),
    )
    return permute(parameters, label_axes, by_chain[USED]), labels


def _all_memberships(
    flat: dict[str, np.ndarray],
    memberships: Callable[[dict[str, np.ndarray]], Float[np.ndarray, "draw obs component"]],
    n_draws: int,
) -> Float[np.ndarray, "draw component obs"]:
    """Fill single-precision memberships batch by batch: the only large array."""
    out = None
    for part in np.array_split(np.arange(n_draws), min(_PARTS, n_draws)):
        found = memberships({name: values[part] for name, values in flat.items()})
        if out is None:
            out = np.empty((n_draws, found.shape[2], found.shape[1]), dtype=np.float32)
        out[part] = np.moveaxis(found, 1, 2)
    assert out is not None
    return out
