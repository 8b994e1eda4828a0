import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, wasserstein_distance

from pipeline.scores.agreement import (
    Whitening,
    log_sd_ratio,
    mean_error_sd,
    sliced_wasserstein,
    wasserstein1_sd,
)

SCALARS = [mean_error_sd, log_sd_ratio, wasserstein1_sd]


def quantiles(n, loc=0.0, scale=1.0):
    """Return the sample of size n whose distribution is closest to a normal."""
    return norm.ppf((np.arange(n) + 0.5) / n, loc, scale).reshape(1, -1)


@pytest.mark.parametrize("loc, scale", [(0.3, 1.0), (-1.0, 1.0), (0.0, 1.5), (0.0, 0.5)])
def test_gaussians_have_their_closed_forms(loc, scale):
    method, reference = quantiles(10_000, 5 + 2 * loc, 2 * scale), quantiles(10_000, 5, 2)
    assert mean_error_sd(method, reference).value == pytest.approx(loc, abs=1e-3)
    assert log_sd_ratio(method, reference).value == pytest.approx(np.log(scale), abs=1e-3)
    # Optimal transport moves x to loc + scale x; either the shift or the stretch is absent here.
    exact = abs(loc) + abs(scale - 1) * np.sqrt(2 / np.pi)
    assert wasserstein1_sd(method, reference).value == pytest.approx(exact, abs=1e-3)


finite = st.floats(-1e3, 1e3, allow_subnormal=False)


@settings(max_examples=50, deadline=None)
@given(arrays(float, (1, 7), elements=finite), arrays(float, (2, 5), elements=finite))
def test_wasserstein_agrees_with_scipy(method, reference):
    sd = reference.std(ddof=1)
    if sd < 1e-3:
        return
    ours = wasserstein1_sd(method, reference).value
    assert ours == pytest.approx(
        wasserstein_distance(method.ravel(), reference.ravel()) / sd, rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("score", SCALARS)
def test_identical_samples_score_zero(score, autoregressive):
    draws = autoregressive(1, 4, 300)
    assert score(draws, draws.copy()).value == 0


@pytest.mark.parametrize("score", SCALARS)
@settings(max_examples=10, deadline=None)
@given(shift=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
def test_units_and_order_do_not_matter(score, shift, scale, seed):
    rng = np.random.default_rng(seed)
    method, reference = 0.3 + rng.normal(size=(1, 100)), rng.normal(size=(4, 50))
    before = [method.copy(), reference.copy()]
    plain = score(method, reference)
    np.testing.assert_array_equal(method, before[0])
    np.testing.assert_array_equal(reference, before[1])
    moved = score(shift + scale * rng.permuted(method, axis=1), shift + scale * reference)
    assert moved.value == pytest.approx(plain.value, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("score", SCALARS)
def test_swapping_signs(score):
    method, reference = quantiles(100, 0.4, 1.2), quantiles(100)
    forward, mirrored = score(method, reference).value, score(-method, -reference).value
    assert mirrored == pytest.approx(-forward if score is mean_error_sd else forward)


@pytest.mark.parametrize("score", SCALARS)
@pytest.mark.parametrize("shift, scale", [(0.0, 1.0), (0.5, 0.7)])
def test_errors_are_calibrated(score, shift, scale, autoregressive, check_calibration):
    estimates = []
    for seed in range(80):
        method = np.exp(shift + scale * autoregressive(2 * seed, 4, 250) / 3)
        reference = np.exp(autoregressive(2 * seed + 1, 4, 500, correlation=0.2) / 3)
        estimates.append(score(method, reference))
    # Between equal distributions a distance is no smooth functional: its error is right in order only.
    check_calibration(estimates, factor=2.5 if score is wasserstein1_sd and shift == 0 else 1.3)


def test_a_collapsed_method_is_infinitely_overconfident():
    value, mcse = log_sd_ratio(np.ones((1, 100)), quantiles(100))
    assert value == -np.inf and np.isnan(mcse)


@pytest.mark.parametrize("score", SCALARS)
def test_a_constant_reference_is_refused(score):
    with pytest.raises(ValueError, match="standard deviation is 0"):
        score(quantiles(100), np.zeros((1, 100)))


def test_whitening():
    rng = np.random.default_rng(1)
    draws = (rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3)) + [1, 2, 3]).reshape(4, 1000, 3)
    white = Whitening.fit(draws)(draws).reshape(-1, 3)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.cov(white.T), np.eye(3), atol=1e-12)


def test_sliced_wasserstein_agrees_with_pot():
    rng = np.random.default_rng(5)
    method, reference = rng.normal(size=(1, 400, 3)) + 0.2, rng.normal(size=(4, 100, 3))
    directions = np.random.default_rng(9).normal(size=(3, 50))
    directions /= np.linalg.norm(directions, axis=0)
    other = ot.sliced_wasserstein_distance(method[0], reference.reshape(-1, 3), projections=directions)
    ours = sliced_wasserstein(method, reference, seed=9, n_projections=50)
    assert ours.value == pytest.approx(other, rel=1e-12)


def test_sliced_wasserstein_of_a_shift_and_a_stretch():
    """A shift d scores |d| / sqrt(dim); a stretch s of a standard normal scores |s - 1|."""
    draws = np.random.default_rng(2).normal(size=(1, 2000, 4))
    shifted = sliced_wasserstein(draws + [2, 0, 0, 0], draws, seed=1, n_projections=500)
    assert shifted.value == pytest.approx(1, abs=4 * shifted.mcse)
    assert sliced_wasserstein(1.5 * draws, draws, seed=1).value == pytest.approx(0.5, rel=0.02)
    assert sliced_wasserstein(draws, draws[:, ::-1], seed=1) == (0, 0)


@pytest.mark.parametrize("shift, scale", [(0.0, 1.0), (0.3, 1.0), (0.0, 0.3)])
def test_sliced_wasserstein_error_is_calibrated(shift, scale, autoregressive, check_calibration):
    estimates = [
        sliced_wasserstein(
            autoregressive(2 * seed, 4, 125, dim=3) * scale + shift,
            autoregressive(2 * seed + 1, 1, 500, dim=3, correlation=0.0),
            seed=seed,
            n_projections=50,
        )
        for seed in range(100)
    ]
    check_calibration(estimates, factor=2 if (shift, scale) == (0, 1) else 1.3)


def test_sliced_wasserstein_needs_equal_sizes():
    with pytest.raises(ValueError, match="as many draws"):
        sliced_wasserstein(np.zeros((1, 10, 2)), np.zeros((1, 11, 2)), seed=1)
