"""Posteriors whose truth is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from pipeline.batches import batches_of
from pipeline.posterior import Posterior, Proposal


def autoregressive(seed, chains, draws, dim=1, correlation=0.5):
    """Return stationary standard normal AR(1) chains: (chain, draw, dim), or (chain, draw) if dim is 1."""
    noise = np.random.default_rng(seed).normal(size=(chains, draws + 100, dim))
    values = np.asarray(lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], noise, axis=1))[:, 100:]
    return values[..., 0] if dim == 1 else values


def normal_posterior(seed, chains=4, draws=500, shift=0.0, scale=1.0, references=None, n_obs=30):
    """Return a posterior N(shift, scale^2) in three dimensions, the target being N(0, 1) with Z = e^2.

    Its one membership depends on the draws: p(first component) = expit(y + u_1 / 5).
    """
    u = autoregressive(seed, chains, draws, 3, 0.5 if chains > 1 else 0.0) * scale + shift
    y = np.linspace(-3, 3, n_obs)
    first = 1 / (1 + np.exp(-(y + u.reshape(-1, 3)[:, :1] / 5)))
    by_draw = np.stack([first, 1 - first], axis=-1)
    memberships = np.stack([by_draw[batch].mean(axis=0) for batch in batches_of(u[..., 0])])

    def log_p(x):
        return -0.5 * (x**2).sum(axis=-1) - 1.5 * np.log(2 * np.pi) + 2

    def log_q(x):
        return -0.5 * (((x - shift) / scale) ** 2).sum(axis=-1) - 3 * np.log(scale) - 1.5 * np.log(2 * np.pi)

    proposal = None
    if references is not None:
        raw = np.random.default_rng(seed + 1).normal(size=(chains * draws, 3)) * scale + shift
        at_references = np.stack([log_q(run.unconstrained.reshape(-1, 3)) for run in references])
        proposal = Proposal(log_p(raw), log_q(raw), at_references)
    parameters = {"mu": u[..., :2].copy(), "sigma": np.exp(u[..., 2] / 3)}
    return Posterior(parameters, u, log_p(u), {"membership": memberships}, proposal)


@pytest.fixture(scope="session", name="autoregressive")
def autoregressive_fixture():
    return autoregressive


@pytest.fixture(scope="session", name="normal_posterior")
def normal_posterior_fixture():
    return normal_posterior


@pytest.fixture(scope="session")
def references():
    return normal_posterior(1, draws=1000), normal_posterior(2, draws=1000)


@pytest.fixture(scope="session")
def check_calibration():
    """Compare reported standard errors with the spread of the estimates that carry them."""

    def check(estimates, truth=None, factor=1.35):
        values, errors = np.array([(e.value, e.mcse) for e in estimates]).T
        spread = np.sqrt(np.mean((values - (values.mean() if truth is None else truth)) ** 2))
        assert spread / factor < np.sqrt(np.mean(errors**2)) < spread * factor

    return check
