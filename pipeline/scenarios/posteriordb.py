"""A mixture or HMM of posteriordb: its own Stan program, data and reference draws, from a local checkout."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.scenarios.base import FAMILIES, DataSet, Family, PublishedReference, Scenario
from pipeline.scenarios.checks import check_at_least, check_one_of
from pipeline.scenarios.posteriordb_draws import published, read_draws
from pipeline.scenarios.posteriordb_files import Entry, find_database, find_posterior, is_numbers, read_object
from pipeline.scenarios.posteriordb_roles import KNOWN, GaussianRoles, Roles
from pipeline.scenarios.stan_parameters import declared_parameters, evaluated, scalars_of, shapes_of
from pipeline.scenarios.sufficient import summarise


@dataclass(frozen=True)
class Posteriordb(Scenario):
    """One posterior of posteriordb (Magnusson et al. 2025), read from a checkout of its repository.

    Its Stan program is fitted as it is, with its own prior and Stan's own starts. Where the database has
    reference draws, these are the first reference run. The remaining settings say which parameters of the
    program, or entries of its data, are what in a Gaussian mixture or HMM; without them memberships are not
    scored. They have defaults for the posteriors named in `posteriordb_roles.KNOWN`.

    Attributes:
        database: folder of the checkout, from the folder that the workflow runs in.
        posterior: name of the posterior, such as "low_dim_gauss_mix-low_dim_gauss_mix".
        family: "mixture" or "hmm"; by default what the names, titles and keywords say.
        n_components: number of components (states); by default the number of means, or the data's K.
        reference_draws: whether the database's draws, where it has them, are the first reference run.
        y: data entry of the observations, or entries where there are several series; by default y.
        weights, transition, mean, sd, exchangeable: as in `posteriordb_roles.Roles`.
    """

    name: ClassVar[str] = "posteriordb"
    n_datasets: ClassVar[int] = 1

    database: str
    posterior: str
    # Where the configuration leaves these two out, they are found when the scenario is built.
    family: Family = None  # pyright: ignore[reportAssignmentType]
    n_components: int = None  # pyright: ignore[reportAssignmentType]
    reference_draws: bool = True
    y: str | tuple[str, ...] | None = None
    weights: str | None = None
    transition: str | tuple[str, ...] | None = None
    mean: str | None = None
    sd: str | float | None = None
    exchangeable: bool | None = None

    def __post_init__(self):
        if self.family is None:
            object.__setattr__(self, "family", self._family_by_name())
        check_one_of("family", self.family, FAMILIES)
        shapes = self.parameter_shapes
        if self.n_components is None:
            object.__setattr__(self, "n_components", self._counted_components())
        check_at_least("n_components", self.n_components, 2)
        if self._gaussian and self._gaussian.n_components != self.n_components:
            raise UserError(
                f"n_components: found {self.n_components}, but {self._roles.mean} are "
                f"{self._gaussian.n_components} means. Leave it out."
            )
        _ = self._observations
        if self._draws and (missing := set(scalars_of(shapes)) - set(self._draws)):
            raise UserError(
                f"{self._entry.draws_file}: its draws do not fit the program {self._entry.program}: "
                f"{', '.join(sorted(missing))} missing; found {', '.join(self._draws)}. With "
                "reference_draws: false Stan samples the reference."
            )

    @property
    def stan_program(self) -> str:
        """A name that no program of the suite has; the file's own is the database's."""
        return f"posteriordb_{re.sub(r'[^A-Za-z0-9]', '_', self._entry.model)}.stan"

    @property
    def stan_file(self) -> Path:
        """The database's own program."""
        return self._entry.program

    @property
    def input_files(self) -> tuple[Path, ...]:
        """All files of the posterior."""
        return self._entry.files

    @functools.cached_property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the Stan parameters by the program; where it computes a size, by the draws' names."""
        program = self._entry.program
        named = shapes_of(self._draws)
        shapes = {}
        try:
            declared = declared_parameters(program.read_text(encoding="utf-8"))
        except UserError as error:
            raise UserError(f"{program}: {error}") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{program}: cannot be read: {error}.") from error
        for name, sizes in declared.items():
            shape = evaluated(sizes, self._data)
            if shape is None and name not in named:
                raise UserError(
                    f"{program}: the sizes of {name}, {', '.join(sizes)}, are not arithmetic of integers in "
                    "the data, and the database has no reference draws that would tell them."
                )
            shapes[name] = named[name] if shape is None else shape
        return shapes

    @property
    def label_axes(self) -> dict[str, tuple[int, ...]]:
        """Those of all parameters with a role, where labels are exchangeable."""
        return self._roles.label_axes(self.parameter_shapes)

    @functools.cached_property
    def _entry(self) -> Entry:
        return find_posterior(find_database(Path(self.database)), self.posterior)

    @functools.cached_property
    def _data(self) -> dict[str, Any]:
        return read_object(self._entry.data_file)

    @functools.cached_property
    def _draws(self) -> dict[str, Float[np.ndarray, "chain draw"]]:
        file = self._entry.draws_file if self.reference_draws else None
        return read_draws(file) if file else {}

    @functools.cached_property
    def _roles(self) -> Roles:
        known = KNOWN.get(self._entry.model, Roles())
        given = (self.weights, self.transition, self.mean, self.sd)
        if any(role is not None for role in given):
            known = Roles(known.y, self.weights, _as_names(self.transition), self.mean, self.sd)
        return Roles(
            _as_names(self.y) or known.y,
            known.weights,
            known.transition,
            known.mean,
            known.sd,
            known.exchangeable if self.exchangeable is None else self.exchangeable,
        )

    @functools.cached_property
    def _gaussian(self) -> GaussianRoles | None:
        if not any(role is not None for role in self._roles.of_components.values()):
            if self._roles.exchangeable:
                raise UserError(
                    "exchangeable: relabelling needs memberships; give weights or transition, mean, sd."
                )
            return None
        return GaussianRoles(self.family, self._roles, self._data, self.parameter_shapes)

    @functools.cached_property
    def _observations(self) -> Float[np.ndarray, "obs series"]:
        lists = {name: value for name, value in self._data.items() if is_numbers(value)}
        for name in self._roles.y:
            if name not in lists:
                raise UserError(
                    f"y: {name!r} is no list of finite numbers in {self._entry.data_file}. Lists there: "
                    f"{', '.join(lists) or 'none'}."
                )
        columns = [lists[name] for name in self._roles.y]
        if len({len(column) for column in columns}) != 1:
            raise UserError(f"y: {', '.join(self._roles.y)} must be equally long; their lengths differ.")
        return np.array(columns, dtype=float).T

    def _family_by_name(self) -> Family:
        if (family := self._entry.family) is None:
            raise UserError(
                f"posterior: names, titles and keywords of {self.posterior!r} in {self.database} name no "
                f"mixture and no HMM. If it is one, say so: family: {' or '.join(FAMILIES)}."
            )
        return family

    def _counted_components(self) -> int:
        if self._gaussian:
            return self._gaussian.n_components
        if isinstance(count := self._data.get("K"), int):
            return count
        raise UserError(
            "n_components: neither a role mean nor an entry K of the data says how many components there "
            "are. Give their number."
        )

    def published_reference(self) -> PublishedReference | None:
        """Return the database's draws, with what its own record says of the sampler."""
        if not self._draws:
            return None
        info = read_object(self._entry.draws_info_file) if self._entry.draws_info_file else {}
        return published(self.posterior, self._draws, info)

    def data_sets(self, seeds: Sequence[int]) -> list[DataSet]:
        """Return the one data set."""
        if len(seeds) != self.n_datasets:
            raise ValueError(f"{self.posterior} is one data set, and {len(seeds)} were asked for.")
        return [DataSet(y=self._observations.copy())]

    def stan_data(self, data: DataSet) -> dict[str, Any]:
        """Return the database's data block with these observations."""
        summarise(data.y)  # refuses what is not finite
        if data.y.shape[1] != len(self._roles.y):
            raise ValueError(f"There are {len(self._roles.y)} series, not {data.y.shape[1]}.")
        columns = {}
        for name, column in zip(self._roles.y, data.y.T, strict=True):
            counts = all(isinstance(value, int) for value in self._data[name]) and (column % 1 == 0).all()
            columns[name] = (column.astype(int) if counts else column).tolist()
        return {**self._data, **columns}

    def initial_values(self, data: DataSet, seed: int) -> None:
        """Leave the start to Stan, as the database's own references do."""

    def memberships(
        self, data: DataSet, parameters: dict[str, Float[np.ndarray, " draw *shape"]]
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return the exact memberships where the roles are known, and nothing where they are not."""
        return self._gaussian.memberships(data.y, parameters) if self._gaussian else {}

    def plotted(self, data: DataSet) -> Float[np.ndarray, " obs"]:
        """Return the first series."""
        return data.y[:, 0]


def _as_names(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value or ()
