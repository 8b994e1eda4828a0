"""The test of one metric: its size where nothing changes, its power, and what it does with odd numbers."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, ttest_1samp, ttest_ind, wilcoxon

from pipeline.regression.compare import change, holm, noise_unit, scaled
from pipeline.scores.metrics import METRICS

W1 = METRICS["wasserstein1_sd"]
UNIT = 0.02


def rows(values, mcse=0.001):
    values = np.asarray(values, dtype=float)
    return pd.DataFrame({"dataset": np.arange(len(values)), "value": values, "mcse": mcse})


def compare(old, new, same=True, same_seed=True, tolerance=0.1, mcse=0.001, metric=W1):
    sides = [scaled(metric, UNIT, rows(values, mcse)) for values in (old, new)]
    shared = set(range(len(old))) if same else set()
    return change(metric, UNIT, *sides, shared, same_seed, tolerance)


def skewed(seed, n=20, centre=0.1, spread=1.0):
    return centre * np.random.default_rng(seed).lognormal(0, spread, n)


def test_p_values_are_twice_the_smaller_of_scipys_tests():
    old, new = skewed(1), skewed(2, centre=0.13)
    g_old, g_new = np.arcsinh(old / UNIT), np.arcsinh(new / UNIT)
    paired = ttest_1samp(g_new - g_old, 0.1, alternative="greater").pvalue
    ranked = wilcoxon(g_new - g_old - 0.1, alternative="greater").pvalue
    assert compare(old, new).p_worse == pytest.approx(2 * min(paired, ranked), rel=1e-9)
    unpaired = ttest_ind(g_new, g_old + 0.1, equal_var=False, alternative="greater").pvalue
    ranked = mannwhitneyu(g_new - 0.1, g_old, alternative="greater").pvalue
    assert compare(old, new, same=False).p_worse == pytest.approx(2 * min(unpaired, ranked), rel=1e-9)
    better = ttest_ind(g_new, g_old - 0.1, equal_var=False, alternative="less").pvalue
    ranked = mannwhitneyu(g_new + 0.1, g_old, alternative="less").pvalue
    expected = min(1.0, 2 * min(better, ranked))
    assert compare(old, new, same=False).p_better == pytest.approx(expected, rel=1e-9)


def test_a_fault_of_very_unequal_size_is_seen_by_ranks():
    base = skewed(1, n=20, spread=0.3)
    spoilt = base * np.exp(0.15 + np.random.default_rng(3).lognormal(-1, 2.0, 20))
    g = np.arcsinh(spoilt / UNIT) - np.arcsinh(base / UNIT)
    assert ttest_1samp(g, 0.1, alternative="greater").pvalue > 1e-3
    assert compare(base, spoilt).p_worse < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_equal_and_skewed_scores_seldom_look_worse(same):
    p = [compare(skewed([i, 0]), skewed([i, 1]), same, tolerance=0.0).p_worse for i in range(1000)]
    # Binomial 99.9% bounds about a nominal 5% and 1%.
    assert np.mean(np.array(p) < 0.05) < 0.073 and np.mean(np.array(p) < 0.01) < 0.021
    # Twice the smaller of two p-values is below a half where one of them is below a quarter.
    assert np.mean(np.array(p) < 0.5) > 0.25 - 0.045


def test_a_doubled_score_is_seen_in_pairs_and_a_fourfold_one_without():
    base = skewed(1, spread=0.8)
    again = base * np.random.default_rng(2).lognormal(0, 0.3, 20)
    assert compare(base, 2 * again).p_worse < 1e-5
    others = skewed(5, spread=0.8)
    assert compare(base, 4 * others, same=False).p_worse < 1e-4
    assert compare(base, again).p_worse > 0.1


def test_equal_numbers_are_unchanged_and_what_is_within_the_tolerance_too():
    base = skewed(1)
    same = compare(base, base)
    assert same.p_worse > 0.99 and same.ratio == 1.0 and same.design == "paired"
    assert compare(base, base * 1.05, mcse=0.0).p_worse > 0.99


def test_monte_carlo_errors_bound_the_spread_from_below():
    base, new = skewed(1), skewed(1) * 1.5
    assert compare(base, new).p_worse < 1e-6
    assert compare(base, new, mcse=0.3).p_worse > 0.001


def test_few_data_sets_are_judged_by_monte_carlo_errors_and_only_with_the_same_seed():
    old, new = [0.02, 0.03], [0.2, 0.3]
    judged = compare(old, new, mcse=0.01)
    assert judged.p_worse < 1e-6 and judged.n_datasets == 2
    assert compare(old, [0.03, 0.04], mcse=0.01).p_worse > 0.5, "less than a doubling"
    assert math.isnan(compare(old, new, same_seed=False).p_worse)
    assert math.isnan(compare(old, new, same=False).p_worse)
    assert math.isnan(compare(old, new, mcse=math.nan).p_worse)


def test_infinite_and_unknown_scores_count_as_the_worst():
    base, broken = skewed(1), skewed(1)
    broken[:15] = np.inf
    assert compare(base, broken).p_worse < 1e-5
    broken[:15] = np.nan
    assert compare(base, broken).p_worse < 1e-5
    assert compare(broken, broken).p_worse > 0.99


def test_direction_follows_the_metric():
    accuracy = METRICS["membership_accuracy"]
    low, high = np.full(20, 0.7) + skewed(1) / 50, np.full(20, 0.9) + skewed(2) / 50
    assert compare(high, low, metric=accuracy, mcse=0.0).p_worse < 1e-6
    assert compare(low, high, metric=accuracy, mcse=0.0).p_better < 1e-6


def test_typical_scores_and_ratio_are_shown_on_the_metrics_own_scale():
    found = compare(np.full(20, 0.1), np.full(20, 0.3), mcse=0.0)
    assert (found.old, found.new, found.ratio) == pytest.approx((0.1, 0.3, 3.0))


def test_noise_unit_is_the_median_floor_or_a_tenth_of_close():
    assert noise_unit(W1, np.array([0.01, 0.03, 0.02, np.nan])) == pytest.approx(0.02)
    assert noise_unit(METRICS["c2st"], np.array([0.49, 0.53])) == pytest.approx(0.02)
    assert noise_unit(W1, np.array([0.0, np.nan])) == pytest.approx(0.01)
    assert noise_unit(METRICS["pareto_k"], np.array([np.nan])) == pytest.approx(0.1)


def test_holm_is_the_closed_test_of_bonferroni_and_leaves_unknown_ones_out():
    p = np.random.default_rng(1).uniform(size=8) ** 4
    subsets = [c for size in range(1, 9) for c in itertools.combinations(range(8), size)]
    closed = [max(min(1.0, len(c) * p[list(c)].min()) for c in subsets if i in c) for i in range(8)]
    np.testing.assert_allclose(holm(p), closed)
    with_gaps = np.insert(p, [3, 6], np.nan)
    np.testing.assert_allclose(holm(with_gaps)[~np.isnan(with_gaps)], closed)
    assert np.isnan(holm(with_gaps)[[3, 7]]).all()
