"""What a fit says of one data set's posterior: all that scoring ever sees of a method."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.labels.runs import Labels


@dataclass(frozen=True)
class Proposal:
    """The normalised density of an approximation, where it has one, in Stan's unconstrained space.

    Attributes:
        log_p: log of the target, unnormalised and with the Jacobian, at draws from the approximation
            itself (raw draws, never resampled ones), by BridgeStan.
        log_q: normalised log density of the approximation at the same draws.
        log_q_reference: the same at the draws of the two reference runs, flattened over their chains; empty
            where the data set has none, and NaN behind the draws of a shorter run.
    """

    log_p: Float[np.ndarray, " proposal_draw"]
    log_q: Float[np.ndarray, " proposal_draw"]
    log_q_reference: Float[np.ndarray, "run reference_draw"]


@dataclass(frozen=True)
class Posterior:
    """Draws of one data set's posterior, with what follows from them.

    Where a scenario's labels are exchangeable, everything is of relabelled draws.

    Attributes:
        parameters: draws in constrained space by the name of the Stan parameter, each of shape
            (chain, draw) or (chain, draw, size). Methods without chains return one chain.
        unconstrained: the same draws in Stan's unconstrained space; without columns where a data set has no
            reference to compare them with (`pipeline.unreferenced`).
        log_p: log of the target, unnormalised and with the Jacobian, at the draws.
        memberships: by kind ("membership" for mixtures, "filtering" and "smoothing" for HMMs), the
            probabilities P(z_n = k | y) as means over batches of draws, each times its share of the draws;
            their mean over batches is the posterior membership, their spread gives its Monte Carlo error.
            Each of several chains has the same number of consecutive batches, one chain after another; a
            single chain's are of independent draws, and unless draws are repeated their shares are one.
        proposal: the approximation's density, where it has one; of the draws as the method gave them, and of
            references that have all copies of their modes.
        labels: how the draws were relabelled; None where labels are identified.
    """

    parameters: dict[str, Float[np.ndarray, "chain draw *shape"]]
    unconstrained: Float[np.ndarray, "chain draw dim"]
    log_p: Float[np.ndarray, "chain draw"]
    memberships: dict[str, Float[np.ndarray, "batch obs component"]]
    proposal: Proposal | None = None
    labels: Labels | None = None

    def scalars(self) -> dict[str, Float[np.ndarray, "chain draw"]]:
        """Return every scalar parameter by its Stan name with 1-based index, such as ``mu[2]``."""
        out = {}
        for name, values in self.parameters.items():
            if values.ndim == 2:
                out[name] = values
                continue
            for index in np.ndindex(values.shape[2:]):
                out[f"{name}[{','.join(str(i + 1) for i in index)}]"] = values[(..., *index)]
        return out
