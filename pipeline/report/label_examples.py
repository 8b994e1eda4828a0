"""What the report shows of one example data set whose labels are exchangeable: variables of examples.nc.

With ``source`` running over the reference and the methods, beside the variables of ``examples``:

    raw_draws (source, parameter, draw)        the thinned draws before relabelling
    chains (source)                            number of chains, whose draws follow one another
    copy_share (source, copy)                  share of all draws in each of the K! copies
    coclustering (source, shown, other)        P(z_n = z_m | y)
    shown_value (shown)                        the observations that coclustering is about
    relabel_s (source, relabeller)             what each relabeller took, and n_draws (source) for how many
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from pipeline.labels.permuting import numbers
from pipeline.labels.runs import USED
from pipeline.posterior import Posterior
from pipeline.scores.label_switching import copy_shares


@dataclass(frozen=True)
class LabelExample:
    """The variables above, as read back; ``relabellers`` names their last axis."""

    raw_draws: Float[np.ndarray, "source parameter draw"]
    chains: Int[np.ndarray, " source"]
    copy_share: Float[np.ndarray, "source copy"]
    coclustering: Float[np.ndarray, "source shown other"]
    shown_value: Float[np.ndarray, " shown"]
    relabellers: tuple[str, ...]
    relabel_s: Float[np.ndarray, "source relabeller"]
    n_draws: Int[np.ndarray, " source"]


def label_variables(
    sources: Mapping[str, Posterior], observed: Float[np.ndarray, " obs"]
) -> dict[str, tuple]:
    """Return the variables but for the draws, or none where labels are identified."""
    labels = [posterior.labels for posterior in sources.values()]
    known = [one for one in labels if one is not None]
    if not known or len(known) < len(labels):
        return {}
    n_copies = math.factorial(known[0].permutations[USED].shape[-1])
    names = list(known[0].wall_s)
    similarity = np.stack([one.coclustering.mean(axis=0) for one in known]).astype(np.float32)
    return {
        "chains": ("source", [p.log_p.shape[0] for p in sources.values()]),
        "n_draws": ("source", [p.log_p.size for p in sources.values()]),
        "copy_share": (
            ("source", "copy"),
            np.stack([copy_shares(numbers(one.permutations[USED]), n_copies) for one in known]),
        ),
        "coclustering": (("source", "shown", "other"), similarity),
        "shown_value": ("shown", observed[known[0].observed]),
        "relabeller": ("relabeller", names),
        "relabel_s": (("source", "relabeller"), [[one.wall_s[name] for name in names] for one in known]),
    }


def raw_posterior(posterior: Posterior) -> Posterior:
    """Return the posterior with its parameters as the method gave them."""
    assert posterior.labels is not None
    return Posterior(posterior.labels.raw(posterior.parameters), posterior.unconstrained, posterior.log_p, {})


def read_labels(data: xr.Dataset) -> LabelExample | None:
    """Return the label variables of one scenario's group, where it has them."""
    if "raw_draws" not in data:
        return None
    return LabelExample(
        raw_draws=data["raw_draws"].values,
        chains=data["chains"].values,
        copy_share=data["copy_share"].values,
        coclustering=data["coclustering"].values,
        shown_value=data["shown_value"].values,
        relabellers=tuple(str(name) for name in data["relabeller"].values),
        relabel_s=data["relabel_s"].values,
        n_draws=data["n_draws"].values,
    )
