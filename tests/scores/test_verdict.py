import numpy as np
import pandas as pd
import pytest

from pipeline.scores.aggregate import aggregate
from pipeline.scores.verdict import verdict, verdicts

FLOORS = {"mean_error_sd": 0.04, "wasserstein1_sd": 0.05, "c2st": 0.5}
SPREAD = {"mean_error_sd": 0.04, "wasserstein1_sd": 0.01, "c2st": 0.015}


def scores(n=20, seed=1, method="m", **worse):
    """Return scores at the level of their floors, but for what ``worse`` adds to them."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        for metric, floor in FLOORS.items():
            centre = 0 if metric == "mean_error_sd" else floor
            noise, other = rng.normal(centre, SPREAD[metric], 2)
            rows.append(("gmm", i, method, metric, "", noise + worse.get(metric, 0), SPREAD[metric], other))
    columns = ["scenario", "dataset", "method", "metric", "parameter", "value", "mcse", "floor"]
    return pd.DataFrame(rows, columns=columns)


def judge(table, n_failed=0):
    return verdict(aggregate(table), table["dataset"].nunique(), n_failed)


@pytest.mark.parametrize("n", [1, 20])
def test_an_exact_method_is_seldom_accused(n):
    labels = [judge(scores(n, seed)).label for seed in range(60)]
    assert labels.count("indistinguishable") >= 56


def test_a_small_but_certain_error_is_close():
    found = judge(scores(wasserstein1_sd=0.03))
    assert found.label == "close" and found.reasons[0].startswith("wasserstein1_sd")


def test_a_large_error_is_bias_and_the_worst_is_named_first():
    found = judge(scores(mean_error_sd=0.15, c2st=0.4))
    assert found.label == "biased"
    assert [reason.split()[0] for reason in found.reasons] == ["c2st", "mean_error_sd"]
    assert found.reasons[0].endswith("> 0.6")


@pytest.mark.parametrize(
    ("value", "floor", "mcse", "label"),
    [
        (0.3, 0.3, 10.0, "unclear"),  # noise does not pass as agreement
        (0.3, 0.2, 0.03, "unclear"),  # nor as bias
        (0.3, 0.2, 0.02, "biased"),
        (0.3, 0.05, 0.04, "biased"),
        (0.3, np.nan, 0.04, "biased"),
    ],
)
def test_beyond_a_limit_noise_is_neither_agreement_nor_bias(value, floor, mcse, label):
    table = scores(1)
    of_means = table["metric"] == "mean_error_sd"
    table.loc[of_means, ["value", "floor", "mcse"]] = value, floor, mcse
    found = judge(table)
    assert found.label == label
    assert found.reasons[0].startswith("mean_error_sd 0.3 > 0.1")


def test_one_score_beyond_noise_is_enough_for_bias():
    table = scores(1, wasserstein1_sd=0.5)
    of_means = table["metric"] == "mean_error_sd"
    table.loc[of_means, ["value", "floor", "mcse"]] = 0.3, 0.3, 10.0
    found = judge(table)
    assert found.label == "biased" and len(found.reasons) == 1


def test_scores_of_many_data_sets_are_held_against_the_spread_of_floors():
    """Not of the method's own scores, which a method that fails badly on some spreads far."""
    table = scores(20)
    of_means = table["metric"] == "mean_error_sd"
    table.loc[of_means & (table["dataset"] == 3), "value"] = 2.0
    assert judge(table).label == "biased"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_meaningless_scores_never_pass(bad):
    table = scores()
    table.loc[4, "value"] = bad
    assert judge(table).label == "biased"


def test_metrics_without_limit_do_not_count():
    table = pd.concat([scores(), scores(5).assign(metric="pareto_k", value=5.0)])
    assert judge(table).label == "indistinguishable"


@pytest.mark.parametrize(
    "n_failed, label", [(0, "indistinguishable"), (1, "close"), (5, "close"), (6, "failed")]
)
def test_failures_count(n_failed, label):
    found = judge(scores(20), n_failed)
    assert found.label == label
    assert n_failed == 0 or f"{n_failed} of {20 + n_failed} fits failed" in found.reasons


def test_failures_are_counted_among_all_fits_with_those_that_no_reference_can_score():
    outcomes = ["ok"] * 5 + ["uncertified"] * 11 + ["failed"] * 4
    rows = [("gmm", i, "m", outcome, "") for i, outcome in enumerate(outcomes)]
    status = pd.DataFrame(rows, columns=["scenario", "dataset", "method", "status", "reason"])
    found = verdicts(scores(5), status).iloc[0]
    assert (found["n_scored"], found["n_failed"], found["n_uncertified"]) == (5, 4, 11)
    assert found["verdict"] == "close" and found["reasons"].endswith("4 of 20 fits failed")


def test_every_method_of_the_status_table_is_judged():
    status = pd.DataFrame(
        [("gmm", i, "m", "ok", "") for i in range(20)]
        + [("gmm", 20, "m", "uncertified", "no reference")]
        + [("gmm", i, "broken", "failed", "diverged") for i in range(2)]
        + [("galaxies", 0, "m", "uncertified", "no reference")],
        columns=["scenario", "dataset", "method", "status", "reason"],
    )
    found = verdicts(scores(), status)
    assert found[["scenario", "method", "n_scored", "n_failed", "verdict"]].to_numpy().tolist() == [
        ["gmm", "m", 20, 0, "indistinguishable"],
        ["gmm", "broken", 0, 2, "failed"],
        ["galaxies", "m", 0, 0, "unscored"],
    ]
