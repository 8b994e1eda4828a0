"""The worked example of docs/adding-a-scenario.md is a scenario like any other."""

import json
import re
import subprocess
import sys
from pathlib import Path

import bridgestan
import httpstan
import numpy as np
import pytest
import yaml
from scipy import stats

import pipeline.scenarios
from pipeline.contracts import scenarios as contract
from pipeline.scenarios import _classes_in, get_scenario

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-a-scenario.md"
BLOCKS = dict(re.findall(r"```(python|stan|yaml)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
SETTINGS = {
    name: {key: value for key, value in block.items() if key != "n_datasets"}
    for name, block in yaml.safe_load(BLOCKS["yaml"])["scenarios"].items()
}


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Put the example's two files where they are found, and take them away again."""
    (tmp_path / "outliers.py").write_text(BLOCKS["python"])
    (tmp_path / "outliers.stan").write_text(BLOCKS["stan"])
    monkeypatch.setattr(pipeline.scenarios, "__path__", [*pipeline.scenarios.__path__, str(tmp_path)])
    _classes_in.cache_clear()
    yield tmp_path
    _classes_in.cache_clear()
    sys.modules.pop("pipeline.scenarios.outliers")


@pytest.mark.parametrize("check", contract.CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SETTINGS)
def test_contract(example, name, check):
    check(get_scenario(name, SETTINGS[name]))


def test_stan_program_is_valid_and_takes_the_data(example):
    stanc = Path(httpstan.__file__).parent / "stanc"
    info = json.loads(
        subprocess.run([stanc, "--info", example / "outliers.stan"], capture_output=True, check=True).stdout
    )
    scenario = get_scenario("outliers", {})
    assert list(info["parameters"]) == list(scenario.parameter_shapes)
    assert set(info["inputs"]) == set(scenario.stan_data(scenario.data_sets([1])[0]))


@pytest.mark.slow
def test_stan_program_is_the_simulated_model(example):
    from pipeline.stan.build import build

    scenario = get_scenario("outliers", {})
    data = scenario.data_sets([1])[0]
    library = str(build(example / "outliers.stan").library)
    model = bridgestan.StanModel(library, data=json.dumps(scenario.stan_data(data)))

    def log_density(share, sd):
        parts = [(1 - share) * stats.norm.pdf(data.y, 0, 1), share * stats.norm.pdf(data.y, 0, sd)]
        prior = stats.beta.logpdf(share, 2, 8) + stats.norm.logpdf(sd, 1, 5)
        return np.log(sum(parts)).sum() + prior

    points = [(0.1, 2.0), (0.3, 4.0), (0.5, 1.5), (0.9, 20.0)]
    found = [
        model.log_density(model.param_unconstrain(np.array(point)), propto=False, jacobian=False)
        for point in points
    ]
    differences = np.array(found) - [log_density(*point) for point in points]
    np.testing.assert_allclose(differences, differences[0], atol=1e-9)
