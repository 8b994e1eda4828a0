"""Posteriors and data sets on disk: NetCDF that ArviZ reads, one file a (scenario, method).

A file has the groups and variables of ``pipeline.posterior_layout``, each with ``dataset`` as its first
dimension; a data set that failed is absent from it. Data sets of unequal sizes are padded with NaN. Data are
chunked by data set and compressed, so that a few of many are read without the others.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from pipeline.files import reading, whole
from pipeline.posterior import Posterior
from pipeline.posterior_layout import SHARED, from_arrays, to_arrays
from pipeline.scenarios.base import DataSet

_CHUNK_BYTES = 2**16  # at least, where there are as many data sets
_COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_COORDINATES = ("dataset", "chain", "draw")


@dataclass(frozen=True)
class _Block:
    """Some data sets with their variables, in memory or on disk; ``dataset`` is the first dimension.

    ``variables`` are by key: names of dimensions, and what has a shape, a dtype and slices.
    """

    numbers: list[int]
    variables: Mapping[str, tuple[tuple[str, ...], Any]]


def write_posteriors(path: Path, posteriors: Mapping[int, Posterior]) -> None:
    """Write posteriors by data set to one file, whole or not at all; none of them is no error."""

    def blocks() -> Iterator[_Block]:
        for i, posterior in sorted(posteriors.items()):
            yield _Block(
                [i],
                {
                    key: (dims, values) if key in SHARED else (("dataset", *dims), values[None])
                    for key, (dims, values) in to_arrays(posterior).items()
                },
            )

    _write(path, blocks)


def join_posteriors(path: Path, parts: Sequence[Path]) -> None:
    """Join files of ``write_posteriors`` with rising numbers of data sets, one variable of one in memory."""

    def blocks() -> Iterator[_Block]:
        for part in parts:
            with h5netcdf.File(part, "r") as file:
                if numbers := _numbers(file):
                    yield _Block(numbers, {key: (v.dimensions, v) for key, v in _variables(file).items()})

    _write(path, blocks)


def read_posteriors(path: Path, numbers: Collection[int] | None = None) -> dict[int, Posterior]:
    """Read a file of ``write_posteriors``, or some data sets of it, by number and without their padding.

    Raises:
        UserError: the file is damaged.
    """
    with reading(path), h5netcdf.File(path, "r") as file:
        place = {i: row for row, i in enumerate(_numbers(file)) if numbers is None or i in numbers}
        if not place:
            return {}
        first, stop = min(place.values()), max(place.values()) + 1
        arrays = {
            key: _decoded(variable, ... if key in SHARED else slice(first, stop))
            for key, variable in _variables(file).items()
        }
    return {
        i: from_arrays({key: a if key in SHARED else a[row - first] for key, a in arrays.items()})
        for i, row in place.items()
    }


def save_posterior(path: Path, posterior: Posterior) -> None:
    """Write one posterior for ``load_posterior``: a few milliseconds, where NetCDF takes a hundred."""
    with whole(path) as temporary:
        np.savez(temporary, **{key: values for key, (_, values) in to_arrays(posterior).items()})  # type: ignore[arg-type]


def load_posterior(path: Path) -> Posterior:
    """Read a file of ``save_posterior``."""
    with np.load(path, allow_pickle=False) as arrays:
        return from_arrays(dict(arrays))


def read_numbers(path: Path) -> list[int]:
    """Return which data sets a file of ``write_posteriors`` holds."""
    with h5netcdf.File(path, "r") as file:
        return _numbers(file)


def _write(path: Path, blocks: Callable[[], Iterator[_Block]]) -> None:
    """Write blocks, which are gone through twice: for their shapes, and for their values."""
    numbers: list[int] = []
    sizes: dict[tuple[str, str], int] = {}  # by group and dimension
    kinds: dict[str, tuple[tuple[str, ...], np.dtype]] = {}
    for block in blocks():
        numbers += block.numbers
        for key, (dims, values) in block.variables.items():
            kinds[key] = dims, np.promote_types(kinds.get(key, (dims, values.dtype))[1], values.dtype)
            for dim, size in zip(dims, values.shape, strict=True):
                place = key.split("/")[0], dim
                # A dimension without entries would be an unlimited one.
                sizes[place] = max(sizes.get(place, 1), size)
    with whole(path) as temporary, h5netcdf.File(temporary, "w") as file:
        _define_dimensions(
            file, {**sizes, **{place: len(numbers) for place in sizes if place[1] == "dataset"}}, numbers
        )
        target = {key: _define_variable(file, key, *kind) for key, kind in kinds.items()}
        start = 0
        for block in blocks():
            for key, (dims, values) in block.variables.items():
                at: Any = tuple(slice(size) for size in values.shape)
                if dims[:1] == ("dataset",):
                    at = (slice(start, start + len(block.numbers)), *at[1:])
                if all(values.shape):
                    target[key][at] = values[...]
            start += len(block.numbers)


def _define_dimensions(file: h5netcdf.File, sizes: Mapping[tuple[str, str], int], numbers: list[int]) -> None:
    for (name, dim), size in sizes.items():
        group = file.groups[name] if name in file.groups else file.create_group(name)
        group.dimensions[dim] = size
        if dim in _COORDINATES:
            group.create_variable(dim, (dim,), data=np.array(numbers if dim == "dataset" else range(size)))


def _define_variable(file: h5netcdf.File, key: str, dims: tuple[str, ...], dtype: np.dtype) -> Any:
    name, variable = key.split("/")
    group = file.groups[name]
    if "dataset" not in dims:
        return group.create_variable(
            variable, dims, dtype=h5py.string_dtype() if dtype.kind in "UO" else dtype
        )
    shape = [group.dimensions[dim].size for dim in dims]
    rows = max(1, _CHUNK_BYTES // (math.prod(shape[1:]) * dtype.itemsize))
    return group.create_variable(
        variable,
        dims,
        dtype=dtype,
        fillvalue=np.nan if dtype.kind == "f" else None,
        chunks=(min(shape[0], rows), *shape[1:]),
        **_COMPRESSION,
    )


def _numbers(file: h5netcdf.File) -> list[int]:
    return [int(i) for i in file["posterior/dataset"][...]] if "posterior" in file.groups else []


def _variables(file: h5netcdf.File) -> dict[str, Any]:
    return {
        f"{group}/{name}": variable
        for group, content in file.groups.items()
        for name, variable in content.variables.items()
        if name not in _COORDINATES
    }


def _decoded(variable: Any, at: Any) -> np.ndarray:
    values = np.asarray(variable[at])
    return values.astype(str) if values.dtype.kind in "SO" else values


def write_data_sets(path: Path, data_sets: list[DataSet]) -> None:
    """Write simulated or real data sets, whole or not at all: y, and theta and z where they are known."""
    variables: dict[str, tuple[tuple[str, ...], list[np.ndarray]]] = {
        "y": (("obs", "replicate"), [data.y for data in data_sets])
    }
    first = data_sets[0]
    for name in first.theta or {}:
        values = [np.asarray((data.theta or {})[name], dtype=float) for data in data_sets]
        variables[f"theta_{name}"] = (tuple(f"{name}_dim_{j}" for j in range(values[0].ndim)), values)
    if first.z is not None:
        variables["z"] = (("obs",), [np.asarray(data.z, dtype=float) for data in data_sets])
    with whole(path) as temporary, h5netcdf.File(temporary, "w") as file:
        file.dimensions["dataset"] = len(data_sets)
        file.create_variable("dataset", ("dataset",), data=np.arange(len(data_sets)))
        for name, (dims, values) in variables.items():
            stacked = _stacked(values)
            for dim, size in zip(dims, stacked.shape[1:], strict=True):
                if dim not in file.dimensions:
                    file.dimensions[dim] = size
            file.create_variable(
                name, ("dataset", *dims), data=stacked, fillvalue=np.nan, dtype=float, **_COMPRESSION
            )


def read_data_sets(path: Path, numbers: Collection[int] | None = None) -> dict[int, DataSet]:
    """Read a file of ``write_data_sets``, or some of its data sets, by number and without padding.

    Raises:
        UserError: the file is damaged.
    """
    with reading(path), h5netcdf.File(path, "r") as file:
        wanted = [int(i) for i in file["dataset"][...] if numbers is None or i in numbers]
        if not wanted:
            return {}
        first = wanted[0]
        # Files of older runs have coordinates of other dimensions beside these.
        tables = {
            name: variable[first : wanted[-1] + 1]
            for name, variable in file.variables.items()
            if name != "dataset" and variable.dimensions[0] == "dataset"
        }
    return {i: _as_data_set({name: table[i - first] for name, table in tables.items()}) for i in wanted}


def _stacked(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Stack arrays of unequal sizes, padded with NaN."""
    out = np.full((len(arrays), *np.max([values.shape for values in arrays], axis=0).astype(int)), np.nan)
    for i, values in enumerate(arrays):
        out[(i, *(slice(size) for size in values.shape))] = values
    return out


def _as_data_set(arrays: Mapping[str, np.ndarray]) -> DataSet:
    known = ~np.isnan(arrays["y"])
    y = arrays["y"][known.any(axis=1)][:, known.any(axis=0)]
    z = arrays["z"][known.any(axis=1)].astype(int) if "z" in arrays else None
    theta = {name[6:]: values for name, values in arrays.items() if name.startswith("theta_")}
    return DataSet(y=y, theta=theta or None, z=z)
