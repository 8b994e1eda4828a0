"""Gaussians are recovered exactly from unnormalised log densities, and nothing else passes for one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from pipeline.stan.gaussian import Gaussian, GaussianMixture, NotGaussian, recover_gaussian


def random_gaussian(rng, dim):
    root = rng.normal(size=(dim, dim)) * np.exp(rng.normal(size=dim))
    return rng.normal(size=dim) * 3, root @ root.T + 1e-3 * np.eye(dim)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.floats(-50, 50))
def test_recovers_mean_covariance_and_normalisation(seed, dim, constant):
    rng = np.random.default_rng(seed)
    mean, covariance = random_gaussian(rng, dim)
    truth = multivariate_normal(mean, covariance)
    x = np.atleast_2d(truth.rvs(200, random_state=rng).reshape(200, dim))
    found = recover_gaussian(x, truth.logpdf(x) + constant)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((found.mean - mean) / sd, 0, atol=1e-5)
    np.testing.assert_allclose(
        found.covariance() / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=1e-4
    )
    np.testing.assert_allclose(found.log_density(x), truth.logpdf(x), atol=1e-4)


def test_refuses_what_is_not_gaussian():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    with pytest.raises(NotGaussian, match="differ from a quadratic"):
        recover_gaussian(x, -np.abs(x).sum(axis=1))
    with pytest.raises(NotGaussian, match="no maximum"):
        recover_gaussian(x, x[:, 0] ** 2 - x[:, 1] ** 2)
    with pytest.raises(NotGaussian, match="5 draws cannot determine"):
        recover_gaussian(x[:5], -(x[:5] ** 2).sum(axis=1))


def test_nan_is_refused():
    x = np.random.default_rng(0).normal(size=(50, 1))
    log_density = -(x[:, 0] ** 2)
    log_density[3] = np.nan
    with pytest.raises((NotGaussian, ValueError, np.linalg.LinAlgError)):
        recover_gaussian(x, log_density)


def test_mixture_density_against_scipy():
    rng = np.random.default_rng(1)
    parts = [random_gaussian(rng, 3) for _ in range(4)]
    gaussians = tuple(Gaussian(m, np.linalg.cholesky(np.linalg.inv(c))) for m, c in parts)
    x = rng.normal(size=(20, 3)) * 4
    expected = np.log(np.mean([multivariate_normal(m, c).pdf(x) for m, c in parts], axis=0))
    np.testing.assert_allclose(GaussianMixture(gaussians).log_density(x), expected, atol=1e-8)
