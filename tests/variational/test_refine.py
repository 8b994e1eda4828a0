"""Refinement on targets whose moments and evidence are known in closed form."""

import numpy as np
import pytest
from scipy.special import digamma, gammaln, polygamma
from scipy.stats import multivariate_normal, multivariate_t

import pipeline.variational.refine as module
from pipeline.importance import smoothed
from pipeline.variational.mixture import Mixture
from pipeline.variational.refine import cores_and_tails, refine
from pipeline.variational.student import StudentMixture

SHAPE = np.array([2.0, 3.0, 5.0, 8.0])
TURN = np.array([[1, 0, 0, 0], [0.5, 1, 0, 0], [-0.3, 0.2, 1, 0], [0.4, -0.6, 0.3, 1.0]])
LOG_MASS = 7.0


def log_gammas(x):
    """Four independent logarithms of Gamma variables, turned by a matrix of determinant one."""
    z = x @ np.linalg.inv(TURN).T
    return (SHAPE * z - np.exp(z) - gammaln(SHAPE)).sum(1) + LOG_MASS


MEAN = TURN @ digamma(SHAPE)
SD = np.sqrt(np.diag(TURN @ np.diag(polygamma(1, SHAPE)) @ TURN.T))
# The Gaussian with the best bound, in closed form: variance 1 / a, mean log a - 1 / (2 a) of each logarithm.
BEST_BOUND = Mixture(
    np.zeros(1),
    (TURN @ (np.log(SHAPE) - 0.5 / SHAPE))[None],
    np.linalg.cholesky(TURN @ np.diag(1 / SHAPE) @ TURN.T)[None],
)


def gaussians(means, weights, covariance):
    def log_p(x):
        each = [w * multivariate_normal(m, covariance).pdf(x) for m, w in zip(means, weights, strict=True)]
        with np.errstate(divide="ignore"):
            return np.log(np.sum(each, axis=0))

    return log_p


def quality(log_p, q, n=20_000):
    """Return k-hat, efficiency and log evidence by plain importance sampling, on draws of the test's own."""
    x = q.draw(n, np.random.default_rng(99))
    log_ratio = log_p(x) - q.log_density(x)
    weight = np.exp(log_ratio - log_ratio.max())
    return (
        smoothed(log_ratio)[1],
        weight.mean() ** 2 / (weight**2).mean(),
        np.log(weight.mean()) + log_ratio.max(),
    )


def student(freedom=(5.0, 9.0)):
    rng = np.random.default_rng(3)
    chol = np.tril(rng.standard_normal((2, 3, 3)), -1) + np.diag([0.5, 1.0, 2.0])
    return StudentMixture(np.log([0.3, 0.7]), rng.standard_normal((2, 3)), chol, np.array(freedom))


def pooled(mixture, n_pairs):
    """Return weight, mean and covariance of each core with its tail."""
    weight = np.exp(mixture.log_weight).reshape(2, n_pairs)
    mean = mixture.mean.reshape(2, n_pairs, -1)
    size = (mixture.freedom / (mixture.freedom - 2))[:, None, None]
    covariance = (size * np.einsum("kij,klj->kil", mixture.chol, mixture.chol)).reshape(
        2, n_pairs, *mixture.chol.shape[1:]
    )
    share = weight / weight.sum(0)
    centre = np.einsum("ck,cki->ki", share, mean)
    apart = mean - centre
    spread = covariance + apart[..., :, None] * apart[..., None, :]
    return weight.sum(0), centre, np.einsum("ck,ckij->kij", share, spread)


def test_the_density_is_scipys():
    mixture, x = student(), np.random.default_rng(6).standard_normal((20, 3))
    each = [
        np.exp(w) * multivariate_t(m, chol @ chol.T, df=freedom).pdf(x)
        for w, m, chol, freedom in zip(
            mixture.log_weight, mixture.mean, mixture.chol, mixture.freedom, strict=True
        )
    ]
    np.testing.assert_allclose(mixture.log_density(x), np.log(np.sum(each, axis=0)), rtol=1e-10)


@pytest.mark.parametrize("how", ["draw", "stratified"])
def test_draws_have_the_mixtures_moments(how):
    mixture = student(freedom=(12.0, 20.0))
    x = getattr(mixture, how)(200_000, np.random.default_rng(1))
    weight = np.exp(mixture.log_weight)
    mean = weight @ mixture.mean
    each = np.einsum("kij,klj,k->kil", mixture.chol, mixture.chol, [12 / 10, 20 / 18])
    apart = mixture.mean - mean
    covariance = np.einsum("k,kij->ij", weight, each + apart[:, :, None] * apart[:, None])
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(x.mean(0) / sd, mean / sd, atol=0.012)
    np.testing.assert_allclose(np.cov(x.T) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.03)


def test_a_skewed_posterior_gets_weights_that_can_be_trusted_and_exact_moments():
    found = refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=1)
    assert found.mixture is not None and found.rounds >= 1 and found.gain > 0
    k_hat, efficiency, log_evidence = quality(log_gammas, found.mixture)
    gaussian_k, *_ = quality(log_gammas, BEST_BOUND)
    assert gaussian_k > 0.6  # the fault that the refinement is there to mend
    assert k_hat < 0.3 and efficiency > 0.7
    assert found.efficiency == pytest.approx(efficiency, abs=0.05)
    # The density integrates to one: with it, importance sampling finds the evidence.
    assert log_evidence == pytest.approx(LOG_MASS, abs=4 / np.sqrt(efficiency * 20_000))
    x = found.mixture.draw(20_000, np.random.default_rng(7))
    weight = np.exp(smoothed(log_gammas(x) - found.mixture.log_density(x))[0])
    mean = weight @ x
    np.testing.assert_allclose(mean, MEAN, atol=0.04 * SD.min())
    np.testing.assert_allclose(np.sqrt(weight @ (x - mean) ** 2), SD, rtol=0.03)


def test_a_round_brings_the_best_t_distribution_nearer():
    """Against the divergence by exact draws from the target, which the refinement never sees."""
    rng = np.random.default_rng(11)
    exact = np.log(rng.gamma(SHAPE, size=(40_000, 4))) @ TURN.T
    beside = Mixture(BEST_BOUND.log_weight, BEST_BOUND.mean + 0.5 * SD, BEST_BOUND.chol)
    found = refine(log_gammas, beside, is_full_rank=True, seed=2)
    assert found.mixture is not None
    start = cores_and_tails(beside)
    gain = found.mixture.log_density(exact) - start.log_density(exact)
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))
    assert found.gain == pytest.approx(gain.mean(), abs=0.02)
    assert gain.mean() > 0.3
    # And not only in divergence: the weights become more even.
    assert quality(log_gammas, found.mixture)[1] > quality(log_gammas, start)[1] + 0.1


@pytest.mark.slow
def test_planted_gaussians_are_found():
    means, weights = np.array([[4.0, 0, 0], [-4, 1, 0], [0, -4, 3]]), np.array([0.5, 0.3, 0.2])
    covariance = np.array([[2.0, 0.9, 0.1], [0.9, 1.0, -0.3], [0.1, -0.3, 0.5]])
    wrong = Mixture(np.log([0.3, 0.3, 0.4]), means + 0.7, np.tile(np.diag([2.0, 1.2, 1.0]), (3, 1, 1)))
    found = refine(gaussians(means, weights, covariance), wrong, is_full_rank=True, seed=4)
    assert found.mixture is not None and found.gain > 0.2
    weight, mean, each = pooled(found.mixture, 3)
    np.testing.assert_allclose(weight, weights, atol=0.03)
    np.testing.assert_allclose(mean, means, atol=0.15)
    # Shapes are the target's; the spread of t distributions that stand for a Gaussian is another.
    size = np.trace(each, axis1=1, axis2=2) / np.trace(covariance)
    assert ((size > 1) & (size < 1.3)).all()
    np.testing.assert_allclose(each / size[:, None, None], np.tile(covariance, (3, 1, 1)), atol=0.15)
    assert quality(gaussians(means, weights, covariance), found.mixture)[1] > 0.9


def test_a_mean_field_family_stays_one_and_has_the_targets_marginal_shape():
    covariance = np.array([[1.0, 0.5], [0.5, 4.0]])
    start = Mixture(np.zeros(1), np.ones((1, 2)), np.diag([1.0, 1.0])[None])
    found = refine(gaussians([np.zeros(2)], [1.0], covariance), start, is_full_rank=False, seed=5)
    assert found.mixture is not None and found.rounds >= 1
    assert (found.mixture.chol[:, [0, 1], [1, 0]] == 0).all()
    # Forward divergence: the ratio of marginal sds, where the best bound has that of conditional ones.
    _, mean, each = pooled(found.mixture, 1)
    assert np.sqrt(each[0, 1, 1] / each[0, 0, 0]) == pytest.approx(2.0, rel=0.1)
    np.testing.assert_allclose(mean[0], 0, atol=0.15)


def test_the_seed_decides():
    one, again = (refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=8) for _ in range(2))
    other = refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=9)
    assert one.mixture is not None and again.mixture is not None and other.mixture is not None
    np.testing.assert_array_equal(one.mixture.mean, again.mixture.mean)
    assert one.gain == again.gain
    assert not np.array_equal(one.mixture.mean, other.mixture.mean)


def test_weights_that_cannot_be_trusted_change_nothing():
    far = Mixture(np.zeros(1), np.full((1, 5), 6.0), 0.3 * np.eye(5)[None])
    found = refine(gaussians([np.zeros(5)], [1.0], np.eye(5)), far, is_full_rank=True, seed=1)
    assert found.mixture is None and found.reason.startswith("k-hat")


def test_a_target_that_rejects_most_draws_changes_nothing():
    def log_p(x):
        return np.where(x[:, 0] > 1, 0.0, -np.inf)

    found = refine(log_p, Mixture(np.zeros(1), np.zeros((1, 2)), np.eye(2)[None]), is_full_rank=True, seed=1)
    assert found.mixture is None and found.reason == "k-hat inf"


def test_too_few_effective_draws_of_every_component_end_it(monkeypatch):
    # Four dimensions ask for twenty effective draws of a component; twelve are fewer.
    monkeypatch.setattr(module, "LAST_DRAWS", 12)
    monkeypatch.setattr(module, "DRAWS", 150)
    with_enough = refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=3)
    monkeypatch.setattr(module, "DRAWS", 12)
    without = refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=3)
    assert with_enough.reason != "too few effective draws" and with_enough.rounds > 0
    assert without.reason == "too few effective draws"
    assert without.rounds == 0 and without.mixture is not None and not without.evened


def test_a_component_with_too_few_effective_draws_stays_and_the_others_move(monkeypatch):
    monkeypatch.setattr(module, "MAX_LAST_K_HAT", -np.inf)  # no last round
    means, weights = np.array([[0.0, 0, 0], [30, 0, 0]]), [0.998, 0.002]
    target = gaussians(means, weights, np.diag([1.0, 2.0, 0.5]))
    # Of four thousand draws eight are the second one's, and three dimensions ask for fifteen.
    start = Mixture(np.log(weights), means + 0.4, np.tile(np.eye(3), (2, 1, 1)))
    found = refine(target, start, is_full_rank=True, seed=6)
    assert found.mixture is not None and found.rounds >= 1
    np.testing.assert_array_equal(found.mixture.mean[[1, 3]], [means[1] + 0.4] * 2)
    np.testing.assert_allclose(pooled(found.mixture, 2)[1][0], 0, atol=0.1)
    assert quality(target, found.mixture)[1] > 0.9


def test_the_last_round_evens_the_weights(monkeypatch):
    """On average over seeds, by draws that no round has seen."""
    monkeypatch.setattr(module, "ADDING_ROUNDS", 0)
    seeds = range(1, 7)
    evened = [refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=seed) for seed in seeds]
    monkeypatch.setattr(module, "MAX_LAST_K_HAT", -np.inf)
    before = [refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=seed) for seed in seeds]
    assert all(found.evened for found in evened) and not any(found.evened for found in before)
    efficiency = [[quality(log_gammas, found.mixture)[1] for found in some] for some in (evened, before)]
    assert np.mean(efficiency[0]) > np.mean(efficiency[1])
