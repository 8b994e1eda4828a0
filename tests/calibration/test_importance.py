import numpy as np
import pytest

from pipeline.calibration.importance import importance


def normal(x, mean, sd):
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def test_divergence_efficiency_and_evidence_of_normals():
    rng = np.random.default_rng(0)
    q_sd, shift, log_z = 1.3, 0.4, 7.0
    draws = shift + q_sd * rng.normal(size=(4, 200_000))
    found = importance(normal(draws, 0, 1) + log_z, normal(draws, shift, q_sd))
    kl = np.log(q_sd) + (1 + shift**2) / (2 * q_sd**2) - 0.5
    assert found.kl == pytest.approx(kl, abs=0.005)
    assert found.log_evidence == pytest.approx(log_z, abs=0.01)
    # E_q[w^2] for p = N(0, 1), q = N(m, s^2): s^2 / sqrt(2 s^2 - 1) exp(m^2 / (2 s^2 - 1)).
    second = q_sd**2 / np.sqrt(2 * q_sd**2 - 1) * np.exp(shift**2 / (2 * q_sd**2 - 1))
    assert found.efficiency == pytest.approx(1 / second, abs=0.01)


def test_an_exact_approximation_costs_nothing_and_a_useless_one_at_most_log_s():
    log_q = np.random.default_rng(1).normal(size=(1, 500))
    found = importance(log_q - 3, log_q)
    assert found.kl == pytest.approx(0)
    assert found.efficiency == pytest.approx(1)
    hopeless = importance(np.where(np.arange(500) == 7, 1e4, 0)[None], log_q)
    assert hopeless.kl == pytest.approx(np.log(500))
    assert hopeless.largest_weight == pytest.approx(1)


def test_draws_that_overflow_have_no_weight():
    log_q = np.zeros((1, 100))
    log_p = np.zeros((1, 100))
    log_p[0, :50] = [np.nan, -np.inf] * 25
    found = importance(log_p, log_q)
    assert found.kl == pytest.approx(np.log(2))
    assert found.efficiency == pytest.approx(0.5)
