import numpy as np
import pytest

from pipeline.calibration.unlike import calibrate, describe_residuals, learn, within_statistics


def test_distances_are_mahalanobis_and_ignore_directions_without_variance():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, 3))
    inner = rng.normal(size=(50_000, 3))
    features = np.column_stack([inner @ mixing, np.full(50_000, 7.0)])  # a constant feature
    normal = learn(features)
    assert normal.whiten.shape[1] == 3
    distance = normal.distance(features)
    assert distance == pytest.approx(np.sqrt((inner**2).mean(axis=1)), rel=0.04, abs=0.02)


def test_a_flag_is_raised_at_its_rate_and_on_what_lies_far_out():
    rng = np.random.default_rng(1)

    def features(n, shift=0.0):
        return {"a": rng.normal(size=(n, 4)), "b": shift + rng.standard_gamma(3, size=(n, 2))}

    flag = calibrate(features(8000), rate=0.01)
    usual = flag.flags(features(20_000))
    assert set(usual) == {"a", "b", "any"}
    for flagged in usual.values():
        assert flagged.mean() == pytest.approx(0.01, abs=0.005)
    strange = flag.flags(features(2000, shift=8.0))
    assert strange["b"].mean() > 0.9
    assert strange["a"].mean() < 0.02
    assert strange["any"].mean() > 0.9


def test_statistics_of_residuals_see_what_they_are_named_for():
    rng = np.random.default_rng(2)
    mask = np.arange(200) < np.array([[150], [200]] * 200)

    def described(residuals, within=1.0, kurtosis=3.0):
        n = len(mask)
        return describe_residuals(
            np.where(mask, residuals, 0), mask, np.full(n, within), np.full(n, kurtosis)
        )

    usual = described(rng.normal(size=mask.shape))
    assert np.isfinite(usual).all()
    spread = usual.std(axis=0)
    heavy = described(rng.standard_t(2.5, size=mask.shape))
    smooth = rng.normal(size=(len(mask), 201))
    dependent = described((smooth[:, 1:] + smooth[:, :-1]) / np.sqrt(2))
    for strange, statistic in ((heavy, 4), (heavy, 3), (dependent, 8)):
        assert (strange - usual)[:, statistic].mean() > 3 * spread[statistic]


def test_scatter_within_observations():
    rng = np.random.default_rng(3)
    y = rng.normal(scale=1.5, size=(20_000, 3))
    deviations = y - y.mean(axis=1, keepdims=True)
    assert within_statistics(deviations, sd=1.5) == pytest.approx((1, 3), abs=0.05)
    assert within_statistics(deviations, sd=1.0)[0] == pytest.approx(2.25, abs=0.05)
    assert within_statistics(np.zeros((10, 1)), sd=1.0) == (1.0, 3.0)
