"""The optimiser's steps, against the singular value decomposition."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pipeline.amortized.optimiser import muon

SHAPES = {"matrix": (24, 40), "stack": (3, 32, 20), "narrow": (64, 5), "bias": (40,), "few": (5, 5, 32)}
GRADIENT = {
    # Singular values over three orders of magnitude: a plain step would hardly move most directions.
    name: np.random.default_rng(1).normal(size=shape) * np.geomspace(1, 1e-3, shape[-1])
    for name, shape in SHAPES.items()
}


def first_step(gradient, max_norm=1.0, step_rms=0.4):
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in gradient.items()}
    optimiser = muon(max_norm, step_rms)
    step, _ = optimiser.update(arrays, optimiser.init(arrays), arrays)
    return {name: np.asarray(value, float) for name, value in step.items()}


@pytest.mark.parametrize("step_rms", [0.1, 0.4])
@pytest.mark.parametrize("name", ["matrix", "stack"])
def test_a_matrix_moves_down_in_all_singular_directions_alike(name, step_rms):
    step = first_step(GRADIENT, step_rms=step_rms)[name]
    u, _, v = np.linalg.svd(GRADIENT[name], full_matrices=False)
    # Five iterations leave singular values between .7 and 1.2 where they were not tiny.
    along = np.einsum("...ji,...jk,...ik->...i", u, -step, v) / step_rms / np.sqrt(max(SHAPES[name][-2:]))
    strong = along[..., : along.shape[-1] // 2]
    assert (strong > 0.6).all() and (strong < 1.3).all()
    assert (along > -0.01).all()
    np.testing.assert_allclose(np.sqrt((step**2).mean()), step_rms, rtol=0.3)


@pytest.mark.parametrize("name", ["narrow", "bias", "few"])
def test_the_rest_moves_as_with_adam(name):
    arrays = {name: jnp.asarray(GRADIENT[name], jnp.float32)}
    adam = optax.nadam(1.0)
    step = first_step({name: GRADIENT[name]}, max_norm=1e9)[name]
    wanted, _ = adam.update(arrays, adam.init(arrays))
    np.testing.assert_allclose(step, np.asarray(wanted[name]), rtol=1e-4)


def test_long_gradients_are_shortened_and_zero_ones_move_nothing():
    momentum = muon(1.0, 0.4)
    long = {name: 1e6 * value for name, value in GRADIENT.items()}
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in long.items()}
    state = momentum.update(arrays, momentum.init(arrays), arrays)[1]
    assert float(optax.tree.norm(optax.tree.get(state, "nu"))) <= 1.0
    for step in first_step({name: 0 * value for name, value in GRADIENT.items()}).values():
        np.testing.assert_array_equal(step, 0)
