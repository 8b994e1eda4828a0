"""How far an approximation is from the exact posterior, by importance sampling: no Stan run is needed."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Importance(NamedTuple):
    """What the importance weights w = p/q say, one value a data set.

    Attributes:
        kl: KL(p || q) in nats, E_p[log w] - log Z with the expectation by self-normalised weights and Z by
            their mean. Too small where the efficiency is: with S draws it cannot exceed log S.
        efficiency: (sum w)^2 / (S sum w^2), the share of draws that reweighting leaves (Kong 1992).
        largest_weight: share of the largest weight.
        log_evidence: log Z, up to the constant that the log density p lacks.
    """

    kl: Float[np.ndarray, " dataset"]
    efficiency: Float[np.ndarray, " dataset"]
    largest_weight: Float[np.ndarray, " dataset"]
    log_evidence: Float[np.ndarray, " dataset"]


def importance(
    log_p: Float[np.ndarray, "dataset draw"], log_q: Float[np.ndarray, "dataset draw"]
) -> Importance:
    """Compare the unnormalised p with the normalised q at independent draws from q.

    A draw without a finite log density, so far out that numbers overflow, has no weight. A mode that q misses
    is seen by none of these; ``kl_to_reference`` sees it.
    """
    log_w = log_p.astype(float) - log_q
    log_w = np.where(np.isfinite(log_w), log_w, -np.inf)
    largest = log_w.max(axis=1, keepdims=True)
    w = np.exp(log_w - largest)
    share = w / w.sum(axis=1, keepdims=True)
    log_z = np.log(w.mean(axis=1)) + largest[:, 0]
    return Importance(
        kl=np.sum(share * np.where(share > 0, log_w, 0.0), axis=1) - log_z,
        efficiency=1 / (log_w.shape[1] * np.sum(share**2, axis=1)),
        largest_weight=share.max(axis=1),
        log_evidence=log_z,
    )
