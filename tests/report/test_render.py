"""The whole page: valid, complete, self-contained and safe, whatever lies in the run's folder."""

import base64
import gzip
import hashlib
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import altair as alt
import pandas as pd
import pytest
from docutils.core import publish_parts

from pipeline.errors import UserError
from pipeline.report import drawing
from pipeline.report.__main__ import main
from pipeline.report.inputs import read_run
from pipeline.report.render import SECTIONS, render_html, render_report
from tests.report.pages import Page
from tests.report.synthetic import METHODS, SCENARIOS, Made, write_run


@pytest.fixture(scope="module")
def html(run_folder: Path) -> str:
    return (run_folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_it_is_one_file_below_five_megabytes(html: str):
    assert len(html.encode()) < 5e6
    assert html.startswith("<!DOCTYPE html>")


def test_ids_are_unique_and_every_reference_to_one_exists(page: Page):
    ids = [e.attributes["id"] for e in page.root.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in page.root.all():
        for name in ("aria-labelledby", "aria-describedby", "for", "href"):
            value = element.attributes.get(name) or ""
            if name == "href":
                assert not value or value.startswith("#"), value
            assert all(target.lstrip("#") in ids for target in value.split()), (element.tag, value)


def test_nothing_is_loaded_and_only_its_own_scripts_run(page: Page):
    loading = {"src", "srcset", "data", "poster", "action", "background"}
    assert not [e.tag for e in page.root.all() if loading & e.attributes.keys()]
    assert not page.root.all("link")
    assert not [e for e in page.root.all() if any(name.startswith("on") for name in e.attributes)]
    style = page.root.all("style")[0].text()
    assert "url(" not in style
    assert "@import" not in style
    policy = next(
        e.attributes["content"] or ""
        for e in page.root.all("meta")
        if e.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    scripts = [e.text() for e in page.root.all("script") if "type" not in e.attributes]
    assert len(scripts) == 2
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy


def test_every_section_stands_under_its_heading(page: Page):
    for anchor, _ in SECTIONS:
        target = page.by_id(anchor)
        assert target.tag == "h2" or target.all("h2")
    levels = [int(e.tag[1]) for e in page.root.all() if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 or before == 2 for before, after in pairwise(levels))


def test_tables_have_headers_with_scope_and_full_rows(page: Page):
    tables = page.root.all("table")
    assert len(tables) > 8
    for table in tables:
        columns = table.all("thead")[0].all("th")
        assert all(header.attributes["scope"] == "col" for header in columns)
        for row in table.all("tbody")[0].all("tr"):
            assert len(row.all("td")) + len(row.all("th")) == len(columns)


def test_the_first_screen_names_every_method_and_scenario(page: Page):
    table = next(t for t in page.root.all("table") if t.attributes.get("class") == "overview")
    assert [e.text() for e in table.all("th") if e.attributes["scope"] == "row"] == list(METHODS)
    header = [e.children[0] for e in table.all("thead")[0].all("th")]
    assert header == ["Method", *(made.name for made in SCENARIOS)]
    words = next(e for e in page.root.all("dl") if e.attributes.get("class") == "words")
    assert [e.text() for e in words.all("dt")] == list(METHODS)
    cells = [e for e in table.all("td") if e.attributes.get("class") == "cell"]
    assert len(cells) == len(METHODS) * len(SCENARIOS)
    for cell in cells:
        assert cell.all("svg")  # a symbol beside the word
        assert "floor" in cell.text() or "failed" in cell.text()


def test_every_metric_is_defined_and_linked(page: Page, run_folder: Path):
    metrics = set(pd.read_parquet(run_folder / "scores.parquet")["metric"])
    links = {e.attributes["href"] for e in page.root.all("a")}
    for name in metrics:
        entry = page.by_id(f"def-{name}").text()
        assert all(word in entry for word in ("Formula", "Better", "Floor", "Source"))
        assert f"#def-{name}" in links


def test_the_table_of_failures_has_a_row_for_every_fit_without_scores(page: Page, run_folder: Path):
    status = pd.read_csv(run_folder / "status.csv", dtype=str, keep_default_na=False)
    bad = status[status["status"] != "ok"]
    assert len(bad) > 3
    shown = {tuple(row.values()) for row in page.table("failures")}
    assert shown == set(
        bad[["scenario", "dataset", "method", "status", "reason"]].itertuples(index=False, name=None)
    )


def test_the_provenance_is_shown(page: Page, run_folder: Path):
    record = json.loads((run_folder / "provenance.json").read_text())
    text = page.root.text()
    for value in (
        record["command"],
        f"snakemake --cores all results/{record['run']}/draws/SCENARIO/METHOD.nc --configfile",
        record["git_commit"],
        record["machine"]["cpu"],
        record["toolchain"]["flags"],
    ):
        assert value in text


def test_charts_are_strict_json_with_a_spec_each(page: Page):
    figures = page.root.all("figure")
    assert len(figures) > 50
    for figure in figures:

        def refuse(constant: str):
            raise AssertionError(f"{constant} is not JSON")

        text = gzip.decompress(base64.b64decode(figure.all("script")[0].text()))
        spec = json.loads(text, parse_constant=refuse)
        assert spec["width"] == "container"
        assert spec["layer"]


@pytest.mark.slow
def test_every_chart_follows_vega_lites_schema(run_folder: Path, monkeypatch: pytest.MonkeyPatch):
    checked, validate = [], alt.LayerChart.validate
    counted = classmethod(lambda _, *given: (checked.append(given), validate(*given))[1])
    monkeypatch.setattr(alt.LayerChart, "validate", counted)
    monkeypatch.setattr(drawing, "VALIDATE", True)
    assert render_html(read_run(run_folder)) == (run_folder / "report.html").read_text(encoding="utf-8")
    assert len(checked) > 50


@pytest.mark.slow
def test_rendering_twice_gives_the_same_bytes(tmp_path: Path):
    folder = write_run(tmp_path / "r", scenarios=[Made("gmm-ordered", ("mu",), ("membership",), 3, 2)])
    assert render_html(read_run(folder)) == render_html(read_run(folder))


HOSTILE = '</script><img src=x onerror="alert(1)"><b>&amp;'


def test_hostile_names_and_reasons_are_text(tmp_path: Path):
    made = Made("gmm-<i>", ("mu[1]",), ("membership",), 2, 2)
    folder = write_run(
        tmp_path / "r", scenarios=[made], methods=["nuts", HOSTILE], failures={}, uncertified={}
    )
    status = pd.read_csv(folder / "status.csv", dtype=str, keep_default_na=False)
    status.loc[0, ["status", "reason"]] = ["failed", HOSTILE]
    status.to_csv(folder / "status.csv", index=False)
    record = json.loads((folder / "provenance.json").read_text())
    record["config"] = {HOSTILE: [HOSTILE, {"x": HOSTILE}]}
    record[HOSTILE] = HOSTILE
    (folder / "provenance.json").write_text(json.dumps(record))
    page = Page(render_html(read_run(folder)))
    assert not page.root.all("img")
    assert not page.root.all("b")
    assert not page.root.all("i")
    assert HOSTILE in page.root.text()


EMPTY = {
    "nothing at all": {"scenarios": []},
    "one method": {"methods": ["nuts"]},
    "no yardstick": {"methods": ["laplace", "pathfinder"]},
    "a method that always fails": {"failures": {(made.name, "laplace"): 1.0 for made in SCENARIOS}},
    "no certified reference": {"uncertified": {made.name: 1.0 for made in SCENARIOS}},
    "one data set, no truth": {"scenarios": [Made("real", ("mu",), ("membership",), 1, 2, has_truth=False)]},
    "everything fails": {"failures": {(made.name, method): 1.0 for made in SCENARIOS for method in METHODS}},
}
SAYS = {
    "nothing at all": ["Nothing was scored", "This run has no method", "No reference was run"],
    "one method": ["compares no approximation with NUTS", "No speedup can be given"],
    "no yardstick": ["NUTS is not among this run’s methods", "No speedup can be given"],
    "a method that always fails": ["Failing on some scenario: laplace"],
    "no certified reference": [
        "nothing could be scored",
        "No data set of this scenario has a certified reference",
    ],
    "one data set, no truth": ["The true components are not known here", "rest on fewer than 5 data sets"],
    "everything fails": ["Nothing was scored", "No method has a score on this scenario"],
}


@pytest.mark.slow
@pytest.mark.parametrize("case", EMPTY)
def test_partial_runs_render_and_say_what_is_missing(case: str, tmp_path: Path):
    settings = {"scenarios": [Made("gmm-ordered", ("mu[1]",), ("membership",), 1, 2)], **EMPTY[case]}
    folder = write_run(tmp_path / "run", with_examples="truth" in case, **settings)
    text = Page(render_report(folder).read_text(encoding="utf-8")).root.text()
    for sentence in SAYS[case]:
        assert sentence in text


def test_a_method_without_certified_references_was_run_all_the_same(tmp_path: Path):
    settings = {"scenarios": SCENARIOS[:1], **EMPTY["no certified reference"]}
    folder = write_run(tmp_path / "run", with_examples=False, **settings)
    page = Page(render_report(folder).read_text(encoding="utf-8"))
    cells = [e.text() for e in page.root.all("td") if e.attributes.get("class") == "cell"]
    assert any("not scored" in cell for cell in cells)
    assert not any("not run" in cell for cell in cells)


@pytest.mark.slow
def test_ten_thousand_fits_stay_below_five_megabytes(tmp_path: Path):
    many = [Made("gmm-ordered", ("mu[1]", "mu[2]"), ("membership",), 2000, 2)]
    html = render_html(read_run(write_run(tmp_path / "big", scenarios=many)))
    assert len(html.encode()) < 5e6
    assert "150 data sets a method are drawn, evenly spaced by value" in html
    assert "all stand in scores.csv" in html


@pytest.mark.slow
def test_an_examples_file_of_an_unscored_scenario_is_no_obstacle(tmp_path: Path, run_folder: Path):
    folder = write_run(tmp_path / "part", scenarios=[Made("hmm-ordered", ("mu[1]",), ("smoothing",), 1, 2)])
    shutil.copy(run_folder / "examples.nc", folder / "examples.nc")
    html = render_html(read_run(folder))
    assert "figure-density-hmm-ordered" in html
    assert "figure-density-galaxies" not in html


def test_the_command_line_renders_again_and_names_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.argv", ["report", str(tmp_path)])
    assert main() == 2
    assert "scores.parquet: no such file" in capsys.readouterr().err
    folder = write_run(tmp_path / "nothing", scenarios=[])
    monkeypatch.setattr("sys.argv", ["report", str(folder)])
    assert main() == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")


def test_a_failing_render_leaves_the_old_report(tmp_path: Path):
    folder = write_run(tmp_path / "r", scenarios=[])
    before = render_report(folder).read_bytes()
    (folder / "timings.csv").write_text("scenario\n")
    with pytest.raises(UserError, match="lacks column"):
        render_report(folder)
    assert (folder / "report.html").read_bytes() == before


def test_captions_are_sound_restructured_text():
    folder = Path(__file__).parents[2] / "pipeline" / "report" / "captions"
    names = {file.stem for file in folder.glob("*.rst")}
    assert names == {"workflow", "report", "scores", "timings", "status"}
    for file in folder.glob("*.rst"):
        # Level 2 turns every warning into an exception.
        publish_parts(
            file.read_text(), writer="html5", settings_overrides={"halt_level": 2, "report_level": 5}
        )


@pytest.mark.slow
def test_a_bias_of_one_data_set_is_said_to_be_its_own(tmp_path: Path):
    folder = write_run(
        tmp_path / "run", scenarios=SCENARIOS[:1], failures={}, uncertified={}, with_examples=False
    )
    scores = pd.read_parquet(folder / "scores.parquet")
    here = (scores["scenario"] == "gmm-ordered") & (scores["method"] == "nuts") & (scores["dataset"] == 7)
    scores.loc[here & (scores["metric"] == "mean_error_sd"), "value"] = 4.0
    scores.to_parquet(folder / "scores.parquet")
    html = render_html(read_run(folder))
    assert "through 1 of 20 data sets" in html
    assert "On gmm-ordered 1 of 20 data sets makes it so (7); over the others" in html
    assert 'href="#def-few-data-sets"' in html and "data set 7 " in html
    assert "R-hat of its own chains" not in html
    # Chains that disagree on this data set would have warned a user of Stan.
    warned = scores[here].iloc[:1].assign(metric="rhat_invariant", parameter="", value=1.5)
    pd.concat([scores, warned]).to_parquet(folder / "scores.parquet")
    assert "R-hat of its own chains, above 1.01 on it, warns of that." in render_html(read_run(folder))
