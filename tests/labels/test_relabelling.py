"""Relabellers against planted permutations, brute force and each other."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels import assignment, relabelling
from pipeline.labels.assignment import best_permutations
from pipeline.labels.permuting import all_permutations, compose, inverse, permute
from pipeline.labels.relabelling import RELABELLERS, Draws, align, by_mean, ecr, iterative_ecr, stephens
from tests.labels.planted import (
    AXES,
    as_draws,
    log_density,
    memberships,
    plant,
    plant_in_dimensions,
    plant_in_time,
)

seeds = st.integers(0, 2**31)


def total_cost(cost, permutation):
    return sum(cost[component, label] for label, component in enumerate(permutation))


@given(seeds, st.integers(2, 6))
def test_assignments_are_the_best_of_all(seed, n_components):
    cost = np.random.default_rng(seed).normal(size=(3, n_components, n_components))
    for one, found in zip(cost, best_permutations(cost), strict=True):
        candidates = itertools.permutations(range(n_components))
        assert tuple(found) == min(candidates, key=lambda p: total_cost(one, p))


def test_assignments_do_not_depend_on_how_they_are_found(monkeypatch):
    cost = np.random.default_rng(1).normal(size=(500, 4, 4))
    exhaustive = best_permutations(cost)
    monkeypatch.setattr(assignment, "_BATCH", 7)
    np.testing.assert_array_equal(best_permutations(cost), exhaustive)
    monkeypatch.setattr(assignment, "MAX_EXHAUSTIVE", 1)
    np.testing.assert_array_equal(best_permutations(cost), exhaustive)


@pytest.mark.slow
@settings(max_examples=25)
@given(seeds, st.integers(2, 6))
@pytest.mark.parametrize("name", RELABELLERS)
def test_planted_permutations_are_recovered_exactly(name, seed, n_components):
    """At a separation of three sds, up to the one permutation that is the same for all draws."""
    found = plant(seed, n_components, separation=3.0)
    permutations = RELABELLERS[name](found.draws)
    left = compose(inverse(found.right), permutations)
    assert (left == left[0]).all()


@settings(max_examples=15)
@given(seeds, st.integers(2, 4), st.integers(2, 3))
@pytest.mark.parametrize("name", RELABELLERS)
def test_planted_permutations_in_dimensions_are_recovered_exactly(name, seed, n_components, n_dims):
    """Three sds apart in any direction, which a single dimension need not tell apart."""
    found = plant_in_dimensions(seed, n_components, n_dims, separation=3.0)
    left = compose(inverse(found.right), RELABELLERS[name](found.draws))
    assert (left == left[0]).all()


@settings(max_examples=15)
@given(seeds, st.integers(2, 3))
@pytest.mark.parametrize("name", RELABELLERS)
def test_planted_permutations_of_states_are_recovered_exactly(name, seed, n_components):
    """Of a hidden Markov model, by its smoothed memberships."""
    found = plant_in_time(seed, n_components, separation=3.0)
    left = compose(inverse(found.right), RELABELLERS[name](found.draws))
    assert (left == left[0]).all()


@settings(max_examples=20)
@given(seeds, st.integers(2, 4), st.floats(0, 3))
@pytest.mark.parametrize("name", RELABELLERS)
def test_relabelling_changes_labels_and_nothing_else(name, seed, n_components, separation):
    found = plant(seed, n_components, separation, n_draws=50, n_obs=60)
    permutations = RELABELLERS[name](found.draws)
    np.testing.assert_array_equal(np.sort(permutations, axis=1), np.arange(n_components) + 0 * permutations)
    after = permute(found.parameters, AXES, permutations)
    np.testing.assert_allclose(log_density(found.y, after), found.draws.log_p, rtol=1e-12)
    before_p, after_p = found.draws.memberships, memberships(found.y, after)
    np.testing.assert_allclose(
        np.einsum("dkn,dkm->dnm", after_p, after_p), np.einsum("dkn,dkm->dnm", before_p, before_p), atol=1e-12
    )
    np.testing.assert_allclose(np.sort(after["mu"]), np.sort(found.parameters["mu"]))
    np.testing.assert_allclose(
        after_p, np.take_along_axis(before_p, permutations[:, :, None], axis=1), rtol=1e-9
    )


@pytest.mark.slow
@settings(max_examples=20)
@given(seeds, st.integers(2, 5))
@pytest.mark.parametrize("name", RELABELLERS)
def test_a_second_time_changes_nothing(name, seed, n_components):
    found = plant(seed, n_components, separation=3.0)
    after = permute(found.parameters, AXES, RELABELLERS[name](found.draws))
    again = RELABELLERS[name](as_draws(found.y, after))
    assert (again == again[0]).all()


@settings(max_examples=20)
@given(seeds, st.floats(0.5, 4))
@pytest.mark.parametrize("name", RELABELLERS)
def test_the_result_does_not_depend_on_the_labels_given(name, seed, separation):
    """Other labels to begin with: the same groups of components, whatever they are called."""
    if "ecr" in name:
        separation = 3.0  # where components overlap, several permutations agree in as many allocations
    found = plant(seed, 3, separation, n_draws=60, n_obs=80)
    other = np.argsort(np.random.default_rng(seed).random((60, 3)), axis=1)
    switched = permute(found.parameters, AXES, other)
    first = RELABELLERS[name](found.draws)
    second = compose(other, RELABELLERS[name](as_draws(found.y, switched)))
    left = compose(inverse(first), second)
    assert (left == left[0]).all()


def kl_objective(p, permutations):
    """Stephens' criterion at its best q, written out."""
    relabelled = np.take_along_axis(p, permutations[:, :, None], axis=1)
    q = relabelled.mean(axis=0)
    return (relabelled * np.log(relabelled / q)).sum()


def agreement_objective(p, permutations):
    """The iterative ECR criterion: allocations that agree with the most frequent ones."""
    z = np.take_along_axis(p, permutations[:, :, None], axis=1).argmax(axis=1)
    counts = np.stack([(z == k).sum(axis=0) for k in range(p.shape[1])])
    return -counts.max(axis=0).sum()


@pytest.mark.parametrize(
    ("relabeller", "objective"), [(stephens, kl_objective), (iterative_ecr, agreement_objective)]
)
@pytest.mark.parametrize("n_components", [2, 3])
def test_no_relabelling_of_few_draws_is_better(relabeller, objective, n_components):
    """Against every one of the (K!)^3 relabellings of four draws, the first draw's labels being free."""
    for seed in range(5):
        found = plant(seed, n_components, separation=3.0, n_draws=4, n_obs=20)
        p = found.draws.memberships
        candidates = itertools.product(all_permutations(n_components), repeat=3)
        identity = np.arange(n_components)
        best = min(objective(p, np.stack([identity, *candidate])) for candidate in candidates)
        assert objective(p, relabeller(found.draws)) == pytest.approx(best, rel=1e-9)


@settings(max_examples=30)
@given(seeds, st.floats(0, 2))
def test_stephens_ends_where_no_single_draw_can_do_better(seed, separation):
    found = plant(seed, 3, separation, n_draws=40, n_obs=50)
    p = found.draws.memberships
    permutations = stephens(found.draws)
    q = np.take_along_axis(p, permutations[:, :, None], axis=1).mean(axis=0)
    for draw, own in zip(p, permutations, strict=True):
        costs = [-(draw[list(c)] * np.log(q)).sum() for c in itertools.permutations(range(3))]
        assert -(draw[own] * np.log(q)).sum() == pytest.approx(min(costs), rel=1e-9)


def test_ecr_maximises_agreement_with_the_densest_draw():
    found = plant(3, 3, separation=1.0, n_draws=30, n_obs=50)
    z = found.draws.memberships.argmax(axis=1)
    pivot = z[np.argmax(found.draws.log_p)]
    for own, permutation in zip(z, ecr(found.draws), strict=True):
        agreements = [(inverse(np.array(c))[own] == pivot).sum() for c in itertools.permutations(range(3))]
        assert (inverse(permutation)[own] == pivot).sum() == max(agreements)


def test_components_are_ordered_by_their_means():
    found = plant(5, 4, separation=0.0)
    after = permute(found.parameters, AXES, by_mean(found.draws))
    assert (np.diff(after["mu"], axis=1) > 0).all()


@given(seeds, st.integers(2, 5))
def test_two_runs_are_aligned_by_one_permutation(seed, n_components):
    rng = np.random.default_rng(seed)
    reference = rng.dirichlet(np.full(n_components, 0.3), 100)
    run = 0.9 * reference + 0.1 * rng.dirichlet(np.ones(n_components), 100)
    switched = rng.permutation(n_components)
    np.testing.assert_array_equal(align(run[:, switched], reference), inverse(switched))
    truth = np.eye(n_components)[reference.argmax(axis=1)]
    np.testing.assert_array_equal(align(run[:, switched], truth), inverse(switched))


def test_empty_components_are_labelled_too():
    """Two of four components without any observation: memberships of exactly zero."""
    found = plant(7, 2, separation=6.0, n_draws=30)
    p = np.concatenate([found.draws.memberships, np.zeros_like(found.draws.memberships)], axis=1)
    wide = np.concatenate([found.draws.features, found.draws.features + 100], axis=1)
    for relabeller in RELABELLERS.values():
        permutations = relabeller(Draws(wide, p, found.draws.log_p))
        np.testing.assert_array_equal(np.sort(permutations, axis=1), np.arange(4) + 0 * permutations)


@pytest.mark.parametrize("name", ["stephens", "ecr", "iterative-ecr"])
def test_blocks_change_neither_the_result_nor_the_memory(name, monkeypatch):
    found = plant(2, 4, separation=1.5, n_draws=400, n_obs=200, dtype=np.float32)
    whole = RELABELLERS[name](found.draws)
    monkeypatch.setattr(relabelling, "_BLOCK", 4 * 200 * 7)
    tracemalloc.start()
    np.testing.assert_array_equal(RELABELLERS[name](found.draws), whole)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < found.draws.memberships.nbytes / 2


def test_the_helper_plants_what_it_says():
    found = plant(1, 3, separation=3.0)
    after = permute(found.parameters, AXES, found.right)
    assert after["mu"].std(axis=0).max() < 0.3 < 2 < found.parameters["mu"].std(axis=0).min()
