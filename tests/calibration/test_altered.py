import numpy as np
import pytest

from pipeline.calibration.altered import KINDS, alter, kinds_for
from pipeline.scenarios import get_scenario


@pytest.mark.parametrize("name", ["gmm-ordered", "hmm-ordered", "gmm-exchangeable", "hmm-exchangeable"])
@pytest.mark.parametrize("kind", KINDS)
def test_altered_data_keep_their_sizes_and_depend_on_the_seed(name, kind):
    scenario = get_scenario(name)
    data_sets = scenario.data_sets(range(5))
    found, again = (alter(kind, scenario, data_sets, seed) for seed in (1, 1))
    other = alter(kind, scenario, data_sets, 2)
    for before, after, same, different in zip(data_sets, found, again, other, strict=True):
        assert after.y.shape == before.y.shape
        assert not np.array_equal(after.y, before.y)
        assert np.array_equal(after.y, same.y)
        assert not np.array_equal(after.y, different.y)


def test_a_twentieth_of_the_observations_is_shifted_by_eight_sds():
    scenario = get_scenario("gmm-ordered", {"sd": 0.5})
    data_sets = scenario.data_sets(range(20))
    for before, after in zip(data_sets, alter("outliers", scenario, data_sets, 0), strict=True):
        moved = after.y - before.y
        assert np.abs(moved[moved[:, 0] != 0]) == pytest.approx(4.0)
        assert (moved[:, 0] != 0).mean() == pytest.approx(0.05, abs=0.01)


def test_heavy_tails_keep_the_means_and_the_scale():
    scenario = get_scenario("hmm-ordered")
    data_sets = scenario.data_sets(range(200))
    noise = np.concatenate(
        [
            (after.y - before.theta["mu"][before.z][:, None]).ravel()
            for before, after in zip(data_sets, alter("heavy tails", scenario, data_sets, 0), strict=True)
        ]
    )
    quartile = np.quantile(np.abs(noise), 0.5)
    assert quartile == pytest.approx(0.7892, abs=0.02)  # of Student's t with 2.5 degrees of freedom
    assert np.abs(noise).max() > 20


def test_one_component_more():
    scenario = get_scenario("gmm-ordered", {"sd": 0.01, "mu_sd": 0.1})
    data_sets = scenario.data_sets(range(20))
    for data in alter("extra component", scenario, data_sets, 0):
        means = np.sort(data.y.mean(axis=1))
        assert (np.diff(means) > 0.5).sum() <= 3
    groups = [
        1 + (np.diff(np.sort(d.y.mean(axis=1))) > 0.5).sum()
        for d in alter("extra component", scenario, data_sets, 0)
    ]
    assert max(groups) == 4


def test_one_exchangeable_component_more():
    scenario = get_scenario("gmm-exchangeable", {"n_components": 2, "variance_scale": 1e-6})
    data_sets = scenario.prior_predictive(np.random.default_rng(1), 20)
    altered = alter("extra component", scenario, data_sets, 0)
    groups = [1 + (np.diff(np.sort(data.y[:, 0])) > 0.02).sum() for data in altered]
    assert max(groups) == 3 and [len(d.y) for d in altered] == [len(d.y) for d in data_sets]


@pytest.mark.parametrize(
    ("name", "settings", "kinds"),
    [
        ("galaxies", {}, list(KINDS)),
        ("gmm-exchangeable", {"n_components": 8}, ["heavy tails", "outliers"]),
        ("gmm-multivariate", {}, ["outliers"]),
    ],
)
def test_what_cannot_be_altered_is_left(name, settings, kinds):
    scenario = get_scenario(name, settings)
    assert kinds_for(scenario) == kinds
    data_sets = scenario.prior_predictive(np.random.default_rng(1), 3)
    for kind in kinds:
        assert [d.y.shape for d in alter(kind, scenario, data_sets, 0)] == [d.y.shape for d in data_sets]
