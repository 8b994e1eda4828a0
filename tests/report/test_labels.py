"""The section on label switching: there where labels are exchangeable, saying what the scores say."""

import numpy as np
import pandas as pd
import pytest

from pipeline.report.examples import ExampleInput, read_examples, write_examples
from pipeline.report.inputs import read_run
from pipeline.report.label_sections import label_section, label_sentences
from pipeline.report.render import render_html
from pipeline.report.scoring import summarise
from pipeline.report.style import marks
from pipeline.scenarios.base import DataSet
from pipeline.scores.evaluate import score_data_set
from tests.labels.posteriors import exchangeable, stuck, wandering
from tests.report.pages import Page
from tests.report.synthetic import Made, write_run

MADE = Made("gmm-exchangeable", ("mu[1]", "mu[2]", "mu[3]"), ("membership",), 3, 3)


def one_copy(chain, draw):
    return 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A made-up run whose label scores are the real code's: nuts in four copies, laplace in one."""
    folder = tmp_path_factory.mktemp("labels") / "default"
    write_run(folder, scenarios=[MADE], methods=("nuts", "laplace"), failures={}, uncertified={})
    references = exchangeable(1, stuck, n_draws=500), exchangeable(2, wandering, n_draws=500)
    methods = {"nuts": exchangeable(3, stuck), "laplace": exchangeable(4, one_copy, n_chains=1, n_draws=1000)}
    rows = [
        (MADE.name, dataset, name, row.metric, row.parameter, row.value, row.mcse, row.floor)
        for name, posterior in methods.items()
        for row in score_data_set(posterior, references, None, seed=1)
        for dataset in range(3)
    ]
    scores = pd.read_parquet(folder / "scores.parquet")
    pd.DataFrame(rows, columns=list(scores.columns)).to_parquet(folder / "scores.parquet")
    data = DataSet(y=np.linspace(-4, 4, 15)[:, None])
    example = ExampleInput(0, "mixture", data, data.y.mean(axis=1), references[0], methods)
    write_examples(folder / "examples.nc", {MADE.name: example})
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return Page(render_html(read_run(folder)))


@pytest.mark.slow
def test_the_section_stands_in_the_page_and_its_navigation(page):
    assert page.by_id("labels").text() == "Label switching"
    links = {element.attributes.get("href") or "" for element in page.root.all("a")}
    ids = {element.attributes.get("id") for element in page.root.all()}
    assert "#labels" in links
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    for word in ("def-copy", "def-relabelling", "def-missed_mass", "def-rhat_raw"):
        assert word in ids


@pytest.mark.slow
def test_a_run_with_identified_labels_has_none_of_it(tmp_path):
    page = Page(
        render_html(read_run(write_run(tmp_path / "plain", scenarios=[Made("a", ("mu",), (), 2, 2)])))
    )
    ids = {element.attributes.get("id") for element in page.root.all()}
    assert not ids & {"labels", "def-copy", "def-missed_mass"}


@pytest.mark.slow
def test_its_scores_stand_in_no_other_section(page):
    figures = [e.attributes.get("id") or "" for e in page.root.all("figure")]
    assert sum("rhat_raw" in name for name in figures) == 1
    assert {row["metric"] for row in page.table("worst")}.isdisjoint({"rhat_raw", "missed_mass"})
    assert "rhat_raw" not in page.table("fits")[0]


@pytest.fixture(scope="module")
def part(folder):
    run = read_run(folder)
    (part,) = label_section(run, summarise(run.scores), marks(run.methods))
    return part


def test_traces_show_labels_before_and_after(part):
    """Chains of nuts sit in copies of their own; relabelled, each component keeps to its place."""
    before, after = ({d["method"]: [] for d in records(f)} for f in part.traces)
    for figure, by_name in zip(part.traces, (before, after), strict=True):
        for record in records(figure):
            by_name[record["method"]].append(record["y"])
    assert [np.ptp(after[f"mu[{k}]"]) < 1 for k in (1, 2, 3)] == [True] * 3
    assert max(np.ptp(before[f"mu[{k}]"]) for k in (1, 2, 3)) > 5
    edges = part.traces[0].spec["datasets"]["d0"]
    assert len(edges) == 3 and len(before["mu[1]"]) == 500


def records(figure):
    return next(rows for rows in figure.spec["datasets"].values() if "method" in rows[0])


def test_matrices_and_copies_are_those_of_the_draws(part, folder):
    example = read_examples(folder / "examples.nc")[MADE.name]
    assert [figure.title for figure in part.matrices] == ["reference", "nuts", "laplace"]
    cells = part.matrices[1].spec["datasets"]["d0"]
    assert len(cells) == 15 * 15
    expected = exchangeable(3, stuck).labels.coclustering.mean(axis=0)
    for cell in cells:
        assert cell["p"] == pytest.approx(expected[cell["i"] - 1, cell["j"] - 1], abs=1e-6)
    shares = {(c["method"], c["copy"]): c["p"] for c in part.coverage[0].spec["datasets"]["d0"]}
    assert [shares["laplace", copy] for copy in range(1, 7)] == [1, 0, 0, 0, 0, 0]
    assert [shares["nuts", copy] for copy in range(1, 7)] == [0.25, 0.25, 0.25, 0.25, 0, 0]
    costs = part.coverage[1].spec["datasets"]["d0"]
    assert {cost["method"] for cost in costs} == set(example.labels.relabellers)
    assert min(c["x"] for c in costs if c["run"] == "reference") == pytest.approx(0.1 / 2)


def test_sentences_say_why_the_raw_r_hat_means_nothing(part):
    nuts = next(text for text in part.sentences if text.startswith("nuts"))
    assert "as sampled" in nuts and "says nothing about convergence" in nuts and "66.7% of the copies" in nuts
    laplace = next(text for text in part.sentences if text.startswith("laplace"))
    assert "R-hat" not in laplace and "16.7% of the copies" in laplace
    assert any(text.startswith("Relabelling 2,000 draws") for text in part.sentences)


def test_a_raw_r_hat_that_is_right_is_not_called_meaningless():
    found = {"rhat_raw": 1.5, "rhat_relabelled": 1.4, "rhat_invariant": 1.4, "missed_mass": 0.4}
    index = pd.MultiIndex.from_product([["nuts"], found], names=["method", "metric"])
    floors = pd.Series([1.5, 1.001, 1.001, 0.031], index=index)
    (text,) = label_sentences(pd.Series(list(found.values()), index=index), floors, {"nuts": (2, 3)})
    assert "above 1.01 in 2 of 3 data sets" in text
    assert (
        "says nothing" not in text
        and "40% of the relabelled posterior missed (3.1% by a second run of Stan)" in text
    )
