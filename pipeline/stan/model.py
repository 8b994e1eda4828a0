"""A built Stan program bound to one data set: fits through CmdStanPy, densities through BridgeStan."""

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bridgestan
import cmdstanpy
import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.stan.batched import log_densities
from pipeline.stan.build import Built

# CmdStanPy tells of each program's start and end; the workflow has its own log.
cmdstanpy.disable_logging()


class BoundModel:
    """A Stan program with its data.

    Attributes:
        cmdstan: CmdStanPy's model, to run any of Stan's algorithms on ``data_file``.
        bridge: BridgeStan's model over the same program and data.
        library: what BridgeStan loaded.
        data_file: the data block as JSON.
        folder: where CmdStan writes its files.
    """

    def __init__(
        self, built: Built, data: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], folder: Path
    ):
        """Write the data and load the program.

        Raises:
            UserError: the program's parameters are others than those of `shapes`, or in another order, in
                which case every number would be taken for another one.
        """
        self.folder = folder
        self.data_file = folder / "data.json"
        self.data_file.write_text(json.dumps(data))
        self.cmdstan = cmdstanpy.CmdStanModel(exe_file=str(built.executable))
        with warnings.catch_warnings():
            # Loading a library a second time, with other data, is what this suite does all day.
            warnings.simplefilter("ignore")
            self.bridge = bridgestan.StanModel(str(built.library), data=str(self.data_file))
        self.library = built.library
        self.shapes = dict(shapes)
        if (found := self.bridge.param_names()) != (wanted := _flat_names(shapes)):
            raise UserError(
                f"{built.library.name}: the Stan program's parameters are {', '.join(found[:20])}; the "
                f"scenario says {', '.join(wanted[:20])}. Names, shapes and order must agree."
            )

    @property
    def dim(self) -> int:
        """Number of unconstrained parameters."""
        return self.bridge.param_unc_num()

    def columns(
        self, names: Sequence[str], values: Float[np.ndarray, "draw column"]
    ) -> Float[np.ndarray, "draw flat"]:
        """Select the parameters' columns from CmdStan's output, in the program's order."""
        position = {re.sub(r"[\[,]", ".", name).rstrip("]"): i for i, name in enumerate(names)}
        return values[:, [position[name] for name in self.bridge.param_names()]]

    def unconstrain(self, flat: Float[np.ndarray, "draw flat"]) -> Float[np.ndarray, "draw dim"]:
        """Map flat constrained parameters to Stan's unconstrained space."""
        return np.stack([self.bridge.param_unconstrain(row) for row in np.ascontiguousarray(flat)])

    def constrain(self, unconstrained: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, "draw flat"]:
        """Map unconstrained draws to flat constrained parameters."""
        return np.stack([self.bridge.param_constrain(row) for row in np.ascontiguousarray(unconstrained)])

    def by_name(self, flat: Float[np.ndarray, "*batch flat"]) -> dict[str, Float[np.ndarray, "..."]]:
        """Split flat parameters by name and give each its shape; Stan's order is column-major."""
        batch, out, start = flat.shape[:-1], {}, 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape))
            block = flat[..., start : start + size].reshape(*batch, *shape[::-1])
            out[name] = np.moveaxis(
                block, range(len(batch), block.ndim), range(block.ndim - 1, len(batch) - 1, -1)
            )
            start += size
        return out

    def flatten(self, parameters: Mapping[str, Float[np.ndarray, "..."]]) -> Float[np.ndarray, "*batch flat"]:
        """Undo ``by_name``."""
        parts = []
        for name, shape in self.shapes.items():
            values = np.asarray(parameters[name])
            n_batch = values.ndim - len(shape)
            reversed_shape = values.transpose(*range(n_batch), *range(values.ndim - 1, n_batch - 1, -1))
            parts.append(reversed_shape.reshape(*values.shape[:n_batch], -1))
        return np.concatenate(parts, axis=-1)

    def log_density(
        self, unconstrained: Float[np.ndarray, "*batch dim"], threads: int = 1
    ) -> Float[np.ndarray, "*batch"]:
        """Return the log target with the Jacobian and all constants; -inf where the program rejects."""
        log_p = log_densities(self.bridge, unconstrained.reshape(-1, unconstrained.shape[-1]), threads)
        log_p[np.isnan(log_p)] = -np.inf  # Stan's algorithms take NaN for a rejection too
        return log_p.reshape(unconstrained.shape[:-1])

    def log_jacobian(self, unconstrained: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the log determinant of constraining, the difference of the target with and without it."""
        rows = np.ascontiguousarray(unconstrained)
        both = [
            [self.bridge.log_density(row, jacobian=jacobian) for jacobian in (True, False)] for row in rows
        ]
        return -np.diff(np.array(both), axis=1)[:, 0]


def _flat_names(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return BridgeStan's names of all scalars; Stan counts the first index fastest."""
    return [
        ".".join([name, *(str(i + 1) for i in reversed(index))])
        for name, shape in shapes.items()
        for index in np.ndindex(shape[::-1])
    ]
