"""Many points in one call: by the library's own function, and one by one where a library has none."""

import shutil
from types import SimpleNamespace

import bridgestan
import numpy as np
import pytest

from pipeline.stan import batched
from pipeline.stan.batched import log_densities, log_density_gradients
from tests.stan.test_bridgestan import MIXTURE_DATA


class OnePoint:
    """BridgeStan's functions for one point, as libraries of the official toolchain have them."""

    def __init__(self, bridge=None):
        self._bridge, self.stanlib = bridge, SimpleNamespace()

    def log_density(self, x, propto):
        assert not propto
        return self._bridge.log_density(x, propto=False) if self._bridge else self._rejecting(x)

    def log_density_gradient(self, x, propto, out):
        assert not propto
        if self._bridge:
            return self._bridge.log_density_gradient(x, propto=False, out=out)
        out[:] = -x
        return self._rejecting(x), out

    def _rejecting(self, x):
        if x[0] > 1:
            raise RuntimeError("too large")
        return -0.5 * float(x @ x)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 7, 40, 1100])
def test_many_points_are_what_one_by_one_are(n, threads, mixture):
    x = np.random.default_rng(n).normal(size=(4, n)).T  # not contiguous
    assert hasattr(mixture.stanlib, batched.FUNCTION)
    one_by_one = OnePoint(mixture)
    np.testing.assert_array_equal(log_densities(mixture, x, threads), log_densities(one_by_one, x, 1))
    for found, expected in zip(
        log_density_gradients(mixture, x, threads), log_density_gradients(one_by_one, x, 1), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_points_that_the_program_rejects_are_nan_and_others_are_not(throwing):
    x = np.tile([[0.0], [3.0], [np.nan]], (20, 1))
    log_p, gradient = log_density_gradients(throwing, x, 2)
    rejected = np.tile([False, True, True], 20)
    np.testing.assert_array_equal(np.isnan(log_p), rejected)
    np.testing.assert_allclose(gradient[~rejected], 0.75)
    assert np.isnan(gradient[rejected]).all()
    np.testing.assert_array_equal(np.isnan(log_densities(throwing, x, 2)), rejected)


@pytest.mark.slow
def test_points_of_another_size_are_refused_before_memory_is_read(mixture):
    with pytest.raises(ValueError, match="points of 3 coordinates for 4 parameters"):
        log_densities(mixture, np.zeros((2, 3)), 1)


@pytest.mark.slow
def test_threads_first_calls_in_each_of_many_libraries(mixture, tmp_path):
    """As tests/stan/test_bridgestan.py does with threads of Python's."""
    x = np.random.default_rng(3).normal(size=(40, 4))
    expected = log_density_gradients(OnePoint(mixture), x, 1)[1]
    models = []
    for i in range(6):
        copied = shutil.copy(mixture.lib_path, tmp_path / f"{i}_model.so")
        models.append(bridgestan.StanModel(str(copied), str(MIXTURE_DATA), warn=False))
    for _ in range(50):
        for model in models:
            np.testing.assert_array_equal(log_density_gradients(model, x, 4)[1], expected)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("worth_s", [0.0, 1e3])
def test_one_by_one(threads, worth_s, monkeypatch):
    monkeypatch.setattr(batched, "WORTH_A_THREAD_S", worth_s)
    x = np.random.default_rng(1).normal(size=(50, 2))
    rejected = x[:, 0] > 1
    assert 0 < rejected.sum() < 50
    expected = np.where(rejected, np.nan, -0.5 * (x**2).sum(1))
    np.testing.assert_allclose(log_densities(OnePoint(), x, threads), expected)
    log_p, gradient = log_density_gradients(OnePoint(), x, threads)
    np.testing.assert_allclose(log_p, expected)
    np.testing.assert_allclose(gradient, np.where(rejected[:, None], np.nan, -x))
    assert log_densities(OnePoint(), x[:0], threads).shape == (0,)
