"""The belief-network target end to end, apart from the benchmark: about a minute, most of it compiling."""

import pandas as pd
import pytest

from tests.workflow.test_workflow import make_project, snakemake

pytestmark = pytest.mark.slow


def test_the_target_makes_its_three_files_and_no_more(tmp_path):
    project = make_project(tmp_path)
    arguments = ("--cores", "2", "belief_networks", "--config", "belief_networks=20")
    said = snakemake(project, *arguments)
    folder = project / "results/belief_networks"
    assert "20 of 20 networks, about 0 s left" in said
    assert {file.name for file in folder.iterdir()} == {
        "errors.parquet",
        "summary.csv",
        "report.html",
        "logs",
    }
    assert not (project / "results/tiny").exists()
    summary = pd.read_csv(folder / "summary.csv")
    assert (summary["networks"] == 20).all() and (summary["bound_unconverged"] <= 1).all()
    assert (summary["elbo"] <= summary["elbo_at_bound"] + 1e-4).all()
    assert "Nothing to be done" in snakemake(project, *arguments)
