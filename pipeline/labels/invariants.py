"""Quantities of a draw that no relabelling changes: what may be compared however labels switch."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from pipeline.batches import share
from pipeline.labels.permuting import LabelAxes, features

Chains = Float[np.ndarray, "chain draw"]


def invariants(
    parameters: Mapping[str, Float[np.ndarray, "chain draw *shape"]],
    label_axes: LabelAxes,
    log_p: Chains,
    together: Chains,
) -> dict[str, Chains]:
    """Return, by name, the log density, the share of pairs together, and each feature's sorted values.

    Args:
        parameters: draws, whatever their labels.
        label_axes: as of ``permuting.permute``.
        log_p: log density of the draws.
        together: as of ``together``.
    """
    batch = log_p.shape
    flat = {name: parameters[name].reshape(-1, *parameters[name].shape[2:]) for name in label_axes}
    found = {"log density": log_p, "pairs together": together}
    for name in label_axes:
        values = features(flat, {name: label_axes[name]})
        for f in range(values.shape[2]):
            which = "diagonal of " if len(label_axes[name]) == 2 else ""
            column = f"[,{f + 1}]" if values.shape[2] > 1 else ""
            ordered = np.sort(values[:, :, f], axis=1)
            for k in range(values.shape[1]):
                found[f"sorted {which}{name}{column}({k + 1})"] = ordered[:, k].reshape(batch)
    return found


def pairs_together(memberships: Float[np.ndarray, "draw component obs"]) -> Float[np.ndarray, " draw"]:
    """Return how often two observations share a component: sum_k (mean_n p_n(k))^2."""
    return (memberships.mean(axis=2, dtype=float) ** 2).sum(axis=1)


def coclustering(
    memberships: Float[np.ndarray, "draw component obs"], batches: list[Int[np.ndarray, " member"]]
) -> Float[np.ndarray, "batch obs obs"]:
    """Return the posterior similarity matrix, P(z_n = z_m | y), as means over batches of draws.

    Binder (1978, Biometrika 65(1)); with each draw's probabilities in place of drawn allocations, it is the
    mean of sum_k p_n(k) p_m(k). For n = m it is 1. The observations of an HMM are taken as independent
    given theta. Each mean is multiplied by its batch's share of the draws, so that the mean over batches is
    that over draws.
    """
    n_obs = memberships.shape[2]
    out = []
    for batch in batches:
        flat = memberships[batch].reshape(-1, n_obs)
        out.append((flat.T @ flat).astype(float) / len(batch))
        np.fill_diagonal(out[-1], 1.0)
        out[-1] *= share(batch, batches)
    return np.stack(out)
