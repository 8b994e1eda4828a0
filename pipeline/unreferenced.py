"""What is kept of fits to data sets without a reference: as much as the scores without one need.

There may be ten thousand of them. Draws lose digits that Monte Carlo error hides, so that they compress; the
same draws in unconstrained space, and memberships by batches, which only comparisons need, are left out.
"""

from dataclasses import replace

import numpy as np

from pipeline.posterior import Posterior, Proposal

DRAW_BITS = 16  # of the mantissa: a relative error of at most 2^-17, where 1,000 draws leave 3% of an sd
LOG_BITS = 23  # single precision: densities of hundreds of nats, whose differences matter


def slimmed(posterior: Posterior) -> Posterior:
    """Return a posterior of rounded draws, without unconstrained ones, with one batch of memberships."""
    proposal = posterior.proposal
    return replace(
        posterior,
        parameters={name: rounded(draws, DRAW_BITS) for name, draws in posterior.parameters.items()},
        unconstrained=posterior.unconstrained[:, :, :0],
        log_p=rounded(posterior.log_p, LOG_BITS),
        memberships={
            kind: rounded(batches.mean(axis=0, keepdims=True), DRAW_BITS)
            for kind, batches in posterior.memberships.items()
        },
        proposal=proposal
        and Proposal(rounded(proposal.log_p, LOG_BITS), rounded(proposal.log_q, LOG_BITS), np.empty((0, 0))),
    )


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Round to the nearest number with so many bits of mantissa; the zeros behind compress to nothing."""
    cut = 52 - bits
    pattern = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)
    nearest = pattern + np.uint64(1 << (cut - 1)) & ~np.uint64((1 << cut) - 1)
    return np.where(np.isfinite(values), nearest.view(np.float64), values)
