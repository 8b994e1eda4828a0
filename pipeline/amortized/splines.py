"""Monotone rational quadratic splines: Durkan, Bekasov, Murray and Papamakarios (2019), arXiv 1906.04032.

The same bijection as FlowJAX's ``RationalQuadraticSpline``, which the tests hold it to, over whole batches.
Bins are the first axis and the bin of a value is picked by comparing with one knot after the other: that
compiles to loops over the batch that a CPU runs many at a time, where gathers and sums over bins do not.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

INTERVAL = 5.0  # the spline acts between minus and plus this; beyond, it is the identity
MIN_SHARE = 1e-3  # of the interval, for any bin's width or height
MIN_SLOPE = 1e-3


class Spline(NamedTuple):
    """Knots of one spline an element of the batch; slopes at both ends are one.

    Attributes:
        x, y: left ends of the bins.
        width, height: sizes of the bins.
        slope_left, slope_right: derivatives at both ends of each bin.
    """

    x: Float[Array, "bin *batch"]
    y: Float[Array, "bin *batch"]
    width: Float[Array, "bin *batch"]
    height: Float[Array, "bin *batch"]
    slope_left: Float[Array, "bin *batch"]
    slope_right: Float[Array, "bin *batch"]


def n_parameters(n_bins: int) -> int:
    """Number of real parameters of a spline: widths, heights and inner slopes."""
    return 3 * n_bins - 1


def spline_from(parameters: Float[Array, "parameter *batch"]) -> Spline:
    """Turn unrestricted real parameters into a spline; zeros give the identity."""
    n_bins = (len(parameters) + 1) // 3
    width, x = _bins(parameters[:n_bins])
    height, y = _bins(parameters[n_bins : 2 * n_bins])
    # softplus(shift) = 1 - MIN_SLOPE
    shift = jnp.log(jnp.expm1(1 - MIN_SLOPE))
    inner = MIN_SLOPE + jax.nn.softplus(parameters[2 * n_bins :] + shift)
    one = jnp.ones_like(inner[:1])
    return Spline(x, y, width, height, jnp.concatenate([one, inner]), jnp.concatenate([inner, one]))


def _bins(
    logits: Float[Array, "bin *batch"],
) -> tuple[Float[Array, "bin *batch"], Float[Array, "bin *batch"]]:
    """Return the sizes of the bins and their left ends."""
    n_bins = len(logits)
    share = MIN_SHARE + (1 - MIN_SHARE * n_bins) * jax.nn.softmax(logits, axis=0)
    size = 2 * INTERVAL * share
    sizes = _unstack(size)
    ends = [jnp.full_like(sizes[0], -INTERVAL)]
    for k in range(n_bins - 1):
        ends.append(ends[-1] + sizes[k])
    return size, jnp.stack(ends)


def _unstack(x: Float[Array, "row *batch"]) -> list[Float[Array, "*batch"]]:
    """Return the rows, which by indexing would have a gradient that adds up as many whole arrays."""
    return [row[0] for row in jnp.split(x, len(x))]


def _bin_at(spline: Spline, left_ends: Array, value: Array) -> tuple[Array, ...]:
    """Return the entries of the bin that holds the value."""
    # The first bin takes what lies below it: such values are replaced in the end.
    entries = tuple(_unstack(entry) for entry in spline)
    found = tuple(entry[0] for entry in entries)
    for k in range(1, len(left_ends)):
        is_beyond = value >= left_ends[k]
        found = tuple(jnp.where(is_beyond, entry[k], old) for entry, old in zip(entries, found, strict=True))
    return found


def forward(
    spline: Spline, x: Float[Array, "*batch"]
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
    """Return y and log dy/dx (the paper's equations 4 and 5)."""
    inside = jnp.clip(x, -INTERVAL, INTERVAL)
    x0, y0, width, height, d0, d1 = _bin_at(spline, spline.x, inside)
    xi = (inside - x0) / width
    y, log_slope = _evaluate(xi, y0, width, height, d0, d1)
    is_inside = jnp.abs(x) < INTERVAL
    return jnp.where(is_inside, y, x), jnp.where(is_inside, log_slope, 0)


def inverse(
    spline: Spline, y: Float[Array, "*batch"]
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
    """Return x and log dx/dy (the paper's equations 6 to 8)."""
    inside = jnp.clip(y, -INTERVAL, INTERVAL)
    x0, y0, width, height, d0, d1 = _bin_at(spline, spline.y, inside)
    slope = height / width
    rise = (inside - y0) * (d0 + d1 - 2 * slope)
    a = height * (slope - d0) + rise
    b = height * d0 - rise
    c = -slope * (inside - y0)
    xi = jnp.clip(2 * c / (-b - jnp.sqrt(jnp.maximum(b**2 - 4 * a * c, 0))), 0, 1)
    _, log_slope = _evaluate(xi, y0, width, height, d0, d1)
    is_inside = jnp.abs(y) < INTERVAL
    return jnp.where(is_inside, x0 + xi * width, y), jnp.where(is_inside, -log_slope, 0)


def _evaluate(xi: Array, y0: Array, width: Array, height: Array, d0: Array, d1: Array) -> tuple[Array, Array]:
    slope = height / width
    middle = xi * (1 - xi)
    bottom = slope + (d1 + d0 - 2 * slope) * middle
    y = y0 + height * (slope * xi**2 + d0 * middle) / bottom
    top = d1 * xi**2 + 2 * slope * middle + d0 * (1 - xi) ** 2
    return y, jnp.log(slope**2 * top / bottom**2)
