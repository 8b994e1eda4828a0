import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from pipeline.scores.c2st import _auc, c2st


def standard_normal(seed, n=1000, dim=5):
    return np.random.default_rng(seed).normal(size=(1, n, dim))


def test_equal_distributions_cannot_be_told_apart():
    scores = [c2st(standard_normal(2 * s), standard_normal(2 * s + 1), seed=s) for s in range(8)]
    for name in ("c2st", "c2st_auc"):
        values = [score[name].value for score in scores]
        assert np.mean(values) == pytest.approx(0.5, abs=4 * 0.016 / np.sqrt(8))


@pytest.mark.parametrize("shift", [1.0, 2.0, 3.0])
def test_shifts_reach_the_best_possible_classifier(shift):
    """For N(0, 1) against N(d, 1) the best accuracy is Phi(d / 2), the best area Phi(d / sqrt 2)."""
    method = standard_normal(1) + [shift, 0, 0, 0, 0]
    scores = c2st(method, standard_normal(2), seed=1)
    assert scores["c2st"].value == pytest.approx(norm.cdf(shift / 2), abs=0.05)
    assert scores["c2st_auc"].value == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=0.06)


def correlated(draws):
    out = draws.copy()
    out[..., 1] = 0.8 * draws[..., 0] + 0.6 * draws[..., 1]
    return out


def one_mode_more(draws):
    out = draws.copy()
    out[:, : draws.shape[1] // 3, 0] += 4
    return out


def skewed(draws):
    out = draws.copy()
    out[..., 0] = (np.exp(0.5 * draws[..., 0]) - np.exp(0.125)) / np.sqrt((np.exp(0.25) - 1) * np.exp(0.25))
    return out


@pytest.mark.parametrize("change", [correlated, one_mode_more, skewed, lambda draws: 0.7 * draws])
def test_differences_of_every_kind_are_found(change):
    assert c2st(change(standard_normal(1)), standard_normal(2), seed=1)["c2st"].value > 0.55


def test_heavy_tails_are_found_in_eight_dimensions():
    """Student's t with mean and covariance right: a kernel alone reaches 0.54 here."""
    heavy = np.random.default_rng(1).standard_t(5, size=(1, 1000, 8)) * np.sqrt(3 / 5)
    assert c2st(heavy, standard_normal(2, dim=8), seed=1)["c2st"].value > 0.57


def test_separate_distributions():
    scores = c2st(standard_normal(1) + 20, standard_normal(2), seed=1)
    assert scores["c2st"] == (1, 0) and scores["c2st_auc"] == (1, 0)


def test_a_collapsed_method_is_found():
    scores = c2st(np.zeros((1, 500, 3)), standard_normal(1, 500, 3), seed=1)
    assert scores["c2st"].value > 0.9


def test_area_agrees_with_sklearn_with_ties():
    rng = np.random.default_rng(1)
    labels = rng.random(300) < 0.4
    decision = np.round(rng.normal(size=300) + labels, 1)
    assert _auc(decision, labels)[0] == pytest.approx(roc_auc_score(labels, decision))


def test_error_of_the_area_is_calibrated():
    rng = np.random.default_rng(1)
    labels = np.arange(300) < 100
    results = [_auc(rng.normal(size=300) + labels, labels) for _ in range(300)]
    assert np.var([area for area, _ in results]) == pytest.approx(np.mean([v for _, v in results]), rel=0.25)


def test_seed_decides_and_inputs_stay_unchanged():
    method, reference = standard_normal(1, 300), standard_normal(2, 300)
    before = method.copy(), reference.copy()
    assert c2st(method, reference, seed=1) == c2st(method, reference, seed=1)
    assert c2st(method, reference, seed=1) != c2st(method, reference, seed=2)
    np.testing.assert_array_equal(method, before[0])
    np.testing.assert_array_equal(reference, before[1])


@pytest.mark.parametrize("n", [300, 9])
def test_sizes_are_checked(n):
    with pytest.raises(ValueError, match="equal shapes with at least 10 draws"):
        c2st(standard_normal(1, 9), standard_normal(2, n), seed=1)
