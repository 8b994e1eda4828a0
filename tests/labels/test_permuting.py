import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.permuting import all_permutations, compose, features, inverse, numbers, permute

permutations_of_4 = st.permutations(range(4)).map(np.array)


@given(permutations_of_4, permutations_of_4)
def test_composition_is_one_after_the_other(first, then):
    values = np.arange(4) * 10
    np.testing.assert_array_equal(values[first][then], values[compose(first, then)])
    np.testing.assert_array_equal(values[first][inverse(first)], values)
    np.testing.assert_array_equal(compose(first, inverse(first)), np.arange(4))


@pytest.mark.parametrize("n_components", [1, 2, 3, 5])
def test_numbers_are_positions_in_the_list(n_components):
    listed = all_permutations(n_components)
    assert [tuple(p) for p in listed] == list(itertools.permutations(range(n_components)))
    np.testing.assert_array_equal(numbers(listed), np.arange(len(listed)))


@given(st.permutations(range(3)), st.permutations(range(3)))
def test_rows_and_columns_of_a_transition_matrix_move_together(first, second):
    rng = np.random.default_rng(1)
    given = {"transition": rng.random((2, 3, 3)), "mu": rng.random((2, 3)), "scale": rng.random(2)}
    p = np.array([first, second])
    found = permute(given, {"transition": (0, 1), "mu": (0,)}, p)
    for draw, i, j in itertools.product(range(2), range(3), range(3)):
        expected = given["transition"][draw, p[draw, i], p[draw, j]]
        assert found["transition"][draw, i, j] == expected
        assert found["mu"][draw, j] == given["mu"][draw, p[draw, j]]
    assert found["scale"] is given["scale"]
    back = permute(found, {"transition": (0, 1), "mu": (0,)}, inverse(p))
    np.testing.assert_equal(back, given)


def test_batches_may_have_several_dimensions_and_parameters_other_axes():
    rng = np.random.default_rng(2)
    mu = rng.random((4, 5, 3, 2))  # chain, draw, component, dimension
    p = np.argsort(rng.random((4, 5, 3)), axis=-1)
    found = permute({"mu": mu}, {"mu": (0,)}, p)["mu"]
    np.testing.assert_array_equal(found[2, 3, 1], mu[2, 3, p[2, 3, 1]])
    other = permute({"mu": np.swapaxes(mu, 2, 3)}, {"mu": (1,)}, p)["mu"]
    np.testing.assert_array_equal(np.swapaxes(other, 2, 3), found)


def test_a_wrong_axis_is_refused():
    with pytest.raises(ValueError, match="axis 1 of mu has length 2"):
        permute({"mu": np.zeros((1, 3, 2))}, {"mu": (1,)}, np.array([[0, 1, 2]]))


def test_features_describe_components_means_first():
    rng = np.random.default_rng(3)
    given = {"transition": rng.random((7, 3, 3)), "centre": rng.random((7, 2, 3)), "mu": rng.random((7, 3))}
    axes = {"transition": (0, 1), "centre": (1,), "mu": (0,)}
    found = features(given, axes)
    assert found.shape == (7, 3, 4)
    np.testing.assert_array_equal(found[:, :, 0], given["mu"])
    p = np.argsort(rng.random((7, 3)), axis=1)
    # Relabelling and describing commute.
    np.testing.assert_array_equal(
        features(permute(given, axes, p), axes), np.take_along_axis(found, p[:, :, None], axis=1)
    )
