"""One data set's posterior as named arrays with named dimensions: what its files hold, in any format.

Keys are "group/variable". Draws are ``posterior`` (constrained parameters), ``unconstrained_posterior``,
``sample_stats`` (lp: the log target with the Jacobian), ``membership`` and, where the method has a density,
``proposal``, and where labels are exchangeable, ``labels``.
"""

import json
from collections.abc import Mapping

import numpy as np

from pipeline.labels.runs import Labels
from pipeline.posterior import Posterior, Proposal

Arrays = dict[str, tuple[tuple[str, ...], np.ndarray]]

# The same for all data sets of a file.
SHARED = ("labels/relabeller", "labels/axes")
_RUN = ("chain", "draw")


def to_arrays(posterior: Posterior) -> Arrays:
    """Lay a posterior out as arrays, each with the names of its dimensions."""
    arrays: Arrays = {
        f"posterior/{name}": ((*_RUN, *(f"{name}_dim_{i}" for i in range(values.ndim - 2))), values)
        for name, values in posterior.parameters.items()
    }
    arrays["unconstrained_posterior/theta_unconstrained"] = (
        (*_RUN, "unconstrained"),
        posterior.unconstrained,
    )
    arrays["sample_stats/lp"] = (_RUN, posterior.log_p)
    for kind, values in posterior.memberships.items():
        arrays[f"membership/{kind}"] = (("batch", f"{kind}_obs", "component"), values)
    if proposal := posterior.proposal:
        arrays["proposal/log_p"] = (("proposal_draw",), proposal.log_p)
        arrays["proposal/log_q"] = (("proposal_draw",), proposal.log_q)
        arrays["proposal/log_q_reference"] = (("run", "reference_draw"), proposal.log_q_reference)
    if labels := posterior.labels:
        names = list(labels.permutations)
        permutations = np.stack([labels.permutations[name] for name in names]).astype(np.int8)
        arrays |= {
            "labels/relabeller": (("relabeller",), np.array(names)),
            "labels/axes": ((), np.array(json.dumps(labels.axes))),
            "labels/permutation": (("relabeller", *_RUN, "component"), permutations),
            "labels/wall_s": (("relabeller",), np.array([labels.wall_s[name] for name in names])),
            "labels/together": (_RUN, labels.together),
            "labels/observed": (("shown",), labels.observed.astype(float)),
            "labels/coclustering": (("batch", "shown", "other"), labels.coclustering.astype(np.float32)),
        }
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Posterior:
    """Undo ``to_arrays``, and remove the padding with NaN of data sets in a file of larger ones."""
    log_p = _trimmed(arrays["sample_stats/lp"], 0, 1)
    chains, draws = log_p.shape

    def of_run(values: np.ndarray) -> np.ndarray:
        return values[:chains, :draws]

    groups: dict[str, dict[str, np.ndarray]] = {}
    for key, values in arrays.items():
        group, name = key.split("/")
        groups.setdefault(group, {})[name] = values
    return Posterior(
        parameters={name: of_run(values) for name, values in groups["posterior"].items()},
        unconstrained=_trimmed(of_run(arrays["unconstrained_posterior/theta_unconstrained"]), 2),
        log_p=log_p,
        memberships={kind: _trimmed(values, 0, 1) for kind, values in groups.get("membership", {}).items()},
        proposal=_proposal(groups.get("proposal", {})),
        labels=_labels(groups.get("labels", {}), chains, draws),
    )


def _proposal(arrays: Mapping[str, np.ndarray]) -> Proposal | None:
    if not arrays or not (n_draws := len(_trimmed(arrays["log_q"], 0))):
        return None
    return Proposal(
        arrays["log_p"][:n_draws], arrays["log_q"][:n_draws], _trimmed(arrays["log_q_reference"], 0, 1)
    )


def _labels(arrays: Mapping[str, np.ndarray], chains: int, draws: int) -> Labels | None:
    if not arrays or not (shown := len(_trimmed(arrays["observed"], 0))):
        return None
    names = [str(name) for name in arrays["relabeller"]]
    permutations = arrays["permutation"][:, :chains, :draws].astype(np.int64)
    axes = json.loads(str(arrays["axes"]))
    return Labels(
        axes={name: tuple(positions) for name, positions in axes.items()},
        permutations=dict(zip(names, permutations, strict=True)),
        wall_s=dict(zip(names, arrays["wall_s"].tolist(), strict=True)),
        together=arrays["together"][:chains, :draws],
        observed=arrays["observed"][:shown].astype(int),
        coclustering=_trimmed(arrays["coclustering"][:, :shown, :shown], 0).astype(float),
    )


def _trimmed(values: np.ndarray, *axes: int) -> np.ndarray:
    """Cut off what lies behind the last number along the given axes."""
    known = ~np.isnan(values)
    for axis in axes:
        others = tuple(i for i in range(values.ndim) if i != axis)
        found = np.flatnonzero(known.any(axis=others))
        size = int(found[-1]) + 1 if found.size else 0
        values = np.take(values, range(size), axis=axis) if size < values.shape[axis] else values
        known = known.take(range(size), axis=axis)
    return values
