import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pipeline.scores.classification import (
    AGAINST_REFERENCE,
    AGAINST_TARGET,
    accuracy,
    brier,
    ece,
    excess_log_loss,
    log_loss,
    membership_scores,
    one_hot,
    total_variation,
)

ALL = AGAINST_TARGET | AGAINST_REFERENCE


def memberships(seed, *shape):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), size=shape[:-1])


@pytest.mark.parametrize("components", [2, 3])
def test_scores_agree_with_sklearn(components):
    p, truth = memberships(1, 200, components), np.random.default_rng(2).integers(0, components, 200)
    target, labels = one_hot(truth, components), np.arange(components)
    assert accuracy(p, target) == pytest.approx(sklearn_metrics.accuracy_score(truth, p.argmax(axis=1)))
    assert log_loss(p, target) == pytest.approx(sklearn_metrics.log_loss(truth, p, labels=labels))
    if components == 2:  # sklearn halves the score of two components
        assert brier(p, target) == pytest.approx(2 * sklearn_metrics.brier_score_loss(truth, p[:, 1]))


@pytest.mark.parametrize("score", [accuracy, log_loss, brier])
def test_scores_without_truth_are_expectations(score):
    """Every one of the 3^4 possible truths, weighted by its probability under the reference."""
    p, reference = memberships(1, 4, 3), memberships(2, 4, 3)
    expected = 0.0
    for truth in itertools.product(range(3), repeat=4):
        probability = np.prod(reference[np.arange(4), truth])
        expected += probability * score(p, one_hot(np.array(truth), 3))
    assert score(p, reference) == pytest.approx(expected)


def test_brier_score_is_a_squared_distance():
    p, truth = memberships(1, 50, 3), np.random.default_rng(2).integers(0, 3, 50)
    target = one_hot(truth, 3)
    assert brier(p, target) == pytest.approx(((p - target) ** 2).sum(axis=1).mean())


def test_calibration_error_by_hand():
    """Bins (.5, .6], (.6, .7] and (.9, 1]; a probability of .6 belongs to the lower one."""
    top = np.array([0.55, 0.6, 0.65, 0.95, 1.0])
    p = np.stack([top, 1 - top], axis=1)
    truth = np.array([0, 1, 1, 0, 0])
    # Surplus of correct over claimed: (1 - .55 + 0 - .6), (0 - .65), (1 - .95 + 1 - 1).
    by_hand = (abs(1 - 1.15) + 0.65 + 0.05) / 5
    assert ece(p, one_hot(truth, 2)) == pytest.approx(by_hand)
    assert ece(p, one_hot(truth, 2), n_bins=1) == pytest.approx(abs(3 - top.sum()) / 5)


def test_calibrated_probabilities_have_little_calibration_error():
    p = memberships(1, 50_000, 3)
    uniform = np.random.default_rng(2).random((50_000, 1))
    truth = (uniform > p.cumsum(axis=1)).sum(axis=1)
    assert ece(p, one_hot(truth, 3)) < 0.01
    assert ece(p, p) == pytest.approx(0, abs=1e-12)
    assert ece(0.8 * p + 0.2 / 3, one_hot(truth, 3)) > 0.05


def test_excess_log_loss_is_the_divergence():
    p, reference = memberships(1, 30, 3), memberships(2, 30, 3)
    by_hand = np.mean(np.sum(reference * np.log(reference / p), axis=1))
    assert excess_log_loss(p, reference) == pytest.approx(by_hand)
    assert excess_log_loss(reference, reference) == pytest.approx(0, abs=1e-14)


def test_total_variation_by_hand():
    p, reference = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.3, 0.7]])
    assert total_variation(p, reference) == pytest.approx((1 + 0.2) / 2)


def test_zeros_are_finite_and_costly_only_where_they_err():
    certain, opposite = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert excess_log_loss(certain, certain) == 0
    assert 700 < excess_log_loss(certain, opposite) < 710
    assert excess_log_loss(certain, np.array([[1 - 1e-300, 1e-300]])) == pytest.approx(0, abs=1e-250)


def test_labels_outside_the_components_are_refused():
    with pytest.raises(ValueError, match="labels run from 0 to 3"):
        one_hot(np.array([0, 3]), 3)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), order=st.permutations(range(3)))
def test_renaming_components_and_reordering_observations(name, seed, order):
    p, target = memberships(seed, 20, 3), memberships(seed + 1, 20, 3)
    before = p.copy(), target.copy()
    rows = np.random.default_rng(seed).permutation(20)
    renamed = ALL[name](p[rows][:, order], target[rows][:, order])
    assert renamed == pytest.approx(ALL[name](p, target), abs=1e-12)
    np.testing.assert_array_equal(p, before[0])
    np.testing.assert_array_equal(target, before[1])


@pytest.mark.parametrize("name", ALL)
def test_replicates_are_scored_one_by_one(name):
    p, target = memberships(1, 5, 20, 3), memberships(2, 20, 3)
    np.testing.assert_allclose(ALL[name](p, target), [ALL[name](one, target) for one in p], atol=1e-14)
    np.testing.assert_allclose(ALL[name](target, p), [ALL[name](target, one) for one in p], atol=1e-14)


def noisy(seed, batches=20, n_obs=150, noise=0.3):
    """Return batch means of memberships whose logits have common and individual noise."""
    rng = np.random.default_rng(seed)
    y = np.linspace(-3, 3, n_obs)
    logits = y + noise * (rng.normal(size=(batches, 1)) + rng.normal(size=(batches, n_obs)))
    p = 1 / (1 + np.exp(-logits))
    return np.stack([p, 1 - p], axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize("with_truth", [True, False])
def test_errors_are_calibrated(with_truth, check_calibration):
    truth = np.random.default_rng(0).integers(0, 2, 150) if with_truth else None
    scores = [membership_scores(noisy(2 * s), noisy(2 * s + 1), truth, seed=s) for s in range(60)]
    for name in ALL:
        # Accuracy moves in steps and distances vanish at zero: their errors are right in order only.
        smooth = name in ("log_loss", "brier") or (name == "accuracy" and not with_truth)
        check_calibration([s[name] for s in scores], factor=1.4 if smooth else 2.2)


def test_identical_memberships():
    p = noisy(1)
    scores = membership_scores(p, p.copy(), None, seed=1)
    assert scores["excess_log_loss"].value == pytest.approx(0, abs=1e-15)
    assert scores["total_variation"].value == 0
    assert scores["ece"].value == pytest.approx(0, abs=1e-15)


def test_one_batch_has_no_error():
    assert np.isnan(membership_scores(noisy(1, batches=1), noisy(2), None, seed=1)["brier"].mcse)


def test_other_observations_are_refused():
    with pytest.raises(ValueError, match=r"\(100, 2\) against \(150, 2\)"):
        membership_scores(noisy(1, n_obs=100), noisy(2), None, seed=1)
