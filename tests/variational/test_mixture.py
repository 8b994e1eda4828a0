"""The bound's gradient, and optima that are known in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal

from pipeline.methods import get_method
from pipeline.methods.base import Task
from pipeline.scenarios import get_scenario
from pipeline.stan.build import build
from pipeline.stan.model import BoundModel
from pipeline.variational.mixture import Family, Mixture, elbo_gradient, points
from pipeline.variational.optimise import maximise
from pipeline.variational.target import Evaluation


class Gaussians:
    """An equal mixture of Gaussians with a total mass of exp(log_mass)."""

    def __init__(self, means, covariance, log_mass=0.0):
        self.exact = Mixture(
            np.full(len(means), -np.log(len(means))),
            np.asarray(means, float),
            np.repeat(np.linalg.cholesky(covariance)[None], len(means), axis=0),
        )
        self.dim, self.log_mass = len(covariance), log_mass

    def __call__(self, x):
        joint = self.exact.joint(x)
        log_p = self.exact.log_density(x)
        share = np.exp(joint.log_joint - log_p)
        return Evaluation(log_p + self.log_mass, -np.einsum("kn,kni->ni", share, joint.slope))


COVARIANCE = np.array([[2.0, 0.9, 0.1], [0.9, 1.0, -0.3], [0.1, -0.3, 0.5]])
MEAN = np.array([1.0, -2.0, 0.5])


def random_mixture(family, seed):
    rng = np.random.default_rng(seed)
    return family.unpack(0.5 * rng.standard_normal(len(family.pack(standard(family)))))


def standard(family):
    count, dim = family.n_components, family.dim
    return Mixture(
        np.full(count, -np.log(count)), np.zeros((count, dim)), np.tile(np.eye(dim), (count, 1, 1))
    )


@given(st.integers(1, 4), st.integers(1, 4), st.booleans(), st.integers(0, 1000))
def test_packing_is_undone(count, dim, is_full_rank, seed):
    mixture = random_mixture(Family(count, dim, is_full_rank), seed)
    again = Family(count, dim, is_full_rank).unpack(Family(count, dim, is_full_rank).pack(mixture))
    for one, other in zip((mixture.log_weight, mixture.mean, mixture.chol),
                          (again.log_weight, again.mean, again.chol), strict=True):  # fmt: skip
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_density_is_scipys():
    mixture = random_mixture(Family(3, 2, True), 5)
    x = np.random.default_rng(6).standard_normal((20, 2))
    each = [
        np.exp(weight) * multivariate_normal(mean, chol @ chol.T).pdf(x)
        for weight, mean, chol in zip(mixture.log_weight, mixture.mean, mixture.chol, strict=True)
    ]
    np.testing.assert_allclose(mixture.log_density(x), np.log(np.sum(each, axis=0)), rtol=1e-10)


@pytest.mark.parametrize("is_full_rank", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_the_gradient_is_that_of_finite_differences(count, is_full_rank):
    target = Gaussians([MEAN, -MEAN], COVARIANCE, 3.0)
    family = Family(count, 3, is_full_rank)
    noise = np.random.default_rng(1).standard_normal((count, 8, 3))

    def at(vector):
        mixture = family.unpack(vector)
        x = points(mixture, noise)
        return elbo_gradient(family, mixture, noise, x, target(x))

    start = family.pack(random_mixture(family, 2))
    error = check_grad(lambda v: at(v)[0], lambda v: at(v)[1], start)
    assert error < 1e-4 * np.linalg.norm(at(start)[1])


def test_a_gaussian_is_found_exactly_and_the_bound_is_its_mass():
    found = maximise(
        Gaussians([MEAN], COVARIANCE, 7.0), standard(Family(1, 3, True)), is_full_rank=True, seed=1
    )
    assert found.converged
    # Its divergence from the target in closed form; the steps stop where they gain less than a tenth of this.
    covariance = found.mixture.chol[0] @ found.mixture.chol[0].T
    precision, apart = np.linalg.inv(COVARIANCE), found.mixture.mean[0] - MEAN
    log_ratio = np.linalg.slogdet(COVARIANCE)[1] - np.linalg.slogdet(covariance)[1]
    kl = 0.5 * (np.trace(precision @ covariance) - 3 + apart @ precision @ apart + log_ratio)
    assert 0 <= kl < 1e-4
    assert found.elbo == pytest.approx(7.0 - kl, abs=4 * found.mcse + 1e-6)


def test_the_mean_field_optimum_has_the_targets_precisions():
    found = maximise(Gaussians([MEAN], COVARIANCE), standard(Family(1, 3, False)), is_full_rank=False, seed=1)
    precision = np.linalg.inv(COVARIANCE)
    np.testing.assert_allclose(found.mixture.mean[0], MEAN, atol=0.05)
    np.testing.assert_allclose(np.diag(found.mixture.chol[0]) ** -2.0, np.diag(precision), rtol=0.05)
    gap = 0.5 * (np.log(np.diag(precision)).sum() + np.linalg.slogdet(COVARIANCE)[1])
    assert found.elbo == pytest.approx(-gap, abs=4 * found.mcse)


def test_a_second_component_gains_log_two_where_there_are_two_modes():
    far = 10 * np.ones(3)
    target = Gaussians([far, -far], COVARIANCE)

    def start(*signs):
        chol = np.tile(np.eye(3), (len(signs), 1, 1))
        return Mixture(np.full(len(signs), -np.log(len(signs))), np.outer(signs, far - 1), chol)

    one = maximise(target, start(1), is_full_rank=True, seed=2)
    two = maximise(target, start(1, -1), is_full_rank=True, seed=2)
    assert two.elbo - one.elbo == pytest.approx(np.log(2), abs=1e-3)
    np.testing.assert_allclose(np.exp(two.mixture.log_weight), 0.5, atol=1e-2)


def test_the_bound_is_below_the_mass_of_what_no_gaussian_follows():
    target = Gaussians([np.array([1.2]), np.array([-1.2])], np.eye(1))
    bounds = [
        maximise(target, start, is_full_rank=True, seed=3)
        for start in (standard(Family(1, 1, True)),
                      Mixture(np.log([0.5, 0.5]), np.array([[0.5], [-0.5]]), np.ones((2, 1, 1))))
    ]  # fmt: skip
    assert bounds[0].elbo + 2 * bounds[0].mcse < bounds[1].elbo < 2 * bounds[1].mcse + 1e-3


@pytest.mark.slow
def test_one_mean_field_component_is_what_advi_converges_to(tmp_path):
    scenario = get_scenario("hmm-ordered", {"n_times": 150})
    data = scenario.data_sets([1])[0]
    model = BoundModel(
        build(scenario.stan_file), scenario.stan_data(data), scenario.parameter_shapes, tmp_path
    )
    task = Task(scenario, data, model, seed=1, cores=2)
    # ADVI with many draws a gradient and a strict tolerance; its defaults stop far from the optimum.
    patient = {"grad_samples": 20, "elbo_samples": 1000, "tol_rel_obj": 1e-3}
    fits = {
        "advi": get_method("advi-meanfield", patient).fit(task),
        "mixture": get_method("mixture-vi", {"components": 1, "rank": "meanfield", "refine": False}).fit(
            task
        ),
    }
    moments, bounds, errors = {}, {}, {}
    for name, fit in fits.items():
        assert fit.approximation is not None
        raw = fit.approximation.raw
        terms = model.log_density(raw) - fit.approximation.density.log_density(raw)
        bounds[name], errors[name] = terms.mean(), terms.std() / np.sqrt(len(terms))
        moments[name] = raw.mean(0), raw.std(0)
    # The same bound, and the same Gaussian to within what 1,000 draws of each and ADVI's steps leave open.
    assert abs(bounds["advi"] - bounds["mixture"]) < 4 * np.hypot(*errors.values()) + 0.05
    sd = moments["mixture"][1]
    np.testing.assert_allclose(moments["advi"][0], moments["mixture"][0], atol=0.25 * sd.max())
    np.testing.assert_allclose(moments["advi"][1], sd, rtol=0.15)
