"""Exact memberships of many data sets, against the scenarios' own; residuals at the truth are normal."""

import numpy as np
import pytest
from scipy.stats import kstest

from pipeline.calibration.exact import Batch, excess_log_loss, memberships, residuals
from pipeline.calibration.subject import parameters_of
from pipeline.scenarios import get_scenario

SCENARIOS = ("gmm-ordered", "hmm-ordered", "gmm-exchangeable", "hmm-exchangeable")


def simulated(name, n, start=0):
    scenario = get_scenario(name)
    data_sets = scenario.data_sets(range(start, start + n))
    y_mean = np.zeros((n, max(len(data.y) for data in data_sets)))
    for row, data in zip(y_mean, data_sets, strict=True):
        row[: len(data.y)] = data.y.mean(axis=1)
    sizes = np.array([data.y.shape for data in data_sets])
    return scenario, data_sets, Batch(y_mean, sizes[:, 0], sizes[:, 1])


@pytest.mark.parametrize("name", SCENARIOS)
def test_memberships_are_the_scenarios_own(name):
    scenario, data_sets, batch = simulated(name, 25)
    found = memberships(scenario, parameters_of(data_sets), batch)
    for i, data in enumerate(data_sets):
        assert data.theta is not None
        wanted = scenario.memberships(data, {key: value[None] for key, value in data.theta.items()})
        assert set(wanted) == set(found)
        for kind, p in wanted.items():
            assert found[kind][i, : len(data.y)] == pytest.approx(p[0], abs=1e-10)


def test_nothing_underflows_far_from_all_means():
    scenario, data_sets, batch = simulated("hmm-ordered", 3)
    batch.y_mean[:, 40] = 300.0
    parameters = parameters_of(data_sets)
    parameters["p_stay"] = np.array([[1.0, 1.0], [1e-12, 1e-12], [0.5, 1e-9]])
    for p in memberships(scenario, parameters, batch).values():
        assert np.isfinite(p).all()
        assert p.sum(axis=-1) == pytest.approx(1)
    assert np.isfinite(residuals(scenario, parameters, batch)).all()


@pytest.mark.parametrize("name", SCENARIOS)
def test_residuals_at_the_truth_are_independent_standard_normals(name):
    scenario, data_sets, batch = simulated(name, 60)
    found = residuals(scenario, parameters_of(data_sets), batch)
    kept = found[batch.mask]
    assert (found[~batch.mask] == 0).all()
    assert kstest(kept, "norm").pvalue > 1e-3
    neighbours = (found[:, 1:] * found[:, :-1])[batch.mask[:, 1:]]
    assert abs(neighbours.mean()) < 4 / np.sqrt(neighbours.size)


def test_residuals_of_other_parameters_are_not():
    scenario, data_sets, batch = simulated("hmm-ordered", 60)
    wrong = parameters_of(data_sets)
    wrong["p_stay"] = 1 - wrong["p_stay"]
    found = residuals(scenario, wrong, batch)
    assert kstest(found[batch.mask], "norm").pvalue < 1e-6


def test_the_far_tail_keeps_its_distance():
    scenario, data_sets, batch = simulated("gmm-ordered", 1)
    parameters = parameters_of(data_sets)
    highest = parameters["mu"][0, -1]
    batch.y_mean[0, 0] = highest + 50
    found = residuals(scenario, parameters, batch)[0, 0]
    standardised = 50 * np.sqrt(batch.n_rep[0])
    assert found == pytest.approx(standardised, rel=0.01)


def test_excess_is_the_divergence_of_what_is_there():
    exact = np.array([[[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]])
    found = np.array([[[0.4, 0.6], [0.9, 0.1], [0.0, 1.0]]])
    mask = np.array([[True, True, False]])
    wanted = (0.5 * np.log(0.5 / 0.4) + 0.5 * np.log(0.5 / 0.6)) / 2
    assert excess_log_loss(exact, found, mask) == pytest.approx(wanted)
