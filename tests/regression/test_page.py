"""Two runs on one page: the gate's findings as a table, a chart a scenario, and the command that makes it."""

import shutil
import sys

import numpy as np
import pytest

from pipeline.regression.__main__ import main
from tests.regression.made import edit_scores, make_run
from tests.report.pages import Page


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run, and the same run with one metric of one method made worse and another's made better."""
    root = tmp_path_factory.mktemp("runs")
    old = make_run(root / "old", failures={}, uncertified={})
    new = shutil.copytree(old, root / "new")

    def change(scores):
        def of(method, metric):
            chosen = (scores["scenario"] == "hmm-ordered") & (scores["method"] == method)
            return chosen & (scores["metric"] == metric)

        factor = np.where(of("laplace", "wasserstein1_sd"), 3.0, 1.0)
        return scores.assign(
            value=scores["value"] * np.where(of("pathfinder", "sliced_wasserstein"), 0.3, factor)
        )

    edit_scores(new, change)
    return old, new


def compare(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, arguments)])
    return main()


@pytest.mark.slow
def test_the_page_says_what_changed(runs, monkeypatch, capsys):
    old, new = runs
    assert compare(monkeypatch, old, new) == 0
    said = capsys.readouterr().out
    assert "1 regression" in said and "1 better" in said and "compared-with-old.html" in said
    page = Page((new / "compared-with-old.html").read_text())
    rows = page.table("findings")
    changed = {(r["scenario"], r["method"], r["subject"]): r for r in rows if r["verdict"] != "unchanged"}
    worse = changed["hmm-ordered", "laplace", "wasserstein1_sd"]
    assert worse["verdict"] == "regression" and float(worse["ratio"]) == pytest.approx(3, rel=0.3)
    assert rows[0] == worse  # the worst stands first
    assert changed["hmm-ordered", "pathfinder", "sliced_wasserstein"]["verdict"] == "better"
    assert {row["what"]: row["new"] for row in page.table("both-runs")}["folder"] == str(new)
    ids = {e.attributes.get("id") for e in page.root.all()}
    links = [e.attributes["href"] or "" for e in page.root.all("a")]
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert not [e for e in page.root.all() if {"src", "srcset", "action"} & e.attributes.keys()]


def test_a_folder_without_a_run_is_refused_by_name(runs, tmp_path, monkeypatch, capsys):
    assert compare(monkeypatch, runs[0], tmp_path) == 2
    assert str(tmp_path) in capsys.readouterr().err
