import numpy as np
import pytest

from pipeline.scores.monte_carlo import (
    delta_mcse,
    discrete_mcse,
    effective_size,
    thin,
    thinned_size,
    variance_of_mean,
)


def test_effective_size_of_autoregressive_chains(autoregressive):
    """n (1 - r) / (1 + r) draws of an AR(1) chain with correlation r are worth one independent draw each."""
    sizes = [effective_size(autoregressive(seed, 4, 2500, correlation=0.6)) for seed in range(10)]
    assert np.mean(sizes) == pytest.approx(10_000 * 0.4 / 1.6, rel=0.05)


def resampled(rng, n=500):
    """Return draws of two coordinates, resampled with weights that tilt the first one."""
    proposal = rng.normal(size=(n, 2))
    weights = np.exp(proposal[:, 0])
    return proposal[rng.choice(n, size=n, p=weights / weights.sum())].T


def test_effective_size_of_resampled_draws():
    """Kish's size is exact for what does not depend on the weights."""
    rng = np.random.default_rng(3)
    draws = [resampled(rng)[1] for _ in range(300)]
    sizes = [effective_size(row[None]) for row in draws]
    assert np.var([row.mean() for row in draws]) == pytest.approx(1 / np.mean(sizes), rel=0.25)
    assert np.mean(sizes) < 150  # 500 / (1 + e), and less, because a finite sample rarely holds the tail


@pytest.mark.parametrize("coordinate", [0, 1])
def test_variance_of_resampled_means(coordinate):
    rng = np.random.default_rng(3)
    draws = [resampled(rng)[coordinate] for _ in range(400)]
    reported = np.mean([variance_of_mean(row[None]) for row in draws])
    assert np.var([row.mean() for row in draws]) == pytest.approx(reported, rel=0.25)


def test_variance_of_a_constant_is_zero():
    assert variance_of_mean(np.full((4, 100), 0.1) + 1e-17) == 0


def test_error_adds_independent_sets(autoregressive):
    a, b = autoregressive(1, 4, 1000), 2 * autoregressive(2, 4, 1000)
    assert delta_mcse(a, b) == pytest.approx(np.hypot(delta_mcse(a), delta_mcse(b)))


def test_error_of_a_share_of_independent_draws():
    """Equal values of an indicator are no repetitions; those of resampled draws are."""
    rng = np.random.default_rng(2)
    draws = [resampled(rng)[1] for _ in range(300)]
    for sample in ([rng.normal(size=500) for _ in range(300)], draws):
        shares = [(row > 0.3).astype(float) for row in sample]
        errors = [discrete_mcse(s[None], row[None]) for s, row in zip(shares, sample, strict=True)]
        assert np.std([s.mean() for s in shares]) == pytest.approx(np.mean(errors), rel=0.25)
    stuck = np.repeat([[0.0], [1.0]], 50, axis=1)
    assert np.isnan(discrete_mcse(stuck, rng.normal(size=(2, 50))))
    assert discrete_mcse(np.ones((2, 50)), rng.normal(size=(2, 50))) == 0


def test_thinning_is_even():
    draws = np.arange(20.0).reshape(2, 10)
    np.testing.assert_array_equal(thin(draws, 4), [[0, 5], [10, 15]])
    np.testing.assert_array_equal(thin(draws, 20), draws)


@pytest.mark.parametrize("size", [0, 3, 22])
def test_thinning_refuses_unequal_shares(size):
    with pytest.raises(ValueError, match="evenly"):
        thin(np.zeros((2, 10)), size)


def test_thinned_size_suits_all_chains():
    assert thinned_size(1000, (4, 2500, 3), (1, 4000, 3)) == 1000
    assert thinned_size(1000, (4, 2500, 3), (3, 4000, 3)) == 996
    assert thinned_size(1000, (4, 2500, 3), (1, 101, 3)) == 100
