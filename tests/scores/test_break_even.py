import math

import numpy as np
import pandas as pd
import pytest

from pipeline.scores.break_even import break_even


def timings(own, nuts, train=100.0, build=2.0):
    rows = [
        ("s", None, "stan", "build", 50.0),
        ("s", None, "a", "train", train),
        ("s", None, "a", "build", build),
    ]
    rows += [("s", i, "a", "infer", t) for i, t in enumerate(own)]
    rows += [("s", i, "nuts", phase, t / 2) for i, t in enumerate(nuts) for phase in ("warmup", "sample")]
    table = pd.DataFrame(rows, columns=["scenario", "dataset", "method", "phase", "wall_s"])
    table["dataset"] = table["dataset"].astype("Int64")
    return table.assign(cpu_s=table["wall_s"], n_draws=1000, ess_bulk_min=1000.0)


def test_the_lines_cross_where_costs_are_equal():
    (row,) = break_even(timings([0.01, 0.03], [1.0, 3.0])).to_dict("records")
    assert row["once_s"] == 102  # the Stan program's compilation is nobody's
    assert row["break_even"] == pytest.approx(102 / (2.0 - 0.02))
    assert row["once_s"] + row["each_s"] * row["break_even"] == pytest.approx(
        row["nuts_each_s"] * row["break_even"]
    )


def test_a_method_that_is_no_faster_never_breaks_even():
    (row,) = break_even(timings([3.0, 3.0, 3.0], [1.0, 1.5, 2.0])).to_dict("records")
    assert math.isinf(row["break_even"]) and math.isinf(row["high"])


@pytest.mark.slow
def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(100):
        (row,) = break_even(timings(np.full(20, 0.01), rng.gamma(4, 0.5, 20)), seed=seed).to_dict("records")
        hits += row["low"] <= 102 / (2 - 0.01) <= row["high"]
    assert hits >= 85


def test_one_data_set_has_no_interval_and_methods_without_training_no_row():
    (row,) = break_even(timings([0.01], [1.0])).to_dict("records")
    assert math.isnan(row["low"])
    assert break_even(timings([], []).query("phase == 'build'")).empty
