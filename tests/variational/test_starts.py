"""Where mixtures begin: at ends of paths, and at their copies under other labels."""

import numpy as np
import pytest

from pipeline.exchangeable import Copies
from pipeline.stan.gaussian import Gaussian
from pipeline.variational.starts import relabelled, starting_mixture
from pipeline.variational.target import Evaluation
from tests.test_weighing import a_task, bound, exchangeable

PATH = Gaussian(np.array([-3.0, 3.0]), np.diag([1.0, 2.0]))


class OfTask:
    """The log density of a task's model; starts need no gradient."""

    dim = 2

    def __init__(self, task):
        self._model = task.model

    def __call__(self, x):
        return Evaluation(self._model.log_density(x), np.zeros_like(x))


def test_one_path_is_enough_for_all_copies_of_a_mode():
    task = exchangeable([[-3, 3]], [1.0], [1.0])
    start = starting_mixture(OfTask(task), [PATH], 2, True, 1, lambda path: relabelled(task, path))
    np.testing.assert_allclose(start.mean, [[-3, 3], [3, -3]], atol=1e-9)
    np.testing.assert_allclose(np.exp(start.log_weight), 0.5)
    np.testing.assert_allclose(start.chol, [np.diag([1, 0.5]), np.diag([0.5, 1])], atol=1e-9)
    alone = starting_mixture(OfTask(task), [PATH], 2, True, 1)
    assert np.linalg.norm(alone.mean[1] - alone.mean[0]) < 3


def test_the_best_paths_copies_come_before_other_paths():
    task = exchangeable([[-3, 3], [8, 9]], [0.99, 0.01], [1.0, 1.0])
    paths = [Gaussian(np.array([8.0, 9.0]), np.eye(2)), PATH]
    start = starting_mixture(OfTask(task), paths, 3, True, 1, lambda path: relabelled(task, path))
    np.testing.assert_allclose(start.mean[:2], [[-3, 3], [3, -3]], atol=1e-9)
    assert {*start.mean[2].round(6)} == {8.0, 9.0}


def test_known_labels_have_no_copies():
    assert relabelled(a_task([[0, 0]], [1.0], [1.0]), PATH) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gmm-exchangeable", "hmm-exchangeable"])
def test_a_copy_has_the_density_of_what_it_copies(name, built_model, tmp_path):
    """At permuted points, as far as the permutation is linear."""
    task = bound(name, built_model, tmp_path)
    dim, rng = task.model.dim, np.random.default_rng(2)
    mean = 0.5 * rng.standard_normal(dim)
    factor = np.tril(rng.standard_normal((dim, dim))) + 5 * np.eye(dim)
    path = Gaussian(mean, factor / 1e-3)
    x = mean + 1e-3 * rng.standard_normal((6, dim)) / 5
    for copy, at in zip(relabelled(task, path), Copies(task).of(x)[1:], strict=True):
        np.testing.assert_allclose(copy.log_density(at), path.log_density(x), atol=0.01)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("far", [50.0, 800.0])
@pytest.mark.parametrize("name", ["gmm-exchangeable", "hmm-exchangeable"])
def test_where_parameters_overflow_a_path_has_no_copies(name, far, built_model, tmp_path):
    task = bound(name, built_model, tmp_path)
    copies = relabelled(task, Gaussian(np.full(task.model.dim, far), np.eye(task.model.dim)))
    assert all(np.isfinite(copy.covariance()).all() for copy in copies)
    assert far < 800 or not copies
