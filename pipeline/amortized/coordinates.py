"""Coordinates in which priors are roughly standard normal, so that networks see numbers near one."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Coordinates(eqx.Module):
    """Maps each unconstrained parameter x to t, elementwise.

    First, where x is the log of the difference of two means, v = log(exp(g) - 1) with g = exp(x) / unit: the
    difference itself where it is large, its log where it is small. Posteriors of means that the data tell
    apart are close to Gaussian in the former, and bent over several standard deviations in the log. Elsewhere
    v = x.

    Then, with r = (v - center) / scale: where the prior's density falls like exp(-rate |v|), as those of
    logits and of small differences do, t = r / (1 + (r / knee)^2)^(1/4) with knee = 2 rate scale: linear near
    zero and, far out, the root that turns this tail into that of a standard normal. Weak data leave such
    tails to the posterior, and a flow whose own tails are Gaussian could not follow them. Elsewhere t = r.
    Both sides meet with two continuous derivatives.
    """

    center: Float[Array, " dim"]
    scale: Float[Array, " dim"]
    knee_left: Float[Array, " dim"]
    knee_right: Float[Array, " dim"]
    units: tuple[float | None, ...] = eqx.field(static=True)

    def __init__(
        self,
        prior_draws: Float[Array, "draw dim"],
        tail_rates: tuple[tuple[float, float], ...],
        units: tuple[float | None, ...] | None = None,
    ):
        """Take center and scale from draws of the prior.

        Args:
            prior_draws: of x.
            tail_rates: of the density of v, (left, right), 0 for a Gaussian tail.
            units: below which a difference is small; None where x is no log of one.
        """
        self.units = units or (None,) * prior_draws.shape[-1]
        v, _ = self._from_logs(prior_draws)
        self.center = jnp.median(v, axis=0)
        self.scale = v.std(axis=0)
        self.knee_left, self.knee_right = (
            jnp.where(rates > 0, 2 * rates * self.scale, jnp.inf) for rates in jnp.asarray(tail_rates).T
        )

    def forward(
        self, x: Float[Array, "*batch dim"]
    ) -> tuple[Float[Array, "*batch dim"], Float[Array, "*batch"]]:
        """Return t and log |dt/dx|."""
        center, scale = jax.lax.stop_gradient((self.center, self.scale))
        v, log_stretches = self._from_logs(x)
        r = (v - center) / scale
        log_root = jnp.log1p((r / self._knee(r)) ** 2)
        t = r * jnp.exp(-0.25 * log_root)
        return t, (_log_slope(log_root) - jnp.log(scale) + log_stretches).sum(-1)

    def inverse(
        self, t: Float[Array, "*batch dim"]
    ) -> tuple[Float[Array, "*batch dim"], Float[Array, "*batch"]]:
        """Return x and log |dx/dt|."""
        x, log_slopes = self.inverse_elements(t)
        return x, log_slopes.sum(-1)

    def inverse_elements(
        self, t: Float[Array, "*batch dim"]
    ) -> tuple[Float[Array, "*batch dim"], Float[Array, "*batch dim"]]:
        """Return x and, for each element by itself, log dx/dt."""
        center, scale = jax.lax.stop_gradient((self.center, self.scale))
        # t^4 (1 + (r / knee)^2) = r^4 is quadratic in r^2; with q = (t / knee)^2 it has this positive root.
        q = (t / self._knee(t)) ** 2
        r = t * jnp.sqrt(0.5 * q + jnp.sqrt(1 + 0.25 * q**2))
        log_root = jnp.log1p((r / self._knee(t)) ** 2)
        x, log_stretches = self._to_logs(center + scale * r)
        return x, jnp.log(scale) - _log_slope(log_root) - log_stretches

    def _knee(self, sign: Float[Array, "*batch dim"]) -> Float[Array, "*batch dim"]:
        return jax.lax.stop_gradient(jnp.where(sign < 0, self.knee_left, self.knee_right))

    def _from_logs(self, x: Float[Array, "*batch dim"]) -> tuple[Array, Array]:
        """Return v and, for each element, log dv/dx."""
        columns, log_stretches = [], []
        for d, unit in enumerate(self.units):
            column = x[..., d]
            log_stretch = jnp.zeros_like(column)
            if unit is not None:
                log_g = column - jnp.log(unit)
                g = jnp.exp(log_g)
                log_share = _log_share(g)
                column = g + log_share
                log_stretch = log_g - log_share
            columns.append(column)
            log_stretches.append(log_stretch)
        return jnp.stack(columns, axis=-1), jnp.stack(log_stretches, axis=-1)

    def _to_logs(self, v: Float[Array, "*batch dim"]) -> tuple[Array, Array]:
        """Return x and, for each element, log dv/dx."""
        columns, log_stretches = [], []
        for d, unit in enumerate(self.units):
            column = v[..., d]
            log_stretch = jnp.zeros_like(column)
            if unit is not None:
                g = jax.nn.softplus(column)
                log_stretch = jnp.log(g) - _log_share(g)
                column = jnp.log(g) + jnp.log(unit)
            columns.append(column)
            log_stretches.append(log_stretch)
        return jnp.stack(columns, axis=-1), jnp.stack(log_stretches, axis=-1)


def _log_share(g: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Return log(1 - exp(-g))."""
    return jnp.log(-jnp.expm1(-g))


FREE, ROOM = 5.0, 3.0


def confine(
    s: Float[Array, "*batch dim"],
) -> tuple[Float[Array, "*batch dim"], Float[Array, "*batch"]]:
    """Return t within 8 prior standard deviations, and log |dt/ds|; the identity within 5.

    A flow's own tails have no end: where curvatures are small, one draw in a thousand would lie where the
    prior has no mass, means would follow it, and Stan's density underflows.
    """
    beyond = jnp.maximum(jnp.abs(s) - FREE, 0)
    t = jnp.clip(s, -FREE, FREE) + jnp.sign(s) * ROOM * -jnp.expm1(-beyond / ROOM)
    return t, -(beyond / ROOM).sum(-1)


def release(
    t: Float[Array, "*batch dim"],
) -> tuple[Float[Array, "*batch dim"], Float[Array, "*batch"]]:
    """Invert `confine`: return s and log |ds/dt|; what lies at the end or beyond counts as just within."""
    beyond = jnp.clip(jnp.abs(t) - FREE, 0, ROOM * (1 - 1e-5))
    log_left = jnp.log1p(-beyond / ROOM)
    return jnp.clip(t, -FREE, FREE) - jnp.sign(t) * ROOM * log_left, -log_left.sum(-1)


def _log_slope(log_root: Float[Array, "*batch dim"]) -> Float[Array, "*batch dim"]:
    """Return log dt/dr, where dt/dr = (1 + s / 2) (1 + s)^(-5/4) with 1 + s = exp(log_root)."""
    return jnp.log(0.5 + 0.5 * jnp.exp(log_root)) - 1.25 * log_root
