"""Peers on models with exchangeable components: their densities, their draws, what they refuse."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from pipeline.contracts.methods import check_method, run
from pipeline.errors import UserError
from pipeline.methods import get_method
from pipeline.scenarios import get_scenario
from pipeline.stan.build import build
from pipeline.variational.conjugate import Conjugate, Unconstrained

STAN = Path(__file__).parents[2] / "stan"
Q = Conjugate(
    "pi",
    np.array([[3.0, 2.0]]),
    np.array([[-1.0], [2.0]]),
    np.array([[4.0], [9.0]]),
    np.array([5.0, 3.0]),
    np.array([8.0, 12.0]),
)
BLOCKS = {
    "sklearn-vb": ("gmm-exchangeable", {"n_components": 2, "separation": [4.0, 8.0], "n_obs": [60, 80]}),
    "hmmlearn-vb": ("hmm-exchangeable", {"n_components": 2, "n_times": 100}),
}


@pytest.mark.parametrize(("package", "name"), [("nutpie", "nutpie"), ("hmmlearn", "hmmlearn-vb")])
def test_a_missing_package_is_said_before_any_work(monkeypatch, package, name):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=rf"{package} is not installed.*\[peers\]"):
        get_method(name, {})


@pytest.mark.parametrize("name", ["sklearn-vb", "hmmlearn-vb"])
def test_other_models_are_an_obstacle(name):
    method = get_method(name, {})
    assert "another model" in method.obstacle(get_scenario("gmm-ordered", {}))
    own = {"sklearn-vb": "gmm-exchangeable", "hmmlearn-vb": "hmm-exchangeable"}
    for other, scenario in own.items():
        assert bool(method.obstacle(get_scenario(scenario, {}))) == (other != name)
    with pytest.raises(UserError, match="starts must be a positive number"):
        get_method(name, {"starts": 0})


@pytest.mark.slow
def test_conjugate_density_is_normalised_over_each_component():
    def density(mu, sd):
        args = np.array([[[0.4, 0.6]]]), np.array([[[mu], [2.0]]]), np.array([[[sd], [1.0]]])
        fixed = np.array([[[0.4, 0.6]]]), np.array([[[-1.0], [2.0]]]), np.array([[[1.0], [1.0]]])
        return np.exp(Q.log_density(*args) - Q.log_density(*fixed))[0]

    mass = integrate.dblquad(lambda mu, sd: density(mu, sd), 0.05, 8, -9, 7, epsabs=1e-6)[0]
    at = stats.invgamma.pdf(1.0, 4, scale=2) * 2 * stats.norm.pdf(0, scale=1 / np.sqrt(5))
    assert mass == pytest.approx(1 / at, rel=1e-3)


def test_conjugate_draws_have_the_moments_of_the_density():
    drawn = Q.draw(40_000, np.random.default_rng(1))
    assert drawn["pi"].shape == (40_000, 1, 2) and drawn["mu"].shape == drawn["sd"].shape == (40_000, 2, 1)
    for values, distribution in (
        (drawn["pi"][:, 0, 0], stats.beta(3, 2)),
        (drawn["sd"][:, 1, 0] ** 2, stats.invgamma(6, scale=4.5)),
        # A normal-gamma's mean is Student's t.
        (drawn["mu"][:, 1, 0], stats.t(12, 2.0, np.sqrt(9 / 12 / 3))),
    ):
        assert stats.kstest(values, distribution.cdf).pvalue > 1e-4


@pytest.mark.slow
def test_log_jacobian_is_that_of_finite_differences():
    scenario = get_scenario("gmm-exchangeable", {"n_components": 2})
    data = scenario.data_sets([1])[0]
    task, _ = run(get_method("sklearn-vb", {}), scenario, data, build(STAN / scenario.stan_program), seed=1)
    x = np.random.default_rng(2).normal(size=(3, task.model.dim))
    free = [0, 2, 3, 4, 5]  # without the weight that the others determine
    for row, found in zip(x, task.model.log_jacobian(x), strict=True):
        steps = 1e-6 * np.eye(len(row))
        slope = (task.model.constrain(row + steps) - task.model.constrain(row - steps))[:, free] / 2e-6
        assert found == pytest.approx(np.linalg.slogdet(slope)[1], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKS)
def test_conjugate_peers_fulfil_the_contract(name):
    kind, block = BLOCKS[name]
    scenario = get_scenario(kind, block)
    data = scenario.data_sets([5])[0]
    built = build(STAN / scenario.stan_program)
    # Enough draws for the check of the density to have power in a space of six dimensions.
    check_method(get_method(name, {"draws": 4000}), scenario, data, built)
    task, fit = run(get_method(name, {}), scenario, data, built, seed=1)
    assert fit.approximation is not None and isinstance(fit.approximation.density, Unconstrained)
    # Well apart, variational Bayes finds the truth to within a few of its standard deviations.
    if name == "sklearn-vb":
        mu = np.sort(task.model.by_name(fit.flat[0])["mu"], axis=1)
        assert (np.abs(mu.mean(0) - np.sort(data.theta["mu"])) < 5 * mu.std(0)).all()
