"""A network under examination: its draws are the users', its densities the model's."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from pipeline.amortized.inference import Amortized
from pipeline.calibration.subject import Subject, parameters_of
from tests.amortized.networks import small_network

pytestmark = pytest.mark.slow  # a network's functions compile

N = 5


@pytest.fixture(scope="module")
def subject():
    return Subject(Amortized(small_network()))


def data_sets(subject):
    return subject.scenario.data_sets(range(N))


def test_the_log_likelihood_is_the_models_up_to_a_constant(subject):
    data = data_sets(subject)
    true = parameters_of(data)
    theta = np.asarray(subject.unconstrain(true))
    nearby = theta[:, None] + 0.1 * np.random.default_rng(0).normal(size=(N, 4, theta.shape[1]))
    _, found = subject.densities(subject.amortized.encode(data), nearby)
    draws = {name: np.asarray(p) for name, p in subject.simulator.constrain(jnp.asarray(nearby)).items()}
    for i, one in enumerate(data):
        residual = one.y.mean(axis=1)[:, None] - draws["mu"][i, :, None]  # (draw, obs, component)
        log_p = np.log(draws["pi"][i, :, None]) - 0.5 * one.y.shape[1] * residual**2 / subject.scenario.sd**2
        wanted = logsumexp(log_p, axis=-1).sum(axis=1)
        difference = found[i] - wanted
        assert difference == pytest.approx(difference[0], abs=2e-3)


def test_draws_that_overflow_have_no_density(subject):
    data = data_sets(subject)
    theta = np.asarray(subject.unconstrain(parameters_of(data)))[:, None].repeat(2, axis=1)
    theta[0, 1, -1] = 1e6  # the logarithm of a difference of means
    log_joint, log_likelihood = subject.densities(subject.amortized.encode(data), theta)
    assert log_joint[0, 1] == log_likelihood[0, 1] == -np.inf
    assert np.isfinite(np.delete(log_joint.ravel(), 1)).all()
