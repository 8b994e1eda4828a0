"""The page says which references were published, and bears scenarios without memberships."""

import dataclasses

import pandas as pd
import pytest

from pipeline.report.inputs import read_run
from pipeline.report.provenance import describe
from pipeline.report.render import render_html
from tests.report.synthetic import SCENARIOS, write_run

SOURCE = "posteriordb's own draws of x (10 chains of 1,000 draws)"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The galaxies without memberships and with a published reference, beside an ordinary scenario."""
    folder = tmp_path_factory.mktemp("run")
    bare = dataclasses.replace(SCENARIOS[2], kinds=())
    write_run(folder, scenarios=(SCENARIOS[1], bare), uncertified={}, failures={})
    status = pd.read_csv(folder / "status.csv", keep_default_na=False)
    here = (status["scenario"] == "galaxies") & (status["method"] == "reference-1")
    status.loc[here, "reason"] = SOURCE
    status.to_csv(folder / "status.csv", index=False)
    certificates = pd.read_csv(folder / "certificates.csv", keep_default_na=False, dtype=str)
    here = (certificates["scenario"] == "galaxies") & (certificates["run"] == "1")
    certificates.loc[here, ["treedepth_saturated", "reason"]] = ["", SOURCE]
    certificates.to_csv(folder / "certificates.csv", index=False)
    return read_run(folder)


@pytest.mark.slow
def test_the_page_says_whose_draws_the_reference_is(run):
    html = render_html(run)
    note = "The reference is posteriordb&#39;s own draws of x (10 chains of 1,000 draws)."
    assert html.count(note) == 1
    assert html.index('id="posterior-galaxies"') < html.index(note)
    assert "not recorded" not in html.split(note)[0]


@pytest.mark.slow
def test_the_page_says_where_the_reference_is_of_importance_sampling(run):
    status, certificates = run.status.copy(), run.certificates.assign(pareto_k=0.3, ess_weights=9000.0)
    here = (status["scenario"] == "hmm-ordered") & (status["method"] == "reference-1")
    for number in (7, 3):
        of_one = here & (status["dataset"] == number)
        status.loc[of_one, "reason"] = "drawn by importance sampling (two modes), since NUTS had: R-hat 1.5"
    html = render_html(dataclasses.replace(run, status=status, certificates=certificates))
    assert "On data sets 3 and 7 NUTS did not mix, or missed some of the mass: the reference there is" in html
    assert "Effective weights" in html and "posteriordb&#39;s own draws" in html


@pytest.mark.slow
def test_a_scenario_without_memberships_has_no_part_on_classification(run):
    html = render_html(run)
    assert 'id="classification-hmm-ordered"' in html and 'id="classification-galaxies"' not in html


def test_provenance_names_them():
    groups = describe({"run": "a", "published_references": {"tiny": SOURCE}}).groups
    assert ("tiny", SOURCE) in groups[-1].facts
    assert len(describe({"run": "a", "published_references": {}}).groups) == 1
