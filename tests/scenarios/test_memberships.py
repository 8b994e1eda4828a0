import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.mixture import GaussianMixture

from pipeline.scenarios.memberships import (
    diagonal_mixture_memberships,
    hmm_memberships,
    mixture_memberships,
)
from pipeline.scenarios.sufficient import summarise

from . import enumeration

OBSERVATION = st.floats(-5, 5)
SD = st.floats(0.3, 3)


def simplexes(*shape):
    return arrays(float, shape, elements=st.floats(0.02, 1)).map(lambda w: w / w.sum(axis=-1, keepdims=True))


@st.composite
def problems(draw):
    """Observations of a few times, and three draws of the parameters of a chain of two or three states."""
    n_states, n_draws = draw(st.integers(2, 3)), 3
    n_times, n_rep = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    return (
        draw(arrays(float, (n_times, n_rep), elements=OBSERVATION)),
        draw(simplexes(n_states)),
        draw(simplexes(n_draws, n_states, n_states)),
        draw(arrays(float, (n_draws, n_states), elements=OBSERVATION)),
        draw(arrays(float, (n_draws, n_states), elements=SD)),
    )


@settings(deadline=None)
@given(problems())
def test_hmm_equals_the_sum_over_all_paths(problem):
    y, initial, transition, mean, sd = problem
    found = hmm_memberships(summarise(y), initial, transition, mean, sd)
    for i in range(len(mean)):
        filtering, smoothing = enumeration.hmm(y, initial, transition[i], mean[i], sd[i])
        np.testing.assert_allclose(found["filtering"][i], filtering, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found["smoothing"][i], smoothing, rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(problems())
def test_mixture_is_bayes_rule_on_raw_replicates(problem):
    y, _, transition, mean, sd = problem
    weights = transition[:, 0]
    found = mixture_memberships(summarise(y), weights, mean, sd)
    for i in range(len(mean)):
        np.testing.assert_allclose(
            found[i], enumeration.mixture(y, weights[i], mean[i], sd[i]), rtol=1e-9, atol=1e-12
        )


@settings(deadline=None)
@given(problems())
def test_a_chain_without_memory_is_a_mixture(problem):
    y, initial, transition, mean, sd = problem
    memoryless = np.broadcast_to(initial, transition.shape)
    found = hmm_memberships(summarise(y), initial, memoryless, mean, sd)
    mixture = mixture_memberships(summarise(y), np.broadcast_to(initial, mean.shape), mean, sd)
    np.testing.assert_allclose(found["filtering"], mixture, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found["smoothing"], mixture, rtol=1e-9, atol=1e-12)


def test_mixture_agrees_with_scikit_learn():
    rng = np.random.default_rng(5)
    y, weights = rng.normal(size=(50, 1)), np.array([0.2, 0.5, 0.3])
    mean, sd = np.array([-1.0, 0.2, 2.0]), np.array([0.5, 2.0, 1.0])
    other = GaussianMixture(3, covariance_type="diag")
    other.weights_, other.means_, other.precisions_cholesky_ = weights, mean[:, None], 1 / sd[:, None]
    found = mixture_memberships(summarise(y), weights[None], mean[None], sd[None])
    np.testing.assert_allclose(found[0], other.predict_proba(y), rtol=1e-10)


def test_diagonal_mixture_agrees_with_scikit_learn():
    rng = np.random.default_rng(2)
    mixture = GaussianMixture(4, covariance_type="diag")
    mixture.weights_ = rng.dirichlet(np.ones(4))
    mixture.means_ = rng.normal(size=(4, 3))
    sd = rng.uniform(0.3, 2, (4, 3))
    mixture.precisions_cholesky_ = 1 / sd
    y = rng.normal(size=(50, 3))
    found = diagonal_mixture_memberships(y, mixture.weights_[None], mixture.means_[None], sd[None])
    np.testing.assert_allclose(found[0], mixture.predict_proba(y), rtol=1e-10)


def test_the_last_smoothing_is_the_last_filtering_and_time_reversal_swaps_nothing_else():
    # A chain reversible and started from its stationary distribution reads the same backwards, so the
    # smoothing of the reversed series is the reversed smoothing. Its transition matrix is asymmetric.
    rng = np.random.default_rng(1)
    transition = np.array([[[0.9, 0.1], [0.4, 0.6]]])
    stationary = np.array([0.8, 0.2])
    y, mean, sd = rng.normal(size=(300, 2)), np.array([[-0.5, 1.0]]), np.array([[1.0, 0.7]])
    forwards = hmm_memberships(summarise(y), stationary, transition, mean, sd)
    backwards = hmm_memberships(summarise(y[::-1]), stationary, transition, mean, sd)
    np.testing.assert_allclose(forwards["smoothing"], backwards["smoothing"][:, ::-1], rtol=1e-10)
    np.testing.assert_allclose(forwards["filtering"][:, -1], forwards["smoothing"][:, -1], rtol=1e-10)
    assert np.abs(forwards["filtering"] - forwards["smoothing"]).max() > 0.1


@pytest.mark.parametrize("distance", [1e2, 1e4, 1e7])
def test_far_observations_do_not_underflow(distance):
    y = np.array([[distance], [-distance], [0.1]])
    mean, sd = np.array([[-1.0, 1.0]]), np.array([[1.0, 1.0]])
    initial, transition = np.array([0.5, 0.5]), np.array([[[0.9, 0.1], [0.4, 0.6]]])
    mixture = mixture_memberships(summarise(y), initial[None], mean, sd)
    chain = hmm_memberships(summarise(y), initial, transition, mean, sd)
    for found in (mixture, chain["filtering"], chain["smoothing"]):
        np.testing.assert_allclose(found[0, :2], [[0, 1], [1, 0]], atol=1e-40)
        np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-12)
    # Between known states the path is an enumeration of one: 0 -> z_3.
    weights = transition[0, 0] * np.exp(-0.5 * (0.1 - mean[0]) ** 2)
    np.testing.assert_allclose(chain["smoothing"][0, 2], weights / weights.sum(), rtol=1e-9)


def test_a_state_that_emissions_rule_out_for_long_comes_back():
    # After t steps state 2 has lost by a factor far below the smallest double, and returns at once.
    y = np.concatenate([np.full((2_000, 1), -1.0), np.full((1, 1), 1.0)])
    mean, sd = np.array([[-1.0, 1.0]]), np.array([[0.1, 0.1]])
    transition = np.array([[[1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12]]])
    found = hmm_memberships(summarise(y), np.array([0.5, 0.5]), transition, mean, sd)
    assert found["smoothing"][0, -1, 1] == pytest.approx(1)
    assert found["smoothing"][0, -2, 0] == pytest.approx(1)


def test_states_that_cannot_be_reached_have_probability_zero():
    y = np.array([[0.0], [3.0]])
    mean, sd = np.array([[-1.0, 1.0]]), np.ones((1, 2))
    never_left = np.array([[[1.0, 0.0], [0.5, 0.5]]])
    found = hmm_memberships(summarise(y), np.array([1.0, 0.0]), never_left, mean, sd)
    for probabilities in found.values():
        np.testing.assert_array_equal(probabilities[0], [[1, 0], [1, 0]])


@pytest.mark.slow
def test_a_hundred_thousand_times_agree_with_a_window_around_each():
    # A chain that mixes fast forgets; 40 steps either way decide the middle to rounding.
    rng = np.random.default_rng(2)
    n_times = 100_000
    y = rng.normal(scale=2, size=(n_times, 1))
    initial = np.array([0.5, 0.5])
    transition, mean, sd = np.array([[[0.7, 0.3], [0.4, 0.6]]]), np.array([[-1.0, 1.0]]), np.ones((1, 2))
    found = hmm_memberships(summarise(y), initial, transition, mean, sd)
    for middle in (50_000, n_times - 100):
        window = hmm_memberships(summarise(y[middle - 40 : middle + 41]), initial, transition, mean, sd)
        for kind, probabilities in found.items():
            np.testing.assert_allclose(probabilities[0, middle], window[kind][0, 40], rtol=1e-8)
    for probabilities in found.values():
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-12)


def test_inputs_are_left_alone():
    rng = np.random.default_rng(3)
    y, initial = rng.normal(size=(5, 2)), np.array([0.3, 0.7])
    transition, mean, sd = rng.dirichlet([1, 1], (4, 2)), rng.normal(size=(4, 2)), np.ones((4, 2))
    inputs = [y, initial, transition, mean, sd]
    before = [x.copy() for x in inputs]
    hmm_memberships(summarise(y), initial, transition, mean, sd)
    mixture_memberships(summarise(y), transition[:, 0], mean, sd)
    for x, x_before in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(x, x_before)
