"""A Stan program of the user's own, with a simulator of a few lines beside it."""

import functools
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.scenarios import checks
from pipeline.scenarios.base import FAMILIES, DataSet, Family, Scenario
from pipeline.scenarios.sufficient import summarise

_KINDS = {"mixture": ("membership",), "hmm": ("filtering", "smoothing")}
_LARGEST = 2**31  # beyond, Stan's integers end


@dataclass(frozen=True)
class Program(Scenario):
    """A Stan program and a Python file with its prior predictive; docs/adding-a-scenario.md has an example.

    The file defines ``simulate(rng)``, which returns observations, parameters by their Stan names in the
    program's order, and each observation's component, from 0; ``stan_data(y)``, the program's data block;
    and, if it can, ``memberships(y, draws)``, the probabilities of each observation's component given draws
    of the parameters. Without the last, memberships are not scored.

    Attributes:
        stan: path of the Stan program.
        simulator: path of the Python file.
        family: whether observations are exchangeable ("mixture") or ordered in time ("hmm").
        n_components: number of components.
        exchangeable: names of the parameters whose first axis counts components that nothing tells apart,
            ``mu`` among them; none where an order or the prior identifies components.
    """

    name: ClassVar[str] = "program"
    n_datasets: ClassVar[None] = None
    input_files: ClassVar[tuple[Path, ...]] = ()

    stan: str
    simulator: str
    n_components: int
    family: Family = "mixture"
    exchangeable: tuple[str, ...] = ()

    def __post_init__(self):
        checks.check_one_of("family", self.family, FAMILIES)
        checks.check_n_components(self.n_components, ordered=not self.exchangeable)
        if not self.stan_file.is_file() or self.stan_file.suffix != ".stan":
            raise UserError(f"stan: {self.stan} is no Stan program; name a file that ends in .stan.")
        shapes = self.parameter_shapes
        self._try_functions()
        for name in self.exchangeable:
            if shapes.get(name, ())[:1] != (self.n_components,):
                raise UserError(
                    f"exchangeable: {name} is no parameter with {self.n_components} components along its "
                    f"first axis. The simulator's parameters: {shapes}."
                )
        if self.exchangeable and "mu" not in self.exchangeable:
            raise UserError("exchangeable: mu is missing, by which components are ordered.")

    @property
    def stan_file(self) -> Path:
        """The user's."""
        return Path(self.stan)

    @property
    def stan_program(self) -> str:
        """Its file name."""
        return self.stan_file.name

    @property
    def code_files(self) -> tuple[Path, ...]:
        """The simulator."""
        return (Path(self.simulator),)

    @functools.cached_property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the simulated parameters."""
        theta = self._simulate(np.random.default_rng(0)).theta
        assert theta is not None
        return {name: value.shape for name, value in theta.items()}

    @property
    def label_axes(self) -> dict[str, tuple[int, ...]]:
        """The first axis, and where a parameter is a square of components also the second."""
        square = (self.n_components,) * 2
        is_hmm = self.family == "hmm"
        return {
            name: (0, 1) if is_hmm and self.parameter_shapes[name] == square else (0,)
            for name in self.exchangeable
        }

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Simulate one data set a seed."""
        return [self._simulate(np.random.default_rng(seed)) for seed in seeds]

    def stan_data(self, data: DataSet) -> dict[str, Any]:
        """Return what the simulator's file makes of the observations, as plain numbers and lists."""
        summarise(data.y)  # refuses what is not finite
        found = self._call("stan_data", _squeezed(data.y))
        if not isinstance(found, dict):
            raise UserError(f"{self.simulator}: stan_data must return a dictionary, not {found!r}.")
        return {key: _plain(value) for key, value in found.items()}

    def initial_values(self, data: DataSet, seed: int) -> dict[str, Any] | None:
        """Return a draw from the prior where labels are exchangeable, so that chains start in all copies.

        Else Stan chooses.
        """
        if not self.exchangeable:
            return None
        theta = self._simulate(np.random.default_rng([seed, 1])).theta
        assert theta is not None
        return {name: _plain(value) for name, value in theta.items()}

    def memberships(
        self, data: DataSet, parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return what the simulator's file says of them, or nothing."""
        if not hasattr(self._functions, "memberships"):
            return {}
        found = self._call("memberships", _squeezed(data.y), parameters)
        found = found if isinstance(found, dict) else {"membership": found}
        n_draws = len(next(iter(parameters.values())))
        wanted = (n_draws, len(data.y), self.n_components)
        if set(found) != set(_KINDS[self.family]) or any(np.shape(p) != wanted for p in found.values()):
            shapes = {kind: np.shape(p) for kind, p in found.items()}
            raise UserError(
                f"{self.simulator}: memberships returned {shapes}; it must return arrays of shape {wanted} "
                f"(draw, observation, component) under {' and '.join(_KINDS[self.family])}."
            )
        return {kind: np.asarray(p, float) for kind, p in found.items()}

    @functools.cached_property
    def _functions(self) -> ModuleType:
        path = Path(self.simulator)
        if not path.is_file() or path.suffix != ".py":
            raise UserError(f"simulator: {path} is no Python file; name one that ends in .py.")
        module = ModuleType(f"latentbench_simulator_{path.stem}")
        try:
            # Not imported, so that no compiled copy of an earlier second is taken for it.
            exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
        except Exception as error:
            raise UserError(f"{_line(path, error)}: importing it failed: {_said(error)}") from error
        for name in ("simulate", "stan_data"):
            if not callable(getattr(module, name, None)):
                raise UserError(f"simulator: {path} defines no function {name}.")
        return module

    def _call(self, name: str, *arguments: Any) -> Any:
        function: Callable = getattr(self._functions, name)
        try:
            return function(*arguments)
        except Exception as error:
            where = _line(Path(self.simulator), error)
            raise UserError(f"{where}: {name} failed: {_said(error)}") from error

    def _try_functions(self) -> None:
        """Call each of the user's functions once, so that what is wrong is said before any work."""
        data, again = (self._simulate(np.random.default_rng(0)) for _ in range(2))
        assert data.theta is not None
        if not np.array_equal(data.y, again.y, equal_nan=True):
            raise UserError(
                f"{self.simulator}: simulate gave other observations for the same rng; it must draw from "
                "that alone."
            )
        self.stan_data(data)
        self.memberships(data, {name: value[None] for name, value in data.theta.items()})

    def _simulate(self, rng: np.random.Generator) -> DataSet:
        found = self._call("simulate", rng)
        try:
            y, theta, z = found
            y, z = np.array(y, float), np.array(z, int)
            theta = {name: np.array(value, float) for name, value in theta.items()}
        except (TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{self.simulator}: simulate must return observations, a dictionary of parameters and each "
                f"observation's component, all of numbers: {_said(error)}"
            ) from error
        y = y[:, None] if y.ndim == 1 else y
        found = set(np.unique(z).tolist())
        if y.ndim != 2 or z.shape != y.shape[:1] or not found <= set(range(self.n_components)):
            raise UserError(
                f"{self.simulator}: simulate returned observations of shape {y.shape} with components of "
                f"shape {z.shape}, among them {sorted(found)[:9]}; there must be one from 0 to "
                f"{self.n_components - 1} for each observation."
            )
        return DataSet(y, theta, z)


def _squeezed(y: np.ndarray) -> np.ndarray:
    """Return observations as most simulators made them: a vector where there is one column."""
    return y[:, 0].copy() if y.shape[1] == 1 else y.copy()


def _plain(value: Any) -> Any:
    """Return plain numbers and lists; whole ones as integers, which Stan takes for reals too."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if not isinstance(value, np.ndarray | np.generic | float):
        return value
    value = np.asarray(value)
    is_whole = np.issubdtype(value.dtype, np.floating) and np.all(np.abs(value) < _LARGEST)
    return (value.astype(int) if is_whole and np.all(value == np.rint(value)) else value).tolist()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _line(path: Path, error: Exception) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    return f"{path}, line {frames[-1].lineno}" if frames else str(path)
