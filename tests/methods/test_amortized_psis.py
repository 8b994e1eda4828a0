"""Resampling and acceptance of the corrected amortized posterior, on a target of known moments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.amortized.hosted import Proposals
from pipeline.importance import accepted_pareto_k, resample, smoothed
from pipeline.methods.amortized_psis import _Ready


def test_rejected_draws_have_no_weight_and_too_many_of_them_cannot_be_trusted():
    log_ratio = np.where(np.arange(1000) % 4 == 0, -np.inf, np.random.default_rng(1).normal(size=1000))
    log_weight, k_hat = smoothed(log_ratio)
    assert np.isfinite(k_hat) and np.exp(log_weight).sum() == pytest.approx(1)
    assert np.exp(log_weight[::4]).max() < 1e-12
    few = np.where(np.arange(1000) % 4 == 0, log_ratio[1], np.nan)
    log_weight, k_hat = smoothed(few)
    assert k_hat == np.inf
    chosen = resample(log_weight, 100, np.random.default_rng(1))
    assert (chosen % 4 == 0).all()  # what NUTS is started from lies where the target is


def test_the_limit_is_the_papers():
    assert accepted_pareto_k(100) == pytest.approx(0.5)
    assert accepted_pareto_k(1000) == pytest.approx(2 / 3)
    assert accepted_pareto_k(2000) < 0.7
    assert accepted_pareto_k(10**6) == 0.7


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=40), st.integers(1, 60), st.integers(0, 99))
def test_draws_come_as_often_as_their_weights_say(log_weights, n_draws, seed):
    log_weights = np.array(log_weights)
    index = resample(log_weights, n_draws, np.random.default_rng(seed))
    count = np.bincount(index, minlength=len(log_weights))
    share = np.exp(log_weights - log_weights.max())
    assert count.sum() == n_draws
    assert (np.abs(count - n_draws * share / share.sum()) < 1 + 1e-6).all()


def test_resampled_draws_are_in_random_order():
    index = resample(np.zeros(1000), 1000, np.random.default_rng(1))
    assert abs(np.corrcoef(index, np.arange(1000))[0, 1]) < 0.15


class Model:
    """Stan's side, of which only an escalation asks."""


class Task:
    seed, model = 3, Model()


class Proposing:
    """Draws from N(0, scale), for the target N(1, 1) without constraints."""

    def __init__(self, scale):
        self.scale = scale

    def propose(self, task, n_draws):
        x = self.scale * np.random.default_rng(task.seed).normal(size=(n_draws, 1))
        log_q = -0.5 * (x[:, 0] / self.scale) ** 2 - np.log(self.scale)
        return Proposals(x, -0.5 * (x[:, 0] - 1) ** 2, log_q)

    def hand_over(self, task, x):
        return x, x


def test_accepted_draws_follow_the_target():
    fit = _Ready(4000, 1000, Proposing(2.0)).fit(Task())
    assert [phase.phase for phase in fit.phases] == ["infer", "correct"] and not fit.note
    assert fit.flat.shape == (1, 1000, 1)
    assert fit.flat.mean() == pytest.approx(1, abs=0.1) and fit.flat.std() == pytest.approx(1, abs=0.08)


def test_too_narrow_proposals_are_not_accepted(monkeypatch):
    class Escalated(Exception):
        pass

    def by_name(self, flat):
        raise Escalated

    monkeypatch.setattr(Model, "by_name", by_name, raising=False)
    with pytest.raises(Escalated):
        _Ready(4000, 1000, Proposing(0.3)).fit(Task())
