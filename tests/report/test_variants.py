"""One method with several settings, side by side."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from pipeline.report.inputs import Run, read_run
from pipeline.report.render import render_html
from pipeline.report.scoring import judge_all, summarise
from pipeline.report.variants import variant_table
from tests.report.synthetic import Made, write_run

MADE = Made("apart", ("mu[1]", "mu[2]"), ("membership",), 6, 2)
GAINS = np.array([0.5, 0.7, 0.3, 0.6, 0.4, 0.5])


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = write_run(tmp_path_factory.mktemp("results") / "variants", scenarios=(MADE,), failures={})
    found = read_run(folder)
    first = found.scores.drop_duplicates("dataset")
    gaps = [
        first.assign(method=method, metric="evidence_gap", parameter="", value=values, mcse=0.01, floor=0.0)
        for method, values in (("laplace", 2 + np.arange(6)), ("pathfinder", 2 + np.arange(6) - GAINS))
    ]
    methods = {
        "nuts": {},
        "laplace": {},
        "pathfinder": {"type": "laplace", "draws": 7, "scenarios": ["apart"]},
    }
    return dataclasses.replace(
        found,
        scores=pd.concat([found.scores, *gaps], ignore_index=True),
        provenance={**found.provenance, "config": {"methods": methods}},
    )


def rows_of(run):
    summary = summarise(run.scores)
    table = variant_table(run, summary, judge_all(run.scores, run.status, summary))
    names = [column.key for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def test_blocks_of_one_method_stand_below_each_other_with_the_gain_of_the_bound(run):
    first, second = rows_of(run)
    assert [row["method"].text for row in (first, second)] == ["laplace", "pathfinder"]
    assert {row["kind"].text for row in (first, second)} == {"laplace"}
    assert (first["settings"].text, second["settings"].text) == ("", "draws: 7")
    assert first["gain"].value == ""
    assert float(second["gain"].value) == pytest.approx(GAINS.mean())
    assert second["gain"].aside == f"± {GAINS.std(ddof=1) / 6**0.5:.2g}"
    assert float(second["evidence_gap"].value) == pytest.approx((2 + np.arange(6) - GAINS).mean())


def test_a_run_with_one_block_a_method_has_no_such_table(run):
    methods = {method: {} for method in run.methods}
    alone = dataclasses.replace(run, provenance={"config": {"methods": methods}})
    summary = summarise(alone.scores)
    assert variant_table(alone, summary, judge_all(alone.scores, alone.status, summary)) is None


def test_the_table_stands_in_the_report(run):
    assert "One method with several settings" in render_html(run)
