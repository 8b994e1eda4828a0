"""Modes that no permutation of labels turns into one another, told by chains that do not meet."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

GENUINE = "genuine modes, no permutations of one another"  # how a description begins
# Two chains of one mode overlap: their medians lie within a few of their standard deviations.
APART = 4.0


def chain_groups(invariants: Mapping[str, Float[np.ndarray, "chain draw"]]) -> list[list[int]]:
    """Group chains that see the same mode, by quantities that no relabelling changes; one group is the rule.

    Two chains are apart if, in some quantity, their medians differ by more than ``APART`` times the root mean
    square of their standard deviations. Chains that others connect are in one group, so that a chain which
    visits both modes joins them: then R-hat has to judge.

    Returns:
        Groups of chains, numbered from 0; the one with the highest median log density first.
    """
    values = np.stack(list(invariants.values()))
    median, sd = np.median(values, axis=2), values.std(axis=2)
    common = np.sqrt((sd[:, :, None] ** 2 + sd[:, None, :] ** 2) / 2)
    apart = (np.abs(median[:, :, None] - median[:, None, :]) > APART * common).any(axis=0)
    n_groups, group = connected_components(csr_array(~apart), directed=False)
    density = np.median(invariants["log density"], axis=1)
    groups = [np.flatnonzero(group == g).tolist() for g in range(n_groups)]
    return sorted(groups, key=lambda chains: -density[chains].max())


def describe_modes(invariants: Mapping[str, Float[np.ndarray, "chain draw"]]) -> str:
    """Say which chains are in which mode and in what these differ most; empty where there is one mode."""
    groups = chain_groups(invariants)
    if len(groups) == 1:
        return ""
    density = invariants["log density"]
    parts = [
        f"chain{'s' if len(chains) > 1 else ''} {', '.join(str(chain + 1) for chain in chains)} "
        f"(log density {np.median(density[chains]):.1f})"
        for chains in groups
    ]
    first, second = groups[0], groups[1]
    gaps = {
        name: abs(np.median(x[first]) - np.median(x[second])) / max(x[first].std(), x[second].std(), 1e-300)
        for name, x in invariants.items()
    }
    widest = max(gaps, key=lambda name: gaps[name])
    return f"{GENUINE}: {' and '.join(parts)} differ most in {widest}"
