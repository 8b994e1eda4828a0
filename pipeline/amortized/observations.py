"""Batches of data sets as arrays: sufficient statistics, padded to one size and masked."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from pipeline.scenarios.base import DataSet
from pipeline.scenarios.sufficient import summarise


class Observations(NamedTuple):
    """Data sets of one scenario.

    Attributes:
        y_mean: mean of each observation's replicates, or its columns along a last axis of their own where
            they are no replicates; whatever stands behind the last one is ignored.
        n_obs: number of observations.
        n_rep: replicates of each observation.
    """

    y_mean: Float[Array, "dataset obs *column"]
    n_obs: Int[Array, " dataset"]
    n_rep: Int[Array, " dataset"]

    def mask(self) -> Float[Array, "dataset obs"]:
        """Return one where there is an observation, zero where there is padding."""
        is_there = jnp.arange(self.y_mean.shape[1]) < self.n_obs[:, None]
        return is_there.astype(self.y_mean.dtype)


def encode(
    data_sets: Sequence[DataSet], n_obs: tuple[int, int], n_rep: tuple[int, int], dtype: type = np.float32
) -> Observations:
    """Turn data sets into arrays, padded to the largest number of observations.

    Args:
        data_sets: simulated or real ones.
        n_obs, n_rep: the smallest and largest sizes that a network was trained for.

    Raises:
        ValueError: observations that are NaN or infinite, or of a size outside those ranges: a network says
            nothing sensible about either.
    """
    y_mean = np.zeros((len(data_sets), n_obs[1]), dtype)
    sizes = np.empty((2, len(data_sets)), np.int32)
    for i, data in enumerate(data_sets):
        replicates = summarise(data.y)
        for size, (least, most), what in (
            (len(replicates.mean), n_obs, "observations"),
            (replicates.n_rep, n_rep, "replicates"),
        ):
            if not least <= size <= most:
                raise ValueError(f"Data set {i} has {size} {what}; the network knows {least} to {most}.")
        y_mean[i, : len(replicates.mean)] = replicates.mean
        sizes[:, i] = len(replicates.mean), replicates.n_rep
    # NumPy's own arrays: compiled functions take them as they are, which is quicker for a single data set.
    return Observations(y_mean, sizes[0], sizes[1])  # pyright: ignore[reportArgumentType]


def encode_columns(data_sets: Sequence[DataSet], n_obs: tuple[int, int], n_columns: int) -> Observations:
    """Turn data sets whose columns are not replicates into arrays, as ``encode`` does.

    Raises:
        ValueError: observations that are NaN or infinite, or of a size that the network does not know.
    """
    y = np.zeros((len(data_sets), n_obs[1], n_columns), np.float32)
    sizes = np.array([len(data.y) for data in data_sets], np.int32)
    for i, data in enumerate(data_sets):
        if data.y.shape[1] != n_columns or not n_obs[0] <= sizes[i] <= n_obs[1]:
            raise ValueError(
                f"Data set {i} is {sizes[i]} x {data.y.shape[1]}; the network knows {n_obs[0]} to {n_obs[1]} "
                f"observations of {n_columns} columns."
            )
        y[i, : sizes[i]] = data.y
    if not np.isfinite(y).all():
        raise ValueError("observations must be finite; there are NaN or infinite ones.")
    return Observations(y, sizes, np.ones_like(sizes))  # pyright: ignore[reportArgumentType]
