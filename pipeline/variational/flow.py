"""A neural spline flow as an approximating family, fitted by stochastic gradients of the ELBO.

The flow is FlowJAX's: coupling layers (Dinh, Sohl-Dickstein and Bengio 2017) of rational quadratic splines
(Durkan et al. 2019) and a triangular affine map. It acts on parameters whitened by a Gaussian to begin with,
so that one learning rate suits every posterior, and begins near the identity, at that Gaussian.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import paramax
from flowjax.bijections import Chain, RationalQuadraticSpline, TriangularAffine
from flowjax.distributions import StandardNormal, Transformed
from flowjax.flows import coupling_flow
from jaxtyping import Array, Float, PyTree

LAYERS = 4
WIDTH = 32  # hidden units of each layer's conditioner
KNOTS = 8
INTERVAL = 5.0  # standard deviations of the start; beyond, a spline is the identity
MAX_NORM = 10.0  # of a gradient
MEMORY = 0.9  # of the average over iterates: about ten steps
CHUNK = 1000  # points in one call: other numbers would compile again


@dataclass(frozen=True)
class Program:
    """Compiled functions of all flows of one dimension; flows themselves are their trained numbers.

    Attributes:
        initial: numbers of a new flow, by its seed.
        optimiser: state of the optimiser for such numbers.
        push: standard normal points through the flow.
        log_density: of the flow, at each row.
        step: one step of Adam along the path derivative, on new numbers, average and moments.
    """

    initial: Callable[[int], PyTree]
    optimiser: Callable[[PyTree], PyTree]
    push: Callable[[PyTree, Array | np.ndarray], Array]
    log_density: Callable[[PyTree, Array | np.ndarray], Array]
    step: Callable[..., tuple[PyTree, PyTree, PyTree]]


@cache
def program(dim: int) -> Program:
    """Return the functions for flows over two or more parameters; each compiles at its first call."""
    static = _split(_initial(dim, 0))[1]
    optimiser = optax.chain(optax.clip_by_global_norm(MAX_NORM), optax.scale_by_adam())

    def whole(numbers: PyTree) -> Transformed:
        return paramax.unwrap(eqx.combine(numbers, static))

    def push(numbers: PyTree, noise: Float[Array, "point dim"]) -> Float[Array, "point dim"]:
        return jax.vmap(whole(numbers).bijection.transform)(noise)

    def log_density(numbers: PyTree, z: Float[Array, "point dim"]) -> Float[Array, " point"]:
        return whole(numbers).log_prob(z)

    def step(
        numbers: PyTree,
        average: PyTree,
        moments: PyTree,
        noise: Float[Array, "point dim"],
        pull: Float[Array, "point dim"],
        rate: Float[Array, ""],
    ) -> tuple[PyTree, PyTree, PyTree]:
        """Take a step of Adam; ``pull`` is the gradient of the target's log density at the pushed points.

        The gradient is the path derivative of Roeder, Wu and Duvenaud (2017, "Sticking the landing"): log q
        is differentiated by the points alone, its own parameters held, so that the noise vanishes with the
        distance from the posterior. Points that the target rejects come with a pull of NaN and count nothing.
        """
        is_kept = jnp.isfinite(pull).all(-1)
        held = whole(jax.lax.stop_gradient(numbers))

        def loss(numbers: PyTree) -> Float[Array, ""]:
            z = push(numbers, noise)
            each = held.log_prob(z) - (jnp.where(is_kept[:, None], pull, 0) * z).sum(-1)
            return jnp.where(is_kept, each, 0).sum() / jnp.maximum(is_kept.sum(), 1)

        gradient = jax.grad(loss)(numbers)
        # A step that is not finite teaches nothing.
        is_finite = jnp.isfinite(optax.tree.norm(gradient))
        gradient = jax.tree.map(lambda g: jnp.where(is_finite, g, 0), gradient)
        updates, moments = optimiser.update(gradient, moments)
        numbers = jax.tree.map(lambda p, u: p - rate * u, numbers, updates)
        average = jax.tree.map(lambda a, p: MEMORY * a + (1 - MEMORY) * p, average, numbers)
        return numbers, average, moments

    return Program(
        lambda seed: _split(_initial(dim, seed))[0],
        optimiser.init,
        jax.jit(push),
        jax.jit(log_density),
        jax.jit(step),
    )


def _split(flow: Transformed) -> tuple[Any, Any]:
    """Split a flow into the numbers to train and the rest."""
    return eqx.partition(
        flow, eqx.is_inexact_array, is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable)
    )


def _initial(dim: int, seed: int) -> Transformed:
    flow = coupling_flow(
        jr.key(seed),
        base_dist=StandardNormal((dim,)),
        transformer=RationalQuadraticSpline(knots=KNOTS, interval=INTERVAL),
        flow_layers=LAYERS,
        nn_width=WIDTH,
        nn_activation=jax.nn.silu,
        invert=False,
    )

    def outputs(flow: Any) -> list[Array]:
        last = flow.bijection.bijection.bijections[0].conditioner.layers[-1]
        return [last.weight, last.bias]

    # Splines whose conditioners say nothing are the identity.
    flow = eqx.tree_at(outputs, flow, [0.01 * leaf for leaf in outputs(flow)])
    affine = TriangularAffine(jnp.zeros(dim), jnp.eye(dim))
    return Transformed(flow.base_dist, Chain([flow.bijection, affine]))


@dataclass(frozen=True)
class Flow:
    """A flow in Stan's unconstrained space.

    Attributes:
        numbers: trained, of a flow over whitened parameters.
        mean, chol: x = mean + chol z leads back from these; chol is lower triangular.
    """

    numbers: Any
    mean: Float[np.ndarray, " dim"]
    chol: Float[np.ndarray, "dim dim"]

    def push(self, noise: Float[np.ndarray, "point dim"]) -> Float[np.ndarray, "point dim"]:
        """Turn standard normal points into points of the approximation."""
        z = np.asarray(program(len(self.mean)).push(self.numbers, noise), float)
        return self.mean + z @ self.chol.T

    def draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n dim"]:
        """Return independent draws."""
        return self.push_all(rng.standard_normal((n, len(self.mean))))

    def push_all(self, noise: Float[np.ndarray, "point dim"]) -> Float[np.ndarray, "point dim"]:
        """Do what ``push`` does, for any number of points by one compiled function."""
        return self._in_chunks(self.push, noise)

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        z = np.linalg.solve(self.chol, (x - self.mean).T).T
        log_q = program(len(self.mean)).log_density
        values = self._in_chunks(lambda part: np.asarray(log_q(self.numbers, part), float), z)
        return values - np.log(np.diagonal(self.chol)).sum()

    @staticmethod
    def _in_chunks(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
        parts = []
        for first in range(0, len(points), CHUNK):
            part = points[first : first + CHUNK]
            padded = np.concatenate([part, np.zeros((CHUNK - len(part), points.shape[1]))])
            parts.append(function(padded)[: len(part)])
        return np.concatenate(parts)
