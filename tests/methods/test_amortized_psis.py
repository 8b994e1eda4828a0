"""Resampling and acceptance of the corrected amortized posterior, on a target of known moments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.amortized.hosted import Proposals
from pipeline.errors import UserError
from pipeline.importance import resample, smoothed
from pipeline.methods.amortized_psis import AmortizedFlowPsis, _Ready
from pipeline.methods.base import Task
from pipeline.pareto_k import accepted_pareto_k
from pipeline.stages import MORE_ACCEPTED


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


class Proposing:
    """Draws from N(0, scale), for the target N(1, 1) without constraints; it remembers what it was asked."""

    def __init__(self, scale):
        self.scale, self.seeds = scale, []

    def propose(self, task, n_draws):
        self.seeds.append(task.seed)
        x = self.scale * np.random.default_rng(task.seed).normal(size=(n_draws, 1))
        log_q = -0.5 * (x[:, 0] / self.scale) ** 2 - np.log(self.scale)
        return Proposals(x, -0.5 * (x[:, 0] - 1) ** 2, log_q)

    def hand_over(self, task, x):
        return x, x


def task(seed=3):
    """A task of which only the seed is asked for, and Stan's side only by an escalation."""
    return Task(None, None, Model(), seed, 1)  # pyright: ignore[reportArgumentType]


def test_accepted_draws_follow_the_target():
    network = Proposing(2.0)
    fit = _Ready(4000, 8, 1000, network).fit(task())
    assert [phase.phase for phase in fit.phases] == ["infer", "correct"] and not fit.note
    assert fit.flat.shape == (1, 1000, 1) and network.seeds == [3]
    assert fit.flat.mean() == pytest.approx(1, abs=0.1) and fit.flat.std() == pytest.approx(1, abs=0.08)


def test_where_the_first_proposals_are_not_enough_more_may_be():
    """k-hat of many is about .5; of 300 it is above the .6 that they accept in a third of samples."""
    ended = {"": [], MORE_ACCEPTED: []}
    for seed in range(1, 41):
        network = Proposing(0.8)
        fit = _Ready(300, 100, 300, network).fit(task(seed))
        ended[fit.note.split(":")[0]].append(fit)
        assert network.seeds[0] == seed and len(set(network.seeds)) == len(network.seeds)
        assert len(network.seeds) == (100 if fit.note else 1)
        assert [phase.phase for phase in fit.phases] == ["infer", "correct"]
    first, more = ended.values()
    assert min(len(first), len(more)) >= 5
    assert np.mean([fit.flat.mean() for fit in more]) == pytest.approx(1, abs=0.06)
    assert np.mean([fit.flat.std() for fit in more]) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("most_batches", [1, 4])
def test_too_narrow_proposals_are_not_accepted(monkeypatch, most_batches):
    class Escalated(Exception):
        pass

    def by_name(self, flat):
        raise Escalated

    monkeypatch.setattr(Model, "by_name", by_name, raising=False)
    network = Proposing(0.3)
    with pytest.raises(Escalated):
        _Ready(4000, most_batches, 1000, network).fit(task())
    assert len(network.seeds) == most_batches


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"draws": 3000}, "draws: found 3000; it must be 1 to 2000"),
        ({"most_batches": 0}, "most_batches"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        AmortizedFlowPsis(**settings)
