import numpy as np
import pandas as pd
import pytest

from pipeline.scores.aggregate import aggregate, summarise
from pipeline.scores.metrics import METRICS


def table(metric, values, floors, mcse=0.01, parameters=("mu",)):
    """Values and floors by data set and parameter."""
    rows = [
        ("gmm", i, "m", metric, name, value, mcse, floor)
        for i, (of_values, of_floors) in enumerate(zip(values, floors, strict=True))
        for name, value, floor in zip(
            parameters, np.atleast_1d(of_values), np.atleast_1d(of_floors), strict=True
        )
    ]
    columns = ["scenario", "dataset", "method", "metric", "parameter", "value", "mcse", "floor"]
    return pd.DataFrame(rows, columns=columns)


def test_signed_errors_do_not_cancel():
    scores = table("mean_error_sd", [[0.3, -0.4]] * 6, [[0.1, -0.1]] * 6, parameters=("a", "b"))
    row = aggregate(scores).iloc[0]
    assert (row["n_datasets"], row["value"], row["floor"]) == (
        6,
        pytest.approx(np.sqrt(0.125)),
        pytest.approx(0.1),
    )
    assert row["ratio"] == pytest.approx(np.sqrt(12.5))
    assert row["excess"] == pytest.approx(np.sqrt(0.125) - 0.1)


def test_mean_and_its_error_over_data_sets():
    values = np.array([0.1, 0.3, 0.2, 0.4, 0.5, 0.3])
    row = aggregate(table("wasserstein1_sd", values, np.full(6, 0.1))).iloc[0]
    assert row["value"] == pytest.approx(values.mean())
    assert row["se"] == pytest.approx(values.std(ddof=1) / np.sqrt(6))
    assert row["excess_se"] == pytest.approx(row["se"]) and row["floor_se"] == pytest.approx(0, abs=1e-12)


def test_error_of_a_root_mean_square():
    """Against the spread of simulated aggregates."""
    rng = np.random.default_rng(1)
    rows = [
        summarise(
            METRICS["mean_error_sd"],
            np.arange(20),
            rng.normal(0, 0.2, 20),
            np.ones(20),
            rng.normal(0, 0.1, 20),
        )
        for _ in range(400)
    ]
    assert np.std([r.value for r in rows]) == pytest.approx(np.mean([r.se for r in rows]), rel=0.15)
    assert np.std([r.excess for r in rows]) == pytest.approx(np.mean([r.excess_se for r in rows]), rel=0.15)


def test_one_data_set_has_its_monte_carlo_error():
    row = aggregate(table("c2st", [0.7], [0.55], mcse=0.02)).iloc[0]
    assert (row["se"], row["excess_se"]) == (pytest.approx(0.02), pytest.approx(0.02 * np.sqrt(2)))
    assert row["ratio"] == pytest.approx(4)


def test_a_floor_within_its_own_error_is_no_unit():
    """By chance it may be near zero, and any score a hundred times as far."""
    assert np.isnan(aggregate(table("c2st", [0.7], [0.51], mcse=0.02)).iloc[0]["ratio"])


def test_median_of_pareto_k_bears_infinity():
    row = aggregate(table("pareto_k", [0.2, 0.4, np.inf], [np.nan] * 3)).iloc[0]
    assert row["value"] == 0.4
    assert np.isnan(row[["floor", "floor_se", "excess", "excess_se", "ratio"]].to_numpy(dtype=float)).all()


def test_worse_accuracy_is_a_positive_excess():
    row = aggregate(table("membership_accuracy", [0.8] * 5, [0.9] * 5)).iloc[0]
    assert row["excess"] == pytest.approx(0.1) and np.isnan(row["ratio"])


def test_floor_at_the_ideal_has_no_ratio():
    assert np.isnan(aggregate(table("c2st", [0.6] * 5, [0.49] * 5)).iloc[0]["ratio"])


def test_groups_and_order_are_kept():
    scores = pd.concat(
        [table("c2st", [0.5], [0.5]), table("mean_error_sd", [0.1], [0.1]).assign(method="a", scenario="hmm")]
    )
    keys = aggregate(scores)[["scenario", "method", "metric"]].to_numpy().tolist()
    assert keys == [["gmm", "m", "c2st"], ["hmm", "a", "mean_error_sd"]]
    assert aggregate(scores.iloc[:0]).empty
