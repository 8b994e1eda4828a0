"""The probability of staying inside, against enumeration and simulation; the band, against ArviZ's."""

import itertools

import numpy as np
import pytest
from arviz.stats.ecdf_utils import ecdf_confidence_band

from pipeline.calibration.bands import band, interior_probability, p_value

CDF = np.arange(1, 20) / 20


def test_the_probability_is_that_of_enumeration():
    cdf = np.array([0.2, 0.55, 0.9])
    lower, upper = np.array([0, 1, 2]), np.array([1, 3, 4])
    weights = np.diff(cdf, prepend=0, append=1)
    total = 0.0
    for cells in itertools.product(range(4), repeat=4):  # the interval that each of four values falls in
        counts = np.cumsum(np.bincount(cells, minlength=4))[:3]
        if ((counts >= lower) & (counts <= upper)).all():
            total += np.prod(weights[list(cells)])
    assert interior_probability(cdf, lower, upper, 4) == pytest.approx(total)


@pytest.mark.parametrize("n", [50, 1000])
def test_a_band_holds_just_the_level_of_uniform_curves(n):
    lower, upper = band(CDF, n, 0.95)
    exact = interior_probability(CDF, lower, upper, n)
    assert 0.95 <= exact < 0.975
    rng = np.random.default_rng(0)
    counts = (rng.random((4000, n, 1)) < CDF).sum(axis=1) if n < 100 else None
    if counts is not None:
        inside = ((counts >= lower) & (counts <= upper)).all(axis=1)
        assert inside.mean() == pytest.approx(exact, abs=4 * np.sqrt(0.05 / 4000))


def test_the_band_is_that_of_arviz():
    n = 500
    lower, upper = band(CDF, n)
    theirs = ecdf_confidence_band(n, CDF, CDF, prob=0.95, method="optimized")
    assert np.abs(lower - n * theirs[0]).max() <= 1
    assert np.abs(upper - n * theirs[1]).max() <= 1


def test_a_curve_leaves_the_band_exactly_where_its_p_value_is_below_five_per_cent():
    rng = np.random.default_rng(1)
    n = 60
    lower, upper = band(CDF, n)
    found = []
    for _ in range(150):
        counts = (rng.beta(1, 1.4, (n, 1)) < CDF).sum(axis=0)
        found.append((((counts >= lower) & (counts <= upper)).all(), p_value(counts, CDF, n) > 0.05))
    assert len(set(found)) == 2  # both kinds of curve occur
    assert all(inside == likely for inside, likely in found)


def test_p_values_of_uniform_curves_are_never_too_small():
    rng = np.random.default_rng(2)
    n = 100
    found = np.array([p_value((rng.random((n, 1)) < CDF).sum(axis=0), CDF, n) for _ in range(400)])
    for level in (0.05, 0.2, 0.5):
        assert (found <= level).mean() < level + 3 * np.sqrt(level * (1 - level) / 400)
    assert found.mean() < 0.6  # and not much too large
