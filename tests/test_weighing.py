"""Modes are found and weighed on targets whose masses are known, and where Stan's chains cannot tell."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import logsumexp

from pipeline import weighing
from pipeline.exchangeable import Copies
from pipeline.methods.base import Task
from pipeline.scenarios import get_scenario
from pipeline.stan.model import BoundModel
from pipeline.weighing import search_modes, weigh


class FakeModel:
    """A mixture of Gaussians of sd ``sd`` at ``centres``, as a Stan program of the vector mu would be."""

    def __init__(self, centres, shares, sd):
        self._centres, self._log_shares, self._sd = np.array(centres, float), np.log(shares), np.array(sd)
        self.dim = self._centres.shape[1]
        self.bridge = SimpleNamespace(log_density_gradient=self._gradient, log_density_hessian=self._hessian)

    def log_density(self, x, threads=1):
        return logsumexp(self._each(x), axis=-1)

    def _each(self, x):
        z = (x[..., None, :] - self._centres) / self._sd[:, None]
        return self._log_shares - 0.5 * (z**2).sum(-1) - self.dim * np.log(self._sd)

    def _gradient(self, x, propto=True, out=None):
        each = self._each(x)
        share = np.exp(each - logsumexp(each))
        gradient = (share / self._sd**2) @ (self._centres - x)
        if out is not None:
            out[:] = gradient
        return logsumexp(each), gradient

    def _hessian(self, x, step=1e-5):
        rows = [
            (self._gradient(x + step * e)[1] - self._gradient(x - step * e)[1]) / (2 * step)
            for e in np.eye(self.dim)
        ]
        return self.log_density(x), self._gradient(x)[1], np.array(rows)

    def constrain(self, x):
        return x

    unconstrain = constrain

    def by_name(self, flat):
        return {"mu": flat}

    def flatten(self, parameters):
        return parameters["mu"]


@dataclass
class FakeScenario:
    n_components: int
    label_axes: dict
    starts: tuple = ()

    def initial_values(self, data, seed):
        return {"mu": self.starts[seed % len(self.starts)]} if self.starts else None


def a_task(centres, shares, sd, n_components=0, starts=()):
    axes = {"mu": (0,)} if n_components else {}
    model = FakeModel(centres, shares, sd)
    return Task(FakeScenario(n_components, axes, starts), None, model, seed=1, cores=1)  # type: ignore[arg-type]


def exchangeable(modes, shares, sd):
    """Every mode in both orders of two components."""
    centres = [list(order) for mode in modes for order in (mode, mode[::-1])]
    twice = np.repeat(np.array(shares) / 2, 2)
    return a_task(centres, twice, np.repeat(sd, 2), n_components=2, starts=tuple(modes))


def bound(name, built_model, tmp_path):
    """One of the suite's scenarios, with its Stan program."""
    scenario = get_scenario(name, {"n_times": 20} if name.startswith("hmm") else {})
    (data,) = scenario.data_sets([1])
    built = built_model(scenario.stan_file)
    model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, tmp_path)
    return Task(scenario, data, model, seed=1, cores=1)


def chains_in(mode, sd, n=2000):
    return np.array(mode) + sd * np.random.default_rng(3).standard_normal((n, len(mode)))


@pytest.mark.slow
def test_modes_are_weighed_wherever_the_chains_sat():
    """The chains of either run are all in one mode; the other holds a fifth, and is half as wide."""
    modes = [[0.0, 0.0, 0.0], [9.0, 5.0, -4.0]]
    task = a_task(modes, [0.8, 0.2], [1.0, 0.5], starts=tuple(modes))
    for chains in (chains_in([0, 0, 0], 1.0), chains_in([9, 5, -4], 0.5)):
        found = weigh(task, chains)
        assert found is not None and found.pareto_k < 0.7 and found.ess > 10_000
        np.testing.assert_allclose(found.shares, [0.8, 0.2], atol=0.02)
        weight = np.exp(found.log_weight)
        mean = weight @ found.x
        np.testing.assert_allclose(mean, 0.2 * np.array([9, 5, -4]), atol=0.2)
        drawn = found.resampled(4000, seed=2)
        assert abs((drawn[:, 0] > 5).mean() - 0.2) < 0.03
        assert len(np.unique(drawn[:, 0])) > 3500


def test_a_copy_of_a_mode_is_no_other_mode():
    task = exchangeable([[-3, 3]], [1.0], [1.0])
    (mode,) = search_modes(task, Copies(task))
    assert sorted(mode.at.round(3)) == [-3, 3]
    found = weigh(task, chains_in([-3, 3], 1.0))
    assert found is not None and found.ess > 0.8 * len(found.x)
    weight = np.exp(found.log_weight)
    assert abs(weight @ np.sort(found.x, axis=1)[:, 0] + 3) < 0.05
    assert abs(weight @ (found.x[:, 0] < 0) - 0.5) < 0.02, "as of the posterior, draws have all labels"


def test_copies_that_overlap_and_a_genuine_mode():
    """Components so close that their order says nothing, and a mode with both of them elsewhere."""
    task = exchangeable([[-0.3, 0.3], [8, 10]], [0.7, 0.3], [1.0, 0.4])
    found = weigh(task, chains_in([-0.3, 0.3], 1.0))
    assert found is not None and found.pareto_k < 0.7
    np.testing.assert_allclose(found.shares, [0.7, 0.3], atol=0.02)
    weight = np.exp(found.log_weight)
    exact = 0.7 * (0.3**2 + 1) + 0.3 * (8**2 + 10**2 + 2 * 0.4**2) / 2
    assert abs(weight @ (found.x**2).mean(axis=1) / exact - 1) < 0.03


def test_the_scenarios_own_starts_are_used():
    far = a_task([[0, 0], [60, 60]], [0.5, 0.5], [1.0, 1.0])
    assert len(search_modes(far, Copies(far))) == 1, "Stan's own starts are near the origin"
    near = a_task([[0, 0], [60, 60]], [0.5, 0.5], [1.0, 1.0], starts=([59.0, 61.0],))
    (mode,) = search_modes(near, Copies(near))
    np.testing.assert_allclose(mode.at, 60, atol=1e-3)


def test_a_plateau_is_no_mode():
    flat = a_task([[0, 0]], [1.0], [1.0])
    flat.model.bridge.log_density_hessian = lambda x: (0.0, 0 * x, np.zeros((2, 2)))
    assert search_modes(flat, Copies(flat)) == []
    found = weigh(flat, chains_in([0, 0], 1.0))
    assert found is not None and found.shares == () and found.pareto_k < 0.7


def test_what_misses_half_of_a_wide_posterior_says_so_or_finds_it():
    """Chains saw a hundredth of the width: adaptation finds the rest, or k-hat and effective size tell."""
    task = a_task([[0] * 6], [1.0], [1.0])
    flat = chains_in([0] * 6, 0.01)
    task.model.bridge.log_density_hessian = lambda x: (0.0, 0 * x, np.zeros((6, 6)))
    found = weigh(task, flat)
    assert found is not None
    spread = np.sqrt(np.exp(found.log_weight) @ found.x**2)
    is_right = np.abs(spread - 1).max() < 0.1
    assert is_right or found.pareto_k > 0.7 or found.ess < 4000


def test_too_many_copies_are_left(monkeypatch):
    monkeypatch.setattr(weighing, "MAX_COPIES", 1)
    assert weigh(exchangeable([[-3, 3]], [1.0], [1.0]), chains_in([-3, 3], 1.0)) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gmm-exchangeable", "gmm-multivariate", "hmm-exchangeable"])
def test_permuting_labels_keeps_volumes(name, built_model, tmp_path):
    """So that the density of a permuted point needs no Jacobian."""
    task = bound(name, built_model, tmp_path)
    model = task.model
    x = np.random.default_rng(1).standard_normal((5, model.dim))
    copies = Copies(task).of(x)
    np.testing.assert_array_equal(copies[0], x)
    assert len(copies) == 6 and len(np.unique(copies[:, 0].round(6), axis=0)) == 6
    for copy in copies:
        np.testing.assert_allclose(model.log_jacobian(copy), model.log_jacobian(x), atol=1e-9)
        np.testing.assert_allclose(model.log_density(copy), model.log_density(x), rtol=1e-10)


def test_copies_are_all_permutations_the_identity_first():
    task = exchangeable([[-3, 3]], [1.0], [1.0])
    x = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(Copies(task).of(x), [x, x[:, ::-1]])
