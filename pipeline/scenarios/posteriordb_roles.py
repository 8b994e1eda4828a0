"""What the parameters and data of a database's program are to a Gaussian mixture or HMM, for memberships.

posteriordb says of a program what its density is, not which of its parameters is a weight. The models
that are known are named here; for others the configuration says it, or memberships are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.scenarios.base import Family
from pipeline.scenarios.memberships import hmm_memberships, mixture_memberships
from pipeline.scenarios.sufficient import summarise


@dataclass(frozen=True)
class Roles:
    """Names of parameters or of data entries, by what they are to the model.

    Attributes:
        y: the observations; several series where there are several names.
        weights: of a mixture, a vector or, with two components, the probability of the first.
        transition: of an HMM, the matrix, or one name for each of its rows; the first state is uniform.
        mean: of the components.
        sd: of the components, one for all or one for each; a number where the program has it fixed.
        exchangeable: whether nothing identifies the labels.
    """

    y: tuple[str, ...] = ("y",)
    weights: str | None = None
    transition: tuple[str, ...] = ()
    mean: str | None = None
    sd: str | float | None = None
    exchangeable: bool = False

    @property
    def of_components(self) -> dict[str, Any]:
        """Those that memberships need, as the configuration calls them; empty ones as None."""
        return {
            "weights": self.weights,
            "transition": self.transition or None,
            "mean": self.mean,
            "sd": self.sd,
        }

    def label_axes(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Return the axes that follow a permutation of the labels; none where labels are identified."""
        if not self.exchangeable:
            return {}
        names = [name for name in (self.weights, *self.transition, self.mean, self.sd) if name in shapes]
        return {name: tuple(range(len(shapes[name]))) for name in map(str, names) if shapes[name]}


_TWO_NORMALS = Roles(weights="theta", mean="mu", sd="sigma")

# By the model's name. Three kinds of HMMs have no memberships of a plain Gaussian one: the drives have two
# series, hmm_gaussian gives the first observation the likelihood of all states at once, and the transitions
# of iohmm_reg depend on inputs.
KNOWN = {
    "low_dim_gauss_mix": _TWO_NORMALS,
    "low_dim_gauss_mix_collapse": _TWO_NORMALS,
    "normal_mixture": Roles(weights="theta", mean="mu", sd=1.0),
    "normal_mixture_k": Roles(weights="theta", mean="mu", sd="sigma", exchangeable=True),
    "hmm_example": Roles(transition=("theta1", "theta2"), mean="mu", sd=1.0),
    "hmm_drive_0": Roles(y=("u", "v")),
    "hmm_drive_1": Roles(y=("u", "v")),
}


@dataclass(frozen=True)
class GaussianRoles:
    """Roles that fit a program and its data, and say its memberships.

    Attributes:
        family: what the program is.
        roles: all that the family needs are given.
        data: the program's data, where a role may be a number that is known.
        shapes: of the parameters.
    """

    family: Family
    roles: Roles
    data: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]

    def __post_init__(self):
        needed = ["weights" if self.family == "mixture" else "transition", "mean", "sd"]
        given = self.roles.of_components
        if wrong := [key for key in given if given[key] is not None and key not in needed]:
            raise UserError(f"{wrong[0]}: family {self.family} has none. Allowed: y, {', '.join(needed)}.")
        if missing := [key for key in needed if given[key] is None]:
            raise UserError(
                f"{missing[0]}: is missing; memberships of family {self.family} need {', '.join(needed)}. "
                "Give all of them, or none and do without memberships."
            )
        if len(self.roles.y) != 1:
            raise UserError("y: memberships are known of one series of observations; name one, or no roles.")
        for key, allowed in self._allowed_shapes().items():
            for name in _names(given[key]):
                if (found := self._shape(key, name)) not in allowed:
                    words = " or ".join(str(list(shape)) for shape in allowed)
                    raise UserError(
                        f"{key}: {name} has shape {list(found)}; it must be {words}, since there are "
                        f"{self.n_components} means."
                    )
        if self.roles.exchangeable and not self._can_be_permuted():
            raise UserError(
                "exchangeable: labels can be permuted in parameters that are vectors or a whole transition "
                "matrix, not in the probability of one component, in rows with names of their own or in "
                "data. Leave it out."
            )

    @property
    def n_components(self) -> int:
        """The length of the means."""
        shape = self._shape("mean", self.roles.mean)
        if len(shape) != 1 or shape[0] < 2:
            raise UserError(
                f"mean: {self.roles.mean} must be a vector of at least two means, not {list(shape)}."
            )
        return shape[0]

    def memberships(
        self,
        y: Float[np.ndarray, "obs replicate"],
        parameters: Mapping[str, Float[np.ndarray, " draw *shape"]],
    ) -> dict[str, Float[np.ndarray, "draw obs component"]]:
        """Return the memberships of a Gaussian mixture, or of a Gaussian HMM whose first state is uniform."""
        n_draws = len(next(iter(parameters.values())))

        def values(name: Any) -> np.ndarray:
            if name in parameters:
                return parameters[name]
            constant = np.array(self._constant(name), dtype=float)
            return np.broadcast_to(constant, (n_draws, *constant.shape))

        shape = (n_draws, self.n_components)
        sd = values(self.roles.sd)
        mean, sd = values(self.roles.mean), np.broadcast_to(sd if sd.ndim == 2 else sd[:, None], shape)
        if self.family == "mixture":
            weights = values(self.roles.weights)
            weights = weights if weights.ndim == 2 else np.stack([weights, 1 - weights], axis=-1)
            return {"membership": mixture_memberships(summarise(y), weights, mean, sd)}
        transition = values(self.roles.transition[0])
        if len(self.roles.transition) > 1:
            transition = np.stack([values(name) for name in self.roles.transition], axis=1)
        initial = np.full(self.n_components, 1 / self.n_components)
        return hmm_memberships(summarise(y), initial, transition, mean, sd)

    def _allowed_shapes(self) -> dict[str, list[tuple[int, ...]]]:
        """Return the shapes that each role of the family may have."""
        k, rows = self.n_components, len(self.roles.transition)
        common: dict[str, list[tuple[int, ...]]] = {"mean": [(k,)], "sd": [(k,), ()]}
        if self.family == "mixture":
            return {"weights": [(k,), ()] if k == 2 else [(k,)], **common}
        if rows not in (1, k):
            raise UserError(f"transition: found {rows} names; give the matrix, or its {k} rows.")
        return {"transition": [(k, k)] if rows == 1 else [(k,)], **common}

    def _can_be_permuted(self) -> bool:
        """Say whether every role that differs between components is a parameter with axes for them."""
        if self.roles.weights and not self._shape("weights", self.roles.weights):
            return False
        names = [name for value in self.roles.of_components.values() for name in _names(value)]
        return len(self.roles.transition) < 2 and all(
            name in self.shapes or not self._shape("", name) for name in names
        )

    def _shape(self, key: str, name: Any) -> tuple[int, ...]:
        if name in self.shapes:
            return self.shapes[name]
        if not isinstance(name, str) or name in self.data:
            return np.shape(self._constant(name))
        raise UserError(
            f"{key}: {name!r} is no parameter of the program and no entry of its data. Parameters: "
            f"{', '.join(self.shapes)}; data: {', '.join(self.data)}."
        )

    def _constant(self, name: Any) -> Any:
        return self.data[name] if isinstance(name, str) else name


def _names(value: Any) -> tuple[Any, ...]:
    return () if value is None else value if isinstance(value, tuple) else (value,)
