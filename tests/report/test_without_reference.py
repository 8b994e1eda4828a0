"""Data sets without a reference change nothing that rests on references, and are told apart from failures."""

import pytest

from pipeline.report import status_tables, tables
from pipeline.report.inputs import read_run
from pipeline.report.render import render_html
from pipeline.report.scoring import judge_all, summarise
from tests.report.synthetic import write_run

FURTHER = 40


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run without and with forty more data sets, which one method fitted."""
    folder = tmp_path_factory.mktemp("runs")
    without = write_run(folder / "without", uncertified={})
    further = {("gmm-ordered", "laplace"): FURTHER}
    return read_run(without), read_run(write_run(folder / "with", uncertified={}, unreferenced=further))


def values(table, key):
    """Return a column of a table as read by machines."""
    position = [column.key for column in table.columns].index(key)
    return [row[position].value for row in table.rows]


def test_verdicts_and_their_numbers_stay(runs):
    found = []
    for run in runs:
        summary = summarise(run.scores)
        judged = judge_all(run.scores, run.status, summary)["gmm-ordered", "laplace"]
        found.append((judged.label, judged.reasons, judged.n_scored, judged.decisive))
    assert found[0][2] == found[1][2] == 20
    assert found[0] == found[1]


def test_they_have_a_table_of_their_own(runs):
    without, run = runs
    assert not tables.without_reference(without).rows
    table = tables.without_reference(run)
    assert values(table, "metric") == ["pareto_k", "membership_accuracy"]
    assert values(table, "n_datasets") == ["40", "40"] and values(table, "beyond") == ["0.5", ""]
    assert float(values(table, "value")[1]) == pytest.approx(0.8, abs=0.02)


@pytest.mark.slow
def test_the_page_says_what_they_are_and_calls_none_failed(runs):
    without, with_them = map(render_html, runs)
    assert "60 data sets, 20 with a reference" in with_them
    assert "For 40 further data sets no reference was to be made" in with_them
    assert "without-reference-scores" in with_them
    assert "40 fits to data sets without a reference are left out" in with_them
    for words in ("with a reference<", "further data set", "without-reference-scores", "are left out"):
        assert words not in without
    assert values(status_tables.failures(runs[1]), "dataset") == values(
        status_tables.failures(runs[0]), "dataset"
    )
