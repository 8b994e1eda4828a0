"""The workflow with a method, a scenario and a Stan program from a folder outside the repository."""

import json

import pandas as pd
import pytest

from tests.test_plugins import example
from tests.workflow.test_workflow import make_project, snakemake

CONFIG = """\
run: tiny
seed: 3
plugins: ["Größe und Maß/mine.py"]
scenarios:
  outliers: {n_datasets: 1, n_obs: [60, 80]}
  program:
    stan: Größe und Maß/outliers.stan
    simulator: Größe und Maß/simulator.py
    n_components: 2
    n_datasets: 1
methods:
  nuts: {warmup: 500, draws: 500}
  mode-jitter: {scale: 0.2}
  amortized-flow: {train_steps: 100, scenarios: [program]}
  amortized-flow-psis: {}
reference: {warmup: 500, draws: 500}
checks: {n_datasets: 20, draws: 99}
"""


@pytest.mark.slow
def test_plugins_are_scored_and_reported_as_the_suites_own(tmp_path):
    project = make_project(tmp_path)
    folder = project / "Größe und Maß"
    folder.mkdir()
    method, scenario = example("adding-a-method.md", "python"), example("adding-a-scenario.md", "python")
    (folder / "mine.py").write_text(f"{scenario}\n\n{method}")
    (folder / "outliers.stan").write_text(example("adding-a-scenario.md", "stan"))
    (folder / "simulator.py").write_text(example("your-own-program.md", "python"))
    (project / "tiny.yaml").write_text(CONFIG)
    snakemake(project, "--cores", "2")
    scores = pd.read_csv(project / "results/tiny/scores.csv")
    everywhere, amortized = {"nuts", "mode-jitter"}, {"amortized-flow", "amortized-flow-psis"}
    assert set(scores[scores.scenario == "outliers"].method) == everywhere
    of_program = scores[scores.scenario == "program"]
    assert set(of_program.method) == everywhere | amortized
    assert "membership_accuracy" in set(of_program[of_program.method == "amortized-flow"].metric)
    page = (project / "results/tiny/report.html").read_text()
    assert "mode-jitter" in page
    # The network that learned from the user's simulator is checked as those in JAX are.
    checked = json.loads((project / "results/tiny/checks/program/amortized-flow.json").read_text())
    assert [row["quantity"] for row in checked["calibration"]] == ["share", "outlier_sd", "log joint"]
    assert 'id="calibration-program"' in page and "Data unlike the training" in page
    assert {row["data"] for row in checked["unlike"]} == {"as simulated", "outliers"}
    assert {row["by"] for row in checked["unlike"]} == {"context", "features", "any"}
    # A changed plug-in is fitted again, and nothing else.
    (folder / "mine.py").write_text(
        (folder / "mine.py").read_text().replace("draws: int = 1000", "draws: int = 500")
    )
    said = snakemake(project, "--cores", "2", "--dry-run")
    assert "rule fit:" in said and "rule build_model:" not in said
