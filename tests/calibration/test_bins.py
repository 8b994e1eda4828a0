import itertools

import numpy as np
import pandas as pd
import pytest

from pipeline.calibration.bins import assign, by_bins, edges


def test_bins_hold_equal_shares_and_everything():
    values = np.random.default_rng(0).normal(size=1000)
    where = assign(values, edges(values))
    assert np.bincount(where).tolist() == [200] * 5


def test_values_that_never_vary_make_one_bin():
    assert set(assign(np.full(10, 3.0), edges(np.full(10, 3.0)))) == {0}


def test_few_different_values_have_a_bin_each():
    values = np.repeat([200.0, 300.0, 400.0, 500.0], 25)
    assert np.bincount(assign(values, edges(values))).tolist() == [25] * 4


def test_means_by_bin_weigh_up_to_the_mean():
    rng = np.random.default_rng(1)
    n = 300
    separation = rng.random(n)
    table = pd.DataFrame(
        {
            "n_values": rng.choice([200, 300, 400], n),
            "separation": separation,
            "kl": separation + rng.random(n),
            "efficiency": rng.random(n),
            "membership_excess": rng.random(n),
        }
    )
    rows = by_bins(table, ["membership"])
    for by in ("observations", "separation"):
        own = [row for row in rows if row["by"] == by]
        assert sum(row["n"] for row in own) == n
        for score in ("kl", "efficiency", "membership_excess"):
            assert sum(row["n"] * row[score] for row in own) / n == pytest.approx(table[score].mean())
    own = [row for row in rows if row["by"] == "separation"]
    assert len(own) == 5
    assert all(a["high"] <= b["low"] for a, b in itertools.pairwise(own))
    assert own[-1]["kl"] - own[0]["kl"] == pytest.approx(0.8, abs=4 * own[0]["kl_se"] * np.sqrt(2))
