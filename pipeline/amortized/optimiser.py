"""The optimiser of the networks: Muon for matrices of weights, Adam for the rest."""

from typing import Any, cast

import jax
import optax
from jaxtyping import Array, PyTree

NARROW = 16  # a matrix with a side below this has few directions to balance


def muon(max_norm: float, step_rms: float) -> optax.GradientTransformation:
    """Return steps of descent for a learning rate of one.

    Muon (Jordan, 2024) makes the momentum of a matrix orthogonal, so that a step moves all its singular
    directions alike. What that gains stands in docs/amortized-experiments.md.

    Args:
        max_norm: of the gradient, which is shortened to it.
        step_rms: root mean square of a step of a matrix's elements; Adam's have about 0.2 (Liu et al., 2025).
    """
    steps = optax.contrib.muon(
        1.0, consistent_rms=step_rms, muon_weight_dimension_numbers=cast(Any, _matrices)
    )
    return optax.chain(optax.clip_by_global_norm(max_norm), steps)


def _matrices(parameters: PyTree) -> PyTree:
    """Return the last two axes of each array that is a matrix or a stack of them, None for the others."""

    def axes(x: Array) -> optax.contrib.MuonDimensionNumbers | None:
        if x.ndim < 2 or min(x.shape[-2:]) < NARROW:
            return None
        return optax.contrib.MuonDimensionNumbers(reduction_axis=x.ndim - 2, output_axis=x.ndim - 1)

    return jax.tree.map(axes, parameters)
