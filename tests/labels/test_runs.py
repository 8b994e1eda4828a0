"""Whole runs relabelled and aligned; quantities that stay; modes that are no permutations."""

import itertools

import numpy as np
import pytest

from pipeline.labels.invariants import coclustering, invariants, pairs_together
from pipeline.labels.modes import chain_groups, describe_modes
from pipeline.labels.permuting import permute
from pipeline.labels.relabelling import RELABELLERS
from pipeline.labels.runs import USED, relabel
from tests.labels.planted import AXES, memberships, plant


def by_chain(found, n_chains=4):
    parameters = {k: v.reshape(n_chains, -1, *v.shape[1:]) for k, v in found.parameters.items()}
    return parameters, found.draws.log_p.reshape(n_chains, -1)


def relabelled(found, target):
    parameters, log_p = by_chain(found)
    shown = np.arange(0, len(found.y), 7)
    return parameters, relabel(
        parameters,
        log_p,
        lambda draws: np.moveaxis(memberships(found.y, draws), 1, 2),
        AXES,
        target,
        shown,
    )


def test_a_run_gets_the_labels_of_its_target():
    found = plant(4, 3, separation=3.0)
    right = permute(found.parameters, AXES, found.right)
    p = memberships(found.y, right).mean(axis=0).T
    for target, order in (
        (p, [0, 1, 2]),
        (p[:, [2, 0, 1]], [2, 0, 1]),
        (np.eye(3)[p.argmax(axis=1)], [0, 1, 2]),
    ):
        given, (parameters, labels) = relabelled(found, target)
        np.testing.assert_array_equal(parameters["mu"].reshape(-1, 3), right["mu"][:, order])
        np.testing.assert_equal(labels.raw(parameters), given)
        assert list(labels.permutations) == list(labels.wall_s) == list(RELABELLERS)
    _, (parameters, _) = relabelled(found, None)
    assert (np.diff(parameters["mu"].mean(axis=(0, 1))) > 0).all()


def test_what_is_kept_beside_the_labels():
    found = plant(4, 3, separation=2.0)
    _, (_, labels) = relabelled(found, None)
    p = found.draws.memberships[:, :, labels.observed]
    expected = np.einsum("dkn,dkm->nm", p, p) / len(p)
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(labels.coclustering.mean(axis=0), expected, atol=1e-6)
    pairs = [
        np.mean([sum(a * b) for a, b in itertools.product(p.T, repeat=2)])
        for p in found.draws.memberships[:3]
    ]
    np.testing.assert_allclose(labels.together.ravel()[:3], pairs, rtol=1e-5)
    assert labels.permutations[USED].shape == (4, 50, 3)


def test_coclustering_is_that_of_drawn_allocations():
    """P(z_n = z_m | y) by drawing the allocations, within their own noise."""
    found = plant(8, 3, separation=1.0, n_draws=200, n_obs=12)
    rng = np.random.default_rng(1)
    p = found.draws.memberships
    uniform = rng.random((500, 200, 1, 12))
    z = (uniform > np.cumsum(p, axis=1)[:, :-1]).sum(axis=2)
    drawn = np.mean(z[..., :, None] == z[..., None, :], axis=(0, 1))
    batches = [np.arange(50), np.arange(50, 200)]
    found_here = coclustering(p, batches)
    assert found_here.shape == (2, 12, 12)
    np.testing.assert_allclose(found_here[:, 0, 0], [0.5, 1.5])
    np.testing.assert_allclose(found_here.mean(axis=0), drawn, atol=5 * 0.5 / np.sqrt(500 * 200))


@pytest.mark.parametrize("seed", range(3))
def test_invariants_do_not_vary_with_labels(seed):
    rng = np.random.default_rng(seed)
    parameters = {
        "transition": rng.random((2, 5, 3, 3)),
        "mu": rng.random((2, 5, 3, 2)),
        "tau": rng.random((2, 5)),
    }
    axes = {"transition": (0, 1), "mu": (0,)}
    log_p, p = rng.random((2, 5)), rng.dirichlet(np.ones(3), (10, 20)).swapaxes(1, 2)
    permutations = np.argsort(rng.random((2, 5, 3)), axis=-1)
    before = invariants(parameters, axes, log_p, pairs_together(p).reshape(2, 5))
    switched = np.take_along_axis(p, permutations.reshape(10, 3, 1), axis=1)
    after = invariants(
        permute(parameters, axes, permutations), axes, log_p, pairs_together(switched).reshape(2, 5)
    )
    assert list(before) == [
        "log density",
        "pairs together",
        *(f"sorted diagonal of transition({k})" for k in (1, 2, 3)),
        *(f"sorted mu[,{d}]({k})" for d in (1, 2) for k in (1, 2, 3)),
    ]
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, rtol=1e-12)


def chains(means, densities, n_draws=400):
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(2, len(means), n_draws))
    return {
        "log density": np.array(densities)[:, None] + noise[0],
        "sorted mu(1)": np.array(means)[:, None] + 0.1 * noise[1],
    }


def test_chains_in_one_mode_are_one_group():
    assert chain_groups(chains([0, 0.05, 0, 0.1], [-10, -10, -10, -10])) == [[0, 1, 2, 3]]
    assert describe_modes(chains([0, 0, 0, 0], [-10, -10, -10, -10])) == ""


def test_genuine_modes_are_named():
    found = chains([0, 2, 0, 2], [-12, -10, -12, -10])
    assert chain_groups(found) == [[1, 3], [0, 2]]
    text = describe_modes(found)
    assert text.startswith("genuine modes") and "chains 2, 4 (log density -9.9) and " in text
    assert "chains 1, 3 (log density -12.0)" in text and text.endswith("sorted mu(1)")


def test_a_chain_that_visits_both_modes_joins_them():
    found = chains([0, 2, 0], [-10, -10, -10])
    found["sorted mu(1)"][2, ::2] += 2
    assert chain_groups(found) == [[0, 1, 2]]
