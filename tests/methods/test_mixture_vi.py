"""What `mixture-vi` hands over: refined from the first level, from the best bound, that bound, or nothing."""

import dataclasses

import numpy as np
import pytest

from pipeline import importance
from pipeline.methods.base import MethodFailed
from pipeline.methods.mixture_vi import MixtureVi
from pipeline.stan.gaussian import Gaussian
from pipeline.variational import optimise, refine, starts
from pipeline.variational.refine import Refined
from tests.test_weighing import a_task

METHOD = MixtureVi(components=2)
PATHS = [Gaussian(np.array([-2.0, 0.0]), np.eye(2)), Gaussian(np.array([2.5, 1.0]), np.eye(2))]


@pytest.fixture
def task(monkeypatch):
    """Two modes with their paths, without Stan."""
    monkeypatch.setattr(starts, "ends_of_paths", lambda *arguments: PATHS)
    return a_task([[-2, 0], [2.5, 1]], [0.6, 0.4], [1.0, 0.7])


def refusing(times, monkeypatch):
    """Let so many refinements fail; return the mixtures that they were to begin with."""
    begun, real = [], refine.refine

    def refined(log_p, start, **options):
        begun.append(start)
        if len(begun) <= times:
            return Refined(None, 0, 0.0, False, 0, 0.0, np.inf, "no weights to trust")
        return real(log_p, start, **options)

    monkeypatch.setattr(refine, "refine", refined)
    return begun


def never_converging(monkeypatch):
    real = optimise.maximise
    monkeypatch.setattr(
        optimise, "maximise", lambda *a, **k: dataclasses.replace(real(*a, **k), converged=False, gain=0.04)
    )


def check(fit):
    """Check draws, density and normalising constant."""
    first = fit.unconstrained[0, :, 0]
    assert abs((first > 0.5).mean() - 0.4) < 0.06
    raw = fit.approximation.raw
    assert abs(raw[:, 0].mean() - (-2 * 0.6 + 2.5 * 0.4)) < 0.3


def test_the_first_level_is_refined_and_knows_the_evidence(task, monkeypatch):
    begun = refusing(0, monkeypatch)
    fit = METHOD.fit(task)
    assert len(begun) == 1
    check(fit)
    words = fit.note.split()
    evidence, mcse = float(words[2]), float(words[4].rstrip(");"))
    assert fit.note.startswith("log evidence") and 0 < mcse < 0.02
    # The model leaves out (2 pi)^(-d/2).
    assert abs(evidence - np.log(2 * np.pi)) < 4 * mcse


def test_a_bound_that_has_not_converged_can_be_refined(task, monkeypatch):
    never_converging(monkeypatch)
    check(METHOD.fit(task))


def test_where_the_first_level_cannot_be_refined_the_best_bound_is(task, monkeypatch):
    begun = refusing(1, monkeypatch)
    fit = METHOD.fit(task)
    assert len(begun) == 2
    assert not np.array_equal(begun[0].mean, begun[1].mean), "from the first level, then from the last"
    check(fit)
    assert fit.note.startswith("log evidence")


def test_of_two_that_can_be_trusted_the_lower_k_hat_counts(task, monkeypatch):
    begun, k_hats = refusing(0, monkeypatch), [0.6, 0.55]
    real = importance.smoothed
    monkeypatch.setattr(importance, "smoothed", lambda log_ratio: (real(log_ratio)[0], k_hats.pop(0)))
    fit = METHOD.fit(task)
    assert len(begun) == 2 and "k-hat 0.55" in fit.note
    k_hats += [0.55, 0.6]
    assert "k-hat 0.55" in METHOD.fit(task).note
    k_hats += [0.45]
    assert "k-hat 0.45" in METHOD.fit(task).note


def test_where_neither_can_the_best_bound_is_handed_over(task, monkeypatch):
    refusing(2, monkeypatch)
    fit = METHOD.fit(task)
    check(fit)
    assert fit.note.startswith("ELBO") and fit.note.endswith("; not refined: no weights to trust")
    alone = dataclasses.replace(METHOD, refine=False).fit(task)
    np.testing.assert_array_equal(alone.flat, fit.flat)
    assert "not refined" not in alone.note


@pytest.mark.parametrize("options", [{}, {"refine": False}])
def test_a_bound_that_has_not_converged_is_not_handed_over(options, task, monkeypatch):
    refusing(2, monkeypatch)
    never_converging(monkeypatch)
    with pytest.raises(MethodFailed, match=r"the bound still gained 0\.040 nats with .* draws a component"):
        dataclasses.replace(METHOD, **options).fit(task)


def test_weights_that_cannot_be_trusted_are_not_used(task, monkeypatch):
    monkeypatch.setattr("pipeline.methods.mixture_vi.accepted_pareto_k", lambda n: -10.0)
    fit = METHOD.fit(task)
    assert fit.note.startswith("ELBO") and "not refined: k-hat" in fit.note
