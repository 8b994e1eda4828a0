"""Exchangeable scenarios beside their ordered twins."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from pipeline.report.inputs import Run, read_run
from pipeline.report.render import render_html
from pipeline.report.scoring import judge_all, summarise
from pipeline.report.twins import twin_table
from tests.report.synthetic import Made, write_run

PAIR = tuple(Made(name, ("mu[1]", "mu[2]"), ("membership",), 4, 2) for name in ("apart", "apart-ordered"))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = write_run(tmp_path_factory.mktemp("results") / "twins", scenarios=PAIR, failures={})
    found = read_run(folder)
    scenarios = {"apart": {}, "apart-ordered": {"twin_of": "apart"}}
    return dataclasses.replace(found, provenance={**found.provenance, "config": {"scenarios": scenarios}})


def table(run):
    summary = summarise(run.scores)
    return twin_table(run, summary, judge_all(run.scores, run.status, summary))


def test_both_sides_of_a_pair_stand_in_one_row(run):
    found = table(run)
    names = [column.key for column in found.columns]
    rows = [dict(zip(names, row, strict=True)) for row in found.rows]
    assert [row["method"].text for row in rows] == list(run.methods)
    assert {row["pair"].text for row in rows} == {"apart / apart-ordered"}
    own = run.scores[(run.scores["method"] == "pathfinder") & (run.scores["metric"] == "sliced_wasserstein")]
    means = own.groupby("scenario")["value"].mean()
    row = rows[list(run.methods).index("pathfinder")]
    found = [float(row[f"sliced_wasserstein_{side}"].value) for side in ("free", "ordered")]
    np.testing.assert_allclose(found, means[["apart", "apart-ordered"]])


def test_a_run_without_twins_has_no_table(run):
    assert table(dataclasses.replace(run, provenance={})) is None


def test_the_table_stands_in_the_section_on_labels(run):
    title = "What an order of the components does"
    assert title not in render_html(run), "labels are known in both of the made-up scenarios"
    first = run.scores.drop_duplicates(["dataset", "method"]).query("scenario == 'apart'")
    copies = first.assign(metric="copies_visited", parameter="", value=0.5, floor=np.nan)
    scores = pd.concat([run.scores, copies], ignore_index=True)
    assert title in render_html(dataclasses.replace(run, scores=scores))
