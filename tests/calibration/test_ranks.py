"""Calibration of posteriors whose error is known."""

import numpy as np
import pytest

from pipeline.calibration.ranks import curve, examine, rank

N, DRAWS = 1000, 199


def ranks_of(seed, *, shift=0.0, scale=1.0, n=N, n_draws=DRAWS):
    """Ranks in a normal model with a normal prior, the posterior shifted and scaled in its own sds."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=n)
    y = theta + rng.normal(size=n)
    mean, sd = y / 2, np.sqrt(0.5)
    draws = (mean + shift * sd)[:, None] + scale * sd * rng.normal(size=(n, n_draws))
    return rank(theta, draws, rng)


@pytest.mark.slow
def test_the_exact_posterior_passes():
    found = [examine(ranks_of(seed), DRAWS) for seed in range(40)]
    assert sum(one.inside for one in found) >= 34  # 95% of 40 less three binomial errors
    assert np.mean([one.spread for one in found]) == pytest.approx(
        0, abs=3 * found[0].spread_se / np.sqrt(40)
    )
    assert np.mean([one.bias for one in found]) == pytest.approx(0, abs=3 * found[0].bias_se / np.sqrt(40))
    for one in found:
        assert one.inside == (one.p_value > 0.05)


def test_the_errors_are_those_of_uniform_ranks():
    found = [examine(ranks_of(seed, n=200), DRAWS) for seed in range(100)]
    for name in ("bias", "spread"):
        spread = np.std([getattr(one, name) for one in found])
        assert spread == pytest.approx(getattr(found[0], f"{name}_se"), rel=0.25)


def test_an_overconfident_posterior_is_caught():
    found = [examine(ranks_of(seed, scale=0.85), DRAWS) for seed in range(10)]
    assert sum(not one.inside for one in found) >= 7
    assert all(one.spread > 3 * one.spread_se for one in found)


def test_a_shifted_posterior_is_caught():
    found = examine(ranks_of(3, shift=0.15), DRAWS)
    assert not found.inside
    assert found.bias < -3 * found.bias_se  # draws lie too high
    assert found.deviation > 0


def test_the_curve_agrees_with_the_statement():
    ranks = ranks_of(4, shift=0.2)
    found, said = curve(ranks, DRAWS), examine(ranks, DRAWS)
    outside = (found.difference < found.lower - 1e-12) | (found.difference > found.upper + 1e-12)
    assert outside.any() == (not said.inside)
    assert np.abs(found.difference).max() == pytest.approx(abs(said.deviation))


@pytest.mark.parametrize("n_draws", [99, 199, 1000])
def test_points_lie_where_uniform_ranks_have_exact_probabilities(n_draws):
    found = curve(np.arange(n_draws + 1), n_draws)  # every rank once
    assert np.abs(found.difference).max() < 1e-12


def test_ties_are_broken_evenly():
    rng = np.random.default_rng(0)
    found = rank(np.zeros(4000), np.zeros((4000, 3)), rng)
    assert np.bincount(found, minlength=4) == pytest.approx(1000, abs=110)
