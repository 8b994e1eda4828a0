"""Splines and posterior heads: against FlowJAX, quadrature and automatic differentiation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from flowjax.bijections import RationalQuadraticSpline
from scipy import stats

from pipeline.amortized import splines
from pipeline.amortized.coordinates import Coordinates, confine, release
from pipeline.amortized.flows import SplineFlow
from pipeline.amortized.heads import pick
from pipeline.amortized.mdn import MixtureDensity

from .networks import shaken

HEADS = {"flow": SplineFlow, "mdn": MixtureDensity}


def head(name, dim, size=0.1):
    return shaken(HEADS[name](dim, 3, 8, 5, key=jr.key(1)), seed=2, size=size)


@pytest.mark.slow
def test_spline_is_flowjaxs():
    parameters = jr.normal(jr.key(0), (3 * 6 - 1,))
    ours = splines.spline_from(parameters[:, None])
    x = jnp.linspace(-6.5, 6.5, 201)
    knots = (jnp.append(ends, splines.INTERVAL) for ends in (ours.x, ours.y))
    slopes = jnp.append(ours.slope_left, 1.0)
    theirs = eqx.tree_at(
        lambda s: (s.x_pos, s.y_pos, s.derivatives),
        RationalQuadraticSpline(knots=6, interval=splines.INTERVAL),
        (*knots, slopes),
    )
    expected = jax.vmap(theirs.transform_and_log_det)(x)
    for found, wanted in zip(splines.forward(ours, x), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5)
    y, log_slope = splines.forward(ours, x)
    back, log_slope_back = splines.inverse(ours, y)
    np.testing.assert_allclose(back, x, atol=2e-5)
    np.testing.assert_allclose(log_slope_back, -log_slope, atol=2e-4)


def test_zero_parameters_are_the_identity():
    x = jnp.linspace(-4.9, 4.9, 30)
    y, log_slope = splines.forward(splines.spline_from(jnp.zeros((17, 1))), x)
    np.testing.assert_allclose(y, x, atol=1e-5)
    np.testing.assert_allclose(log_slope, 0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS)
def test_density_integrates_to_one(name):
    network = head(name, dim=2)
    side = jnp.linspace(-12, 12, 241)
    grid = jnp.stack(jnp.meshgrid(side, side, indexing="ij"), axis=-1).reshape(1, -1, 2)
    for seed in (3, 4):
        context = jr.normal(jr.key(seed), (1, 3))
        log_q = network.log_prob(grid, context)
        assert float(jnp.exp(log_q).sum() * (side[1] - side[0]) ** 2) == pytest.approx(1, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS)
def test_draws_have_the_density_that_they_come_with(name):
    network = head(name, dim=3)
    context = jr.normal(jr.key(3), (2, 3))
    u, log_q = network.sample(network.prepare(context), 500, keys=jr.split(jr.key(4), 2))
    assert u.shape == (2, 500, 3) and log_q.shape == (2, 500)
    np.testing.assert_allclose(network.log_prob(u, context), log_q, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS)
def test_draws_follow_the_density(name):
    """One-dimensional: the empirical distribution against the integral of the density."""
    network = head(name, dim=1)
    context = jr.normal(jr.key(3), (1, 3))
    u, _ = network.sample(network.prepare(context), 4000, keys=jr.split(jr.key(4), 1))
    grid = jnp.linspace(-15, 15, 6001)
    q = np.exp(np.asarray(network.log_prob(grid[None, :, None], context)))[0]
    cumulative = np.cumsum(q) * float(grid[1] - grid[0])
    assert stats.kstest(np.asarray(u).ravel(), lambda x: np.interp(x, grid, cumulative)).pvalue > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS)
def test_one_draw_a_row_has_the_density_that_it_has_among_many(name):
    network = head(name, dim=3)
    context, u = jr.normal(jr.key(3), (4, 3)), jr.normal(jr.key(5), (4, 6, 3))
    many = network.log_prob(u, context)
    for i in range(2):
        np.testing.assert_allclose(network.log_prob(u[:, i : i + 1], context)[:, 0], many[:, i], atol=1e-5)


def test_each_draw_gets_what_it_chose():
    options = jr.normal(jr.key(0), (2, 5, 3, 1, 4))  # leading axis, data set, option, draw, trailing axis
    chosen = jr.randint(jr.key(1), (5, 7), 0, 3)
    picked = pick(options, chosen, axis=2)
    for data_set, draw in np.ndindex(5, 7):
        wanted = options[:, data_set, chosen[data_set, draw], 0]
        assert np.array_equal(picked[:, data_set, draw], wanted)


@pytest.mark.slow
def test_coordinates_invert_and_know_their_slope():
    draws = jr.normal(jr.key(0), (500, 3)) * jnp.array([1.0, 2.0, 0.5]) + 1
    coordinates = Coordinates(draws, ((2.0, 3.0), (0.0, 0.0), (1.0, 0.0)), (None, None, 0.5))
    x = 1 + jnp.array([6.0, 6.0, 2.0]) * jr.normal(jr.key(1), (200, 3))
    t, log_slope = coordinates.forward(x)
    back, log_slope_back = coordinates.inverse(t)
    np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(log_slope_back, -log_slope, atol=1e-3)
    jacobian = jax.vmap(jax.jacfwd(lambda x: coordinates.forward(x)[0]))(x)
    np.testing.assert_allclose(jnp.linalg.slogdet(jacobian)[1], log_slope, atol=1e-3)


def test_differences_are_linear_where_large_and_logs_where_small():
    """With a standard deviation of one behind them, t moves with the difference, or with its log."""
    draws = jr.normal(jr.key(0), (500, 1))
    coordinates = Coordinates(draws, ((0.0, 0.0),), (0.5,))
    large, small = jnp.log(jnp.array([[4.0], [5.0], [6.0]])), jnp.array([[-9.0], [-8.0], [-7.0]])
    for x in (large, small):
        step, other = np.diff(np.asarray(coordinates.forward(x)[0])[:, 0])
        assert step == pytest.approx(other, rel=2e-3)


def test_confined_draws_stay_near_the_prior_and_keep_their_density():
    s = jnp.array([[0.3, -4.9], [6.0, -7.0], [12.0, -9.0], [60.0, 0.0]])
    t, log_slope = confine(s)
    assert float(jnp.abs(t).max()) <= 8
    np.testing.assert_array_equal(t[0], s[0])
    back, log_slope_back = release(t[:3])
    np.testing.assert_allclose(back, s[:3], rtol=1e-3)
    np.testing.assert_allclose(log_slope_back, -log_slope[:3], atol=1e-3)
    jacobian = jax.vmap(jax.jacfwd(lambda s: confine(s)[0]))(s[:3])
    np.testing.assert_allclose(jnp.linalg.slogdet(jacobian)[1], log_slope[:3], atol=1e-4)


def test_coordinates_make_a_logistic_tail_gaussian():
    """An exponential tail of rate 2 falls in t like exp(-t^2 / 2)."""
    draws = jr.logistic(jr.key(0), (4000, 1))
    coordinates = Coordinates(draws, ((2.0, 2.0),))
    x = jnp.array([[-30.0], [-60.0]])
    t, log_slope = coordinates.forward(x)
    log_density = -2 * jnp.abs(x[:, 0]) - log_slope
    slope = (log_density[1] - log_density[0]) / (-0.5 * (t[1, 0] ** 2 - t[0, 0] ** 2))
    assert float(slope) == pytest.approx(1, abs=0.05)
