"""Small networks over batches: the last axis is the features', all others are leading ones."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray


class Dense(eqx.Module):
    """An affine map of the last axis."""

    weight: Float[Array, "n_in n_out"]
    bias: Float[Array, " n_out"]

    def __init__(self, n_in: int, n_out: int, *, gain: float = 1.0, key: PRNGKeyArray):
        self.weight = gain * jr.normal(key, (n_in, n_out)) / jnp.sqrt(n_in)
        self.bias = jnp.zeros(n_out)

    def __call__(self, x: Float[Array, "*batch n_in"]) -> Float[Array, "*batch n_out"]:
        """Map the last axis."""
        return x @ self.weight + self.bias


class Mlp(eqx.Module):
    """Hidden layers with the SiLU activation, then an affine map.

    A `gain` of 0 starts the network at zero.
    """

    hidden: tuple[Dense, ...]
    last: Dense

    def __init__(
        self, n_in: int, n_out: int, width: int, depth: int, *, gain: float = 1.0, key: PRNGKeyArray
    ):
        keys = jr.split(key, depth + 1)
        sizes = [n_in] + [width] * depth
        self.hidden = tuple(
            Dense(a, b, gain=1.4, key=k) for a, b, k in zip(sizes, sizes[1:], keys, strict=False)
        )
        self.last = Dense(sizes[-1], n_out, gain=gain, key=keys[-1])

    def __call__(self, x: Float[Array, "*batch n_in"]) -> Float[Array, "*batch n_out"]:
        """Map the last axis."""
        for layer in self.hidden:
            x = jax.nn.silu(layer(x))
        return self.last(x)


class Pointwise(eqx.Module):
    """An affine function of a few inputs, plus one narrow hidden layer of them; starts as the former.

    Inputs are arrays of one shape, one for each argument of the function. Nothing but sums and products of
    them is left after unrolling, which compiles to a single loop: with so few inputs and hidden units,
    products of matrices would write many times more than they compute.
    """

    direct: Float[Array, " n_in"]
    into: Float[Array, "n_in width"]
    bias: Float[Array, " width"]
    out: Float[Array, " width"]

    def __init__(self, n_in: int, width: int, *, key: PRNGKeyArray):
        keys = jr.split(key)
        self.direct = jnp.zeros(n_in)
        self.into = 1.4 * jr.normal(keys[0], (n_in, width)) / jnp.sqrt(n_in)
        self.bias = jr.normal(keys[1], (width,))
        self.out = jnp.zeros(width)

    def __call__(self, *inputs: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        """Return one number for each set of inputs."""
        total = sum(self.direct[i] * value for i, value in enumerate(inputs))
        for j in range(len(self.out)):
            hidden = sum((self.into[i, j] * value for i, value in enumerate(inputs)), self.bias[j])
            total += self.out[j] * jax.nn.silu(hidden)
        return jnp.asarray(total)


class Standardise(eqx.Module):
    """Shift and scale each feature by its mean and standard deviation over simulations; never trained."""

    mean: Float[Array, " feature"]
    sd: Float[Array, " feature"]

    def __init__(self, examples: Float[Array, "example feature"]):
        self.mean = examples.mean(0)
        self.sd = examples.std(0)

    def __call__(self, x: Float[Array, "*batch feature"]) -> Float[Array, "*batch feature"]:
        """Return the features on the scale of the examples, within 10 standard deviations."""
        # A feature that hardly ever varies must not be blown up when it does.
        mean, sd = jax.lax.stop_gradient((self.mean, jnp.maximum(self.sd, 0.02)))
        return jnp.clip((x - mean) / sd, -10, 10)
