"""Work in parts that fit a processor's cache, or memory."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def in_parts(function: Callable[[Array], Any], rows: Float[Array, "row *rest"], most: int) -> Any:
    """Return what `function` makes of rows, given at most so many at once.

    Args:
        function: of an array of rows; returns arrays, by any structure, whose first axis is the rows.
        rows: to be worked on.
        most: rows at once; less than one counts as one.
    """
    n_parts = -(-len(rows) // max(1, most))
    if n_parts == 1:
        return function(rows)
    size = -(-len(rows) // n_parts)
    n_parts = -(-len(rows) // size)
    padded = jnp.concatenate([rows, jnp.repeat(rows[-1:], n_parts * size - len(rows), axis=0)])
    parts = jax.lax.map(function, padded.reshape(n_parts, size, *rows.shape[1:]))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[: len(rows)], parts)
