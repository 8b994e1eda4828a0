import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from pipeline.scores.timing import costs, geometric_mean, one_off_costs, speedups


@pytest.fixture
def timings():
    rows = [("gmm", None, "stan", "build", 24.0, 24.0, None, None)]
    rows += [("gmm", None, "flow", "train", 600.0, 1200.0, None, None)]
    for i, factor in enumerate([2.0, 8.0]):
        rows += [
            ("gmm", i, "nuts", "warmup", 1.0, 4.0, 4000, 500.0),
            ("gmm", i, "nuts", "sample", 3.0, 12.0, 4000, 500.0),
            ("gmm", i, "laplace", "infer", 4.0 / factor, 4.0 / factor, 1000, 1000.0),
        ]
    rows += [("gmm", 2, "laplace", "infer", 1.0, 1.0, 1000, 1000.0)]
    columns = ["scenario", "dataset", "method", "phase", "wall_s", "cpu_s", "n_draws", "ess_bulk_min"]
    return pd.DataFrame(rows, columns=columns)


def test_costs_add_phases_and_leave_building_out(timings):
    table = costs(timings).set_index(["method", "dataset"])
    assert list(table.loc[("nuts", 0), ["wall_s", "cpu_s"]]) == [4, 16]
    assert table.loc[("nuts", 0), "wall_s_per_1000_ess"] == 8
    assert set(table.index.get_level_values("method")) == {"nuts", "laplace"}


def test_speedups_are_geometric_means_over_shared_data_sets(timings):
    table = speedups(timings).set_index("measure")
    assert table["n_datasets"].tolist() == [2, 2, 2, 2]
    expected = {"wall_s": 4, "cpu_s": 16, "wall_s_per_1000_ess": 8, "cpu_s_per_1000_ess": 32}
    assert table["speedup"].to_dict() == pytest.approx(expected)
    assert list(table.loc["wall_s", ["method_cost", "nuts_cost"]]) == pytest.approx([1, 4])
    assert table[["low", "high"]].isna().all(axis=None), "two data sets tell no interval"


def test_measures_that_are_unknown_are_left_out(timings):
    table = speedups(timings.assign(ess_bulk_min=np.nan))
    assert table["measure"].tolist() == ["wall_s", "cpu_s"]


def test_one_off_costs_stand_apart(timings):
    assert one_off_costs(timings).to_numpy().tolist() == [
        ["gmm", "stan", "build", 24.0, 24.0],
        ["gmm", "flow", "train", 600.0, 1200.0],
    ]


def test_interval_is_near_the_bootstrap():
    log_ratios = np.random.default_rng(1).normal(1, 0.3, 60)
    centre, low, high = geometric_mean(log_ratios)
    resampled = bootstrap((log_ratios,), np.mean, rng=1).confidence_interval
    assert centre == pytest.approx(math.exp(log_ratios.mean()))
    assert (low, high) == (
        pytest.approx(math.exp(resampled[0]), rel=0.02),
        pytest.approx(math.exp(resampled[1]), rel=0.02),
    )


def test_one_data_set_has_no_interval():
    centre, low, high = geometric_mean(np.array([math.log(3)]))
    assert centre == pytest.approx(3) and math.isnan(low) and math.isnan(high)


def test_few_values_say_little():
    centre, low, high = geometric_mean(np.array([0.0, 8.0]))
    assert np.isnan([low, high]).all() and centre == pytest.approx(math.exp(4))
    centre, low, high = geometric_mean(np.array([0.0, 4.0, 8.0]))
    assert low < 1e-2 and high > 1e5 and centre == pytest.approx(math.exp(4))
