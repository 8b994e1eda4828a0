"""Seeds depend on names alone, and different names give different seeds."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pipeline.seeds import derive_seed


@given(st.integers(0, 2**63), st.text(), st.integers(0), st.text(), st.text())
def test_seeds_are_what_stan_takes(root, scenario, dataset, method, purpose):
    assert 1 <= derive_seed(root, scenario, dataset, method, purpose) <= 2**31 - 1


def test_known_value():
    """A seed that changed would silently change every published number."""
    assert derive_seed(20261121, "gmm-ordered", 3, "nuts", "fit") == 1712729094


def test_names_do_not_run_together():
    keys = itertools.product([1, 11], ["a", "ab"], [1, 11], ["b", ""], ["fit", "simulate"])
    seeds = [derive_seed(*key) for key in keys]
    assert len(set(seeds)) == len(seeds)
