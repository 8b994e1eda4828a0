import numpy as np
import pytest

from pipeline.calibration.recovery import coverage, recover


def test_recovery_of_a_normal_model_is_known():
    rng = np.random.default_rng(0)
    n = 20_000
    theta = 2 * rng.normal(size=n)  # prior variance 4, noise variance 1: posterior variance 0.8
    mean = 0.8 * (theta + rng.normal(size=n))
    found = recover(theta, mean, np.full(n, np.sqrt(0.8)), prior_sd=2.0)
    assert found.contraction.value == pytest.approx(0.8)
    assert found.correlation.value == pytest.approx(np.sqrt(0.8), abs=4 * found.correlation.se)
    assert found.rmse.value == pytest.approx(np.sqrt(0.2), abs=4 * found.rmse.se)


def test_errors_are_those_of_repetitions():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        theta = rng.normal(size=100)
        mean = 0.5 * (theta + rng.normal(size=100))
        found.append(recover(theta, mean, np.full(100, np.sqrt(0.5)), prior_sd=1.0))
    for name in ("correlation", "rmse"):
        spread = np.std([getattr(one, name).value for one in found])
        assert np.mean([getattr(one, name).se for one in found]) == pytest.approx(spread, rel=0.25)


def test_error_of_a_correlation_that_tails_carry_is_that_of_repetitions():
    """Fisher's z would say less than half of it."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(300):
        theta = rng.standard_t(5, size=1000)
        scale = np.where(rng.random(1000) < 0.9, 0.1, 1.5)
        found.append(recover(theta, theta + scale * rng.normal(size=1000), np.ones(1000), 1.0).correlation)
    spread = np.std([one.value for one in found])
    assert np.mean([one.se for one in found]) == pytest.approx(spread, rel=0.2)
    r = np.mean([one.value for one in found])
    assert (1 - r**2) / np.sqrt(1000) < 0.6 * spread


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_uniform_ranks_are_covered_at_the_level(level):
    assert coverage(np.arange(1000), 999, level).value == pytest.approx(level, abs=1e-3)


def test_overconfident_ranks_are_covered_less():
    rng = np.random.default_rng(2)
    ranks = rng.binomial(999, rng.beta(0.5, 0.5, 2000))
    found = coverage(ranks, 999, 0.8)
    assert found.value < 0.8 - 5 * found.se
