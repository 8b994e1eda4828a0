import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batches import N_SINGLE, batches_of, share


@given(st.integers(1, 6), st.integers(1, 1200), st.integers(1, 40), st.integers(0, 2**31))
def test_every_draw_is_in_one_batch_with_its_repetitions(chains, length, repeats, seed):
    log_p = np.random.default_rng(seed).integers(1 + length // repeats, size=(chains, length)).astype(float)
    batches = batches_of(log_p)
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(log_p.size))
    assert all(len(batch) for batch in batches)
    values = np.random.default_rng(seed + 1).normal(size=log_p.size)
    means = [values[batch].mean() * share(batch, batches) for batch in batches]
    assert np.mean(means) == pytest.approx(values.mean(), abs=1e-12)
    if chains == 1:
        home = {value: {i for i, b in enumerate(batches) if value in log_p[0, b]} for value in log_p[0]}
        assert all(len(found) == 1 for found in home.values())
    else:
        assert all(len(set(batch // length)) == 1 for batch in batches)
        assert len({sum(batch[0] // length == c for batch in batches) for c in range(chains)}) == 1


def test_the_first_batches_of_reference_chains_are_a_thousand_draws():
    batches = batches_of(np.random.default_rng(1).normal(size=(4, 2500)))
    assert len(batches) == 40
    np.testing.assert_array_equal(batches[10], 2500 + np.arange(250))


def test_draws_without_a_density_are_no_repetitions_of_each_other():
    log_p = np.random.default_rng(1).normal(size=(1, 1000))
    log_p[0, ::2] = -np.inf
    batches = batches_of(log_p)
    assert len(batches) == N_SINGLE and {len(batch) for batch in batches} == {50}
