"""Runs with exchangeable labels, from sampling to scoring; the ordered twin as an independent route."""

import math
from types import SimpleNamespace

import arviz as az
import numpy as np
import pytest

from pipeline.exchangeable import with_all_copies
from pipeline.fitting import complete
from pipeline.labels.permuting import numbers
from pipeline.labels.runs import USED
from pipeline.methods import get_method
from pipeline.methods.base import Task
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import STAN_FOLDER
from pipeline.scores.agreement import mean_error_sd
from pipeline.scores.density import pareto_k
from pipeline.scores.evaluate import score_data_set
from pipeline.scores.label_switching import label_scores
from pipeline.stan.build import build
from pipeline.stan.model import BoundModel

BLOCK = {"type": "gmm-exchangeable", "separation": [3.0, 6.0], "n_obs": [150, 150]}


def test_flattening_undoes_naming():
    """Stan writes the first index fastest, whatever the shape."""
    shapes = {"transition": (2, 3), "mu": (3,), "tau": (), "cube": (2, 3, 2)}
    model = SimpleNamespace(shapes=shapes)
    flat = np.random.default_rng(1).random((4, 5, 6 + 3 + 1 + 12))
    named = BoundModel.by_name(model, flat)  # type: ignore[arg-type]
    np.testing.assert_array_equal(named["transition"][..., 1, 0], flat[..., 1])
    np.testing.assert_array_equal(named["transition"][..., 0, 1], flat[..., 2])
    np.testing.assert_array_equal(BoundModel.flatten(model, named), flat)  # type: ignore[arg-type]


def task_of(block, seed, folder):
    scenario = get_scenario("s", block)
    data = scenario.data_sets([5])[0]
    built = build(STAN_FOLDER / scenario.stan_program)
    model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, folder)
    return Task(scenario, data, model, seed, cores=2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of nuts, the second with its labels named after the first."""
    nuts = get_method("nuts", {})
    tasks = [task_of(BLOCK, seed, tmp_path_factory.mktemp("run")) for seed in (1, 2)]
    fits = [nuts.fit(task) for task in tasks]
    first = complete(tasks[0], fits[0])
    return tasks, fits, (first, complete(tasks[1], fits[1], [first]))


def r_hat(draws):
    return float(az.rhat(az.convert_to_dataset({"x": draws}))["x"].max())


@pytest.mark.slow
def test_chains_in_several_copies_agree_once_relabelled(runs):
    _, fits, posteriors = runs
    for fit, posterior in zip(fits, posteriors, strict=True):
        assert len(np.unique(numbers(posterior.labels.permutations[USED]))) > 1
        assert r_hat(fit.flat) > 1.3 and all(r_hat(x) < 1.01 for x in posterior.parameters.values())


@pytest.mark.slow
def test_relabelling_loses_nothing_and_keeps_the_density(runs):
    tasks, fits, posteriors = runs
    for task, fit, posterior in zip(tasks, fits, posteriors, strict=True):
        np.testing.assert_array_equal(
            task.model.flatten(posterior.labels.raw(posterior.parameters)), fit.flat
        )
        np.testing.assert_allclose(
            task.model.log_density(posterior.unconstrained), posterior.log_p, rtol=1e-9
        )
        back = task.model.constrain(posterior.unconstrained.reshape(-1, task.model.dim))
        expected = task.model.flatten(posterior.parameters).reshape(back.shape)
        np.testing.assert_allclose(back, expected, rtol=1e-8)


@pytest.mark.slow
def test_labels_are_those_of_the_truth_and_of_the_first_run(runs):
    (task, _), _, posteriors = runs
    truth = task.data.theta["mu"]
    for posterior in posteriors:
        mu = posterior.parameters["mu"].reshape(-1, 3)
        assert (np.abs(mu.mean(axis=0) - truth) < 4 * mu.std(axis=0)).all()
        p = posterior.memberships["membership"].mean(axis=0)
        assert (p.argmax(axis=1) == task.data.z).mean() > 0.85


@pytest.mark.slow
def test_a_reference_with_all_copies_is_the_same_posterior(runs):
    (task, _), _, (first, _) = runs
    unconstrained = with_all_copies(task, first)
    np.testing.assert_allclose(task.model.log_density(unconstrained), first.log_p.ravel(), rtol=1e-9)
    mu = task.model.by_name(task.model.constrain(unconstrained))["mu"]
    shares = np.bincount(numbers(np.argsort(mu, axis=1)), minlength=6) / len(mu)
    np.testing.assert_allclose(shares, 1 / 6, atol=0.002)


@pytest.mark.slow
def test_the_ordered_twin_has_the_same_posterior(runs, tmp_path):
    """Sorting the relabelled components by their means gives what Stan's ordered vector gives."""
    _, _, posteriors = runs
    twin = task_of({**BLOCK, "ordered": True}, seed=3, folder=tmp_path)
    np.testing.assert_array_equal(twin.data.y, runs[0][0].data.y)
    fit = get_method("nuts", {}).fit(twin)
    ordered = complete(twin, fit)
    assert ordered.labels is None
    for posterior in posteriors:
        order = np.argsort(posterior.parameters["mu"].mean(axis=(0, 1)))
        for name, values in ordered.parameters.items():
            for k in range(3):
                error = mean_error_sd(posterior.parameters[name][..., order[k]], values[..., k])
                assert abs(error.value) < 4 * error.mcse < 0.2, (name, k)


@pytest.mark.slow
def test_scores_tell_copies_from_convergence(runs):
    _, _, (first, second) = runs
    scores = label_scores(second, first, seed=1)
    assert scores["rhat_raw", ""].value > 1.3 > 1.05 > scores["rhat_relabelled", ""].value
    assert scores["rhat_invariant", ""].value < 1.05
    assert scores["coclustering_error", ""].value < 0.02
    assert scores["relabeller_agreement", "iterative-ecr"].value > 0.98


@pytest.mark.slow
def test_an_approximation_in_one_copy_is_far_from_the_symmetric_posterior(runs):
    """Its KL divergence is huge, its relabelled draws are not far off."""
    (task, _), _, posteriors = runs
    fit = get_method("laplace", {}).fit(task)
    posterior = complete(task, fit, posteriors)
    assert posterior.proposal.log_q_reference.shape == (2, 4000)
    # Of six copies it knows one: five sixths of the reference lie where it has no mass.
    known = posterior.proposal.log_q_reference > posterior.proposal.log_q.min() - 10
    assert known.mean() == pytest.approx(1 / 6, abs=0.03)
    assert label_scores(posterior, posteriors[0], seed=1)["copies_visited", ""].value == pytest.approx(1 / 6)
    rows = score_data_set(posterior, posteriors, None, seed=1)
    gap = next(row for row in rows if row.metric == "evidence_gap")
    assert np.log(6) - 0.1 < gap.value < np.log(6) + 1, "a copy alone costs log K!"


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [2, 3])
def test_a_mixture_of_as_many_components_as_copies_holds_every_copy(n_components, tmp_path):
    """Within 20% of 1 / K! each, and at a k-hat that its weights may be trusted with."""
    task = task_of({**BLOCK, "n_components": n_components}, seed=1, folder=tmp_path)
    n_copies = math.factorial(n_components)
    fit = get_method("mixture-vi", {"components": n_copies}).fit(task)
    raw = fit.approximation.raw
    mu = task.model.by_name(task.model.constrain(raw))["mu"]
    shares = np.bincount(numbers(np.argsort(mu, axis=1)), minlength=n_copies) / len(mu)
    np.testing.assert_allclose(shares, 1 / n_copies, rtol=0.2)
    assert pareto_k(task.model.log_density(raw) - fit.approximation.density.log_density(raw)).value < 0.7
