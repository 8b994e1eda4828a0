"""The sections on trained networks: there where a run has any, saying what the checks say."""

import json

import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.report import check_figures
from pipeline.report.check_sections import (
    SECTIONS,
    accuracy_sentence,
    break_even_sentence,
    calibration_sentence,
    strange_sentence,
)
from pipeline.report.inputs import read_run
from pipeline.report.render import render_html
from pipeline.report.style import marks
from tests.report.pages import Page
from tests.report.synthetic import SCENARIOS, write_run
from tests.report.synthetic_networks import NETWORKS, write_run_with_networks


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_run_with_networks(tmp_path_factory.mktemp("networks") / "default", n=1000, narrow=0.8)


@pytest.fixture(scope="module")
def html(folder):
    return render_html(read_run(folder))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.mark.slow
def test_the_sections_stand_in_the_page_and_its_navigation(html, page):
    for anchor, title in SECTIONS:
        assert page.by_id(anchor).text() == title
        assert f'href="#{anchor}"' in html
    assert len(html) < 5e6


@pytest.mark.slow
def test_the_first_screen_says_what_its_break_even_counts(html):
    assert "· pays from" in html
    assert "“Pays from 100”: training costs less than it saves from 100 data sets on." in html


@pytest.mark.slow
def test_a_run_without_networks_has_none_of_it(tmp_path):
    html = render_html(read_run(write_run(tmp_path / "plain", scenarios=SCENARIOS[:1], with_examples=False)))
    page = Page(html)
    ids = {element.attributes.get("id") for element in page.root.all()}
    assert not ids & {*(anchor for anchor, _ in SECTIONS), "def-rank", "break-even-table"}
    assert "Pays from" not in html


@pytest.mark.slow
def test_every_term_of_the_tables_is_defined(page):
    ids = {element.attributes.get("id") for element in page.root.all()}
    links = {element.attributes.get("href") or "" for element in page.root.all("a")}
    assert {link[1:] for link in links if link.startswith("#")} <= ids


@pytest.mark.slow
def test_the_calibration_table_tells_the_narrow_network(page):
    rows = page.table("calibration-table")
    by_method = {method: [row["inside"] for row in rows if row["method"] == method] for method in NETWORKS}
    assert by_method[NETWORKS[0]].count("true") >= len(by_method[NETWORKS[0]]) - 2
    assert by_method[NETWORKS[1]].count("false") >= len(by_method[NETWORKS[1]]) - 3
    assert all(float(row["spread"]) > 0.05 for row in rows if row["method"] == NETWORKS[1])


def test_a_figure_for_every_quantity_holds_both_networks(folder):
    run = read_run(folder)
    checks = check_figures.of_scenario(run.networks.checks, "hmm-ordered")
    rows = marks(run.methods)
    ranks = check_figures.rank_figures(checks, "hmm-ordered", rows)
    assert [figure.title for figure in ranks] == ["a11", "a22", "mu[1]", "mu[2]", "log likelihood"]
    for figure in ranks:
        points = figure.spec["datasets"]["d0"]
        assert all({"x", "low", "high", "m0", "m1"} <= set(point) for point in points)
        assert all(point["low"] <= 0 <= point["high"] for point in points)
    recovery = check_figures.recovery_figures(checks, "hmm-ordered", rows)
    assert len(recovery) == 4
    (drawn,) = (records for records in recovery[0].spec["datasets"].values() if len(records) > 2)
    assert len(drawn) == 2 * check_figures.MAX_POINTS


@pytest.mark.slow
def test_the_break_even_table_is_cost_over_saving(page):
    for row in page.table("break-even-table"):
        once, each, nuts = (float(row[key]) for key in ("once_s", "each_s", "nuts_each_s"))
        assert once == 609
        assert float(row["break_even"]) == pytest.approx(once / (nuts - each), rel=1e-4)
        assert float(row["low"]) <= float(row["break_even"]) <= float(row["high"])


def test_stale_checks_of_other_methods_are_left_out(folder):
    stale = folder / "checks" / "gmm-ordered" / "amortized-old.json"
    stale.write_text("{}")
    assert {method for _, method in read_run(folder).networks.checks} == set(NETWORKS)
    stale.unlink()


def test_a_damaged_file_is_named(tmp_path):
    folder = write_run_with_networks(tmp_path / "damaged", n=60)
    (folder / "checks/gmm-ordered/amortized-flow.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"amortized-flow.parquet: cannot be read"):
        read_run(folder)
    (folder / "checks/gmm-ordered/amortized-flow.json").write_text("{")
    with pytest.raises(UserError, match=r"amortized-flow.json: is not JSON"):
        read_run(folder)


def quantity(name, *, inside, p_value, deviation=0.05):
    return {"quantity": name, "inside": inside, "p_value": p_value, "deviation": deviation}


def test_sentences_on_calibration():
    fine = [quantity("a", inside=True, p_value=0.5), quantity("b", inside=True, p_value=0.06)]
    assert calibration_sentence("m", fine) == "m: all 2 quantities stay inside their simultaneous 95% bands."
    one = [*fine, quantity("c", inside=False, p_value=0.03, deviation=-0.041)]
    assert calibration_sentence("m", one) == (
        "m: 2 of 3 quantities stay inside their bands. Outside: c by up to 0.041 (p = 0.030). "
        "With 3 quantities, one this far out is not unusual."
    )
    bad = [*fine, quantity("c", inside=False, p_value=1e-5)]
    assert calibration_sentence("m", bad).endswith("Outside: c by up to 0.050 (p < 0.001).")


def test_sentences_on_accuracy_and_strange_data(folder):
    summary = json.loads((folder / "checks/gmm-ordered/amortized-flow.json").read_text())
    text = accuracy_sentence("m", summary)
    worst = max(summary["bins"], key=lambda row: row["kl"])
    assert text.startswith("m: 0.030 ± 0.0040 nats from the exact posterior on average, 0.010 for half")
    assert worst["by"] == "separation" and "sd between the closest means" in text
    assert strange_sentence("m", summary["unlike"]) == (
        "m flags 1% of data sets as simulated; heavy tails 70%, extra component 70%, outliers 70%."
    )


def test_sentences_on_breaking_even():
    row = {"method": "m", "scenario": "s", "break_even": 412.3, "low": 300.0, "high": 505.0}
    assert break_even_sentence(row) == "m on s: from 410 data sets on (95% interval 300 to 500)."
    assert break_even_sentence(row | {"break_even": float("inf")}).endswith(
        "never; nuts takes no longer for a data set."
    )


def test_an_unreachable_break_even_is_not_drawn():
    counts = pd.DataFrame(
        [("s", "m", 3, 100.0, 2.0, 1.0, float("inf"), float("inf"), float("inf"))],
        columns=[
            "scenario",
            "method",
            "n_datasets",
            "once_s",
            "each_s",
            "nuts_each_s",
            "break_even",
            "low",
            "high",
        ],
    )
    figure = check_figures.break_even_figure(counts, "s", marks(["nuts", "m"]))
    assert figure is not None
    assert figure.packed  # NaN and infinities are refused when it is made
