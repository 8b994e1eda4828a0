"""Few data sets behind a bias: found where they are, not where it is general, and as the verdict counts."""

import numpy as np
import pytest

from pipeline.scores.aggregate import aggregate
from pipeline.scores.concentration import responsible_data_sets
from pipeline.scores.verdict import verdict
from tests.scores.test_verdict import scores


def label_without(table, numbers):
    rest = table[~table["dataset"].isin(numbers)]
    return verdict(aggregate(rest), rest["dataset"].nunique(), 0).label


def worse(table, metric, errors):
    for number, error in errors.items():
        table.loc[(table["metric"] == metric) & (table["dataset"] == number), "value"] = error
    return table


@pytest.mark.parametrize("seed", range(5))
def test_without_them_the_verdict_is_another_and_with_one_fewer_it_is_not(seed):
    table = worse(scores(20, seed), "mean_error_sd", {3: 2.0, 11: -3.0})
    table = worse(table, "wasserstein1_sd", {7: 40.0})
    found = responsible_data_sets(table)
    assert found == (7, 11, 3)
    assert label_without(table, found) != "biased"
    assert label_without(table, found[:-1]) == "biased"


def test_a_general_bias_has_no_culprits():
    assert responsible_data_sets(scores(20, mean_error_sd=0.3)) == ()
    assert responsible_data_sets(scores(4, c2st=0.4)) == ()


def test_many_culprits_are_a_general_bias():
    table = worse(scores(40), "mean_error_sd", {number: 3.0 for number in range(6)})
    assert responsible_data_sets(table) == ()


def test_nobody_is_named_where_nothing_is_biased():
    assert responsible_data_sets(scores()) == ()
    assert responsible_data_sets(scores().iloc[:0]) == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_responsible(bad):
    assert responsible_data_sets(worse(scores(), "c2st", {4: bad})) == (4,)
