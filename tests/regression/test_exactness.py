import numpy as np
import pytest

from pipeline.regression.exactness import is_exact, p_inexact


def z2(seed, n=20, bias=0.0, n_parameters=4):
    """Mean of squared normals over parameters, the bias counted in Monte Carlo errors."""
    return np.mean(np.random.default_rng(seed).normal(bias, 1, (n, n_parameters)) ** 2, axis=1)


def test_noise_is_exact_and_bias_is_not():
    assert np.mean([is_exact(z2(i), 5) for i in range(200)]) > 0.95
    assert not any(is_exact(z2(i, bias=2.0), 5) for i in range(200))
    assert not is_exact(z2(1, n=4), 5)


def test_exact_runs_are_seldom_accused_even_with_errors_of_errors():
    olds = [z2([i, 0]) for i in range(2000)]
    # The new run's reported errors are 10% too small.
    p = np.array([p_inexact(old, z2([i, 1]) / 0.81, True) for i, old in enumerate(olds) if is_exact(old, 5)])
    assert np.mean(p < 0.01) < 0.017 and np.mean(p < 0.001) < 0.005


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_methods_that_are_exact_on_most_data_sets_are_seldom_accused_on_others(share):
    """The baseline met none of the data sets on which a method errs; another run's data sets have some."""

    def run(*seed):
        spoilt = np.random.default_rng([*seed, 7]).random(20) < share
        return np.where(spoilt, 30.0, z2(seed))

    olds = [run(i, 0) for i in range(4000)]
    p = [p_inexact(old, run(i, 1), False) for i, old in enumerate(olds) if is_exact(old, 5)]
    assert len(p) > 30 and np.mean(np.array(p) < 1e-3) < 0.02


@pytest.mark.parametrize(
    ("bias", "power", "same_data"),
    [(1.5, 0.8, True), (1.5, 0.5, False), (2.0, 0.95, True), (2.0, 0.95, False)],
)
def test_a_bias_of_two_monte_carlo_errors_is_seen_and_most_of_smaller_ones(bias, power, same_data):
    p = [p_inexact(z2([i, 0]), z2([i, 1], bias=bias), same_data) for i in range(100)]
    assert np.mean(np.array(p) < 1e-4) > power


@pytest.mark.parametrize("outliers", [1, 2])
def test_single_ruined_data_sets_do_not_decide(outliers):
    new = z2(2)
    new[:outliers] = 1e6
    assert p_inexact(z2(1), new, True) > 1e-3
