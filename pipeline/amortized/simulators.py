"""Priors, simulators and log joint densities of the scenarios in JAX, over Stan's unconstrained space.

They follow the NumPy simulators and the Stan programs of the same scenarios, which the tests hold them to.
Observations are drawn as the mean of their replicates, which is all that the likelihood needs.
"""

import abc
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from pipeline.amortized.observations import Observations
from pipeline.amortized.parts import in_parts
from pipeline.amortized.support import obstacle_in_jax
from pipeline.scenarios.base import Scenario
from pipeline.scenarios.gmm_ordered import GmmOrdered
from pipeline.scenarios.hmm_ordered import HmmOrdered

UNIT = 0.5  # of the prior's standard deviation: a smaller difference of means is a small one
ROWS_AT_ONCE = 4096  # data sets times draws in one evaluation of the log joint


class Simulation(NamedTuple):
    """Draws from the joint distribution of parameters, components and observations.

    Attributes:
        theta: parameters in Stan's unconstrained space.
        z: component of each observation, from 0; anything behind the last observation. None where no
            network learns memberships.
        observed: the data sets.
    """

    theta: Float[Array, "dataset dim"]
    z: Int[Array, "dataset obs"] | None
    observed: Observations


@dataclass(frozen=True)
class Simulator(abc.ABC):
    """A scenario on the device.

    Attributes:
        scenario: whose settings hold the prior, the sizes and the known standard deviation.
    """

    scenario: GmmOrdered | HmmOrdered

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Number of unconstrained parameters."""

    @property
    @abc.abstractmethod
    def n_obs(self) -> tuple[int, int]:
        """Smallest and largest number of observations."""

    @property
    @abc.abstractmethod
    def n_rep(self) -> tuple[int, int]:
        """Smallest and largest number of replicates."""

    @property
    @abc.abstractmethod
    def tail_rates(self) -> tuple[tuple[float, float], ...]:
        """For each unconstrained parameter, the rates of its prior's exponential tails, left and right.

        0 stands for a tail that falls like a Gaussian's or faster.
        """

    @property
    @abc.abstractmethod
    def units(self) -> tuple[float | None, ...]:
        """For each unconstrained parameter that is the log of a difference, the difference that is small."""

    @abc.abstractmethod
    def prior(self, n: int, *, key: PRNGKeyArray) -> Float[Array, "n dim"]:
        """Draw parameters, in Stan's unconstrained space."""

    @abc.abstractmethod
    def simulate(self, theta: Float[Array, "dataset dim"], *, key: PRNGKeyArray) -> Simulation:
        """Draw one data set for each row of theta, sizes included."""

    @abc.abstractmethod
    def constrain(self, theta: Float[Array, "*batch dim"]) -> dict[str, Float[Array, "*batch k"]]:
        """Return the Stan parameters by name."""

    def constrain_draws(self, theta: Float[np.ndarray, "draw dim"]) -> dict[str, Float[np.ndarray, "draw k"]]:
        """Return the Stan parameters by name, in double precision as Stan's own.

        One call for all draws: BridgeStan, row by row, takes as long as a network for all the rest.
        """
        with jax.enable_x64(True):
            return {name: np.asarray(value) for name, value in self._constrain_compiled(theta).items()}

    @functools.cached_property
    def _constrain_compiled(self) -> Callable[[np.ndarray], dict[str, Array]]:
        return jax.jit(self.constrain)

    @abc.abstractmethod
    def unconstrain(self, parameters: dict[str, Float[Array, "*batch k"]]) -> Float[Array, "*batch dim"]:
        """Invert `constrain`."""

    @abc.abstractmethod
    def log_joint(
        self,
        theta: Float[Array, "dataset dim"],
        y_mean: Float[Array, "dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Float[Array, " dataset"]:
        """Return the log target of the Stan program with its Jacobian, up to a constant of the data.

        Args:
            theta: one vector of unconstrained parameters for each data set.
            y_mean: means of the replicates.
            weight: how often each observation counts: 1, or 0 for padding.
            n_rep: number of replicates.
        """

    def starts(
        self,
        guess: Float[Array, "dataset dim"],
        y_mean: Float[Array, "dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Float[Array, "dataset start dim"]:
        """Return points from which Newton steps lead to the modes that matter, one for each of these.

        Here there is one, the guess.
        """
        return guess[:, None]

    @abc.abstractmethod
    def log_joint_near(
        self,
        theta: Float[Array, "dataset dim"],
        y_mean: Float[Array, "dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Callable[[Float[Array, "dataset dim"]], tuple[Float[Array, " dataset"], Float[Array, " dataset"]]]:
        """Return a function with two values that are cheap to differentiate twice at `theta`.

        The first one has the log joint's gradient and Hessian there. The Hessian of the second one is minus
        the sum over observations of their scores' outer products: the Fisher information as these
        observations estimate it, which is positive where the curvature is not.
        """

    def log_joint_of_draws(
        self, theta: Float[Array, "dataset draw dim"], observed: Observations
    ) -> Float[Array, "dataset draw"]:
        """Return the log target of each draw, given its data set."""
        mask = observed.mask()

        @jax.vmap
        def at(theta: Float[Array, "dataset dim"]) -> Float[Array, " dataset"]:
            return self.log_joint(theta, observed.y_mean, mask, observed.n_rep)

        # Some draws at a time, so that memory does not grow with their number.
        return in_parts(at, jnp.swapaxes(theta, 0, 1), ROWS_AT_ONCE // len(theta)).T


def expansion(
    away: list[Float[Array, " dataset"]],
    gradient: list[Float[Array, " dataset"]],
    hessian: dict[tuple[int, int], Float[Array, " dataset"]],
    scores: dict[tuple[int, int], Float[Array, " dataset"]],
) -> tuple[Float[Array, " dataset"], Float[Array, " dataset"]]:
    """Return the second-order expansion of a log likelihood, and the quadratic form of minus its information.

    Unrolled, because batches of small matrices are slow on a CPU.

    Args:
        away: each parameter's distance from where the expansion was taken.
        gradient: there.
        hessian: there; pairs (i, j) with i up to j.
        scores: sums of products of the observations' scores, in the same form.
    """
    value, information = jnp.zeros_like(away[0]), jnp.zeros_like(away[0])
    for i, step in enumerate(away):
        value += step * gradient[i]
        for j in range(i, len(away)):
            product = (0.5 if i == j else 1.0) * step * away[j]
            value += product * hessian[i, j]
            information -= product * scores[i, j]
    return value, information


def ordered_normals(
    mean: Sequence[float], sd: float, n: int, *, key: PRNGKeyArray
) -> Float[Array, "n component"]:
    """Draw independent Normal(mean, sd) vectors conditioned on increasing order, by rejection.

    Sorting would be another distribution wherever the means differ.
    """

    def redraw(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        key, draws, pending = state
        key, subkey = jr.split(key)
        new = jnp.asarray(mean) + sd * jr.normal(subkey, draws.shape, draws.dtype)
        draws = jnp.where(pending[:, None], new, draws)
        return key, draws, (jnp.diff(draws, axis=-1) <= 0).any(axis=-1)

    start = (key, jnp.zeros((n, len(mean)), jnp.result_type(float)), jnp.ones(n, bool))
    return jax.lax.while_loop(lambda state: state[2].any(), redraw, start)[1]


def ordered_to_real(mu: Float[Array, "*batch k"]) -> Float[Array, "*batch k"]:
    """Return the first element and the logs of the differences: Stan's ordered type, inverted."""
    return jnp.concatenate([mu[..., :1], jnp.log(jnp.diff(mu, axis=-1))], axis=-1)


def real_to_ordered(x: Float[Array, "*batch k"]) -> Float[Array, "*batch k"]:
    """Return Stan's ordered vector; the log Jacobian determinant is the sum of ``x[..., 1:]``."""
    return jnp.cumsum(jnp.concatenate([x[..., :1], jnp.exp(x[..., 1:])], axis=-1), axis=-1)


def get_simulator(scenario: Scenario) -> Simulator:
    """Return the scenario's simulator.

    Raises:
        ValueError: the scenario has none.
    """
    from pipeline.amortized.gmm import GmmSimulator
    from pipeline.amortized.hmm import HmmSimulator

    if reason := obstacle_in_jax(scenario):
        raise ValueError(reason)
    if isinstance(scenario, GmmOrdered):
        return GmmSimulator(scenario)
    assert isinstance(scenario, HmmOrdered)
    return HmmSimulator(scenario)
