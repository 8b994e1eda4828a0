"""Components at the largest importance weights."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

import pipeline.variational.refine as refine_module
from pipeline.variational.incremental import FREEDOM, SHARE, with_largest
from pipeline.variational.refine import refine
from pipeline.variational.student import StudentMixture
from tests.variational.test_refine import BEST_BOUND, log_gammas


def banana(x):
    """A normalised density whose second coordinate bends with the square of the first."""
    return norm.logpdf(x[:, 0]) + norm.logpdf(x[:, 1], 0.4 * x[:, 0] ** 2, 0.5)


def round_about(scale=1.5):
    return StudentMixture(np.zeros(1), np.zeros((1, 2)), scale * np.eye(2)[None], np.full(1, FREEDOM))


def weighted(log_p, proposal, n=20_000, seed=1):
    x = proposal.stratified(n, np.random.default_rng(seed))
    log_weight = log_p(x) - proposal.log_density(x)
    return x, np.exp(log_weight - logsumexp(log_weight)) * n


def test_a_mode_that_the_proposal_barely_reaches_gets_a_component():
    mode = np.array([5.0, -4.0])

    def log_p(x):
        at_mode = norm.logpdf(x, mode, 0.5).sum(1)
        return np.logaddexp(np.log(0.9) + norm.logpdf(x).sum(1), np.log(0.1) + at_mode)

    before = round_about()
    x, weight = weighted(log_p, before)
    after = with_largest(before, x, weight, at_most=1, is_full_rank=True)
    assert len(after.mean) == 2 and after.freedom[1] == FREEDOM
    np.testing.assert_allclose(after.mean[1], mode, atol=0.8)
    np.testing.assert_allclose(np.exp(after.log_weight), [1 - SHARE, SHARE])
    assert weighted(log_p, after, seed=2)[1].max() < weight.max() / 5


def test_each_component_has_a_place_of_its_own():
    x, weight = weighted(banana, round_about())
    after = with_largest(round_about(), x, weight, at_most=3, is_full_rank=True)
    apart = np.linalg.norm(after.mean[1:, None] - after.mean[None, 1:], axis=-1)
    assert len(after.mean) == 4 and apart[np.triu_indices(3, 1)].min() > 0.3


def test_even_weights_need_no_component():
    proposal = round_about()
    x, weight = weighted(proposal.log_density, proposal)
    assert with_largest(proposal, x, weight, at_most=3, is_full_rank=True) is proposal


def test_a_mean_field_family_stays_one():
    x, weight = weighted(banana, round_about())
    after = with_largest(round_about(), x, weight, at_most=2, is_full_rank=False)
    assert (after.chol[:, 1, 0] == 0).all()


def test_rounds_follow_a_bend():
    """By draws that no round has seen."""
    proposal = before = round_about(0.8)
    for seed in range(3):
        x, weight = weighted(banana, proposal, seed=seed)
        proposal = with_largest(proposal, x, weight, at_most=3, is_full_rank=True)
    assert len(proposal.mean) == 10
    np.testing.assert_allclose(np.exp(proposal.log_weight).sum(), 1)
    first, last = (weighted(banana, one, n=100_000, seed=9)[1] for one in (before, proposal))
    assert np.quantile(last, 0.999) < np.quantile(first, 0.999) / 2
    assert (last**2).mean() < (first**2).mean() / 1.5


def test_the_refinement_keeps_what_costs_no_efficiency(monkeypatch):
    monkeypatch.setattr(refine_module, "MIN_KEPT", 0.95)
    kept = refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=2)
    monkeypatch.setattr(refine_module, "MIN_KEPT", 1.5)
    left = refine(log_gammas, BEST_BOUND, is_full_rank=True, seed=2)
    assert kept.mixture is not None and left.mixture is not None
    assert kept.added == len(kept.mixture.mean) - 2 > 0
    assert left.added == 0 and not left.evened and len(left.mixture.mean) == 2
