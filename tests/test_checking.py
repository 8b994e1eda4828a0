"""The check stage on an untrained network: files, and the same numbers again."""

import json
from dataclasses import asdict

import pandas as pd
import pytest

from pipeline.amortized.checkpoints import identity_of, write_checkpoint
from pipeline.amortized.network import Architecture, initial_network
from pipeline.amortized.optimiser import muon
from pipeline.amortized.simulators import get_simulator
from pipeline.amortized.training import Recipe, _start
from pipeline.checking import run_checks
from pipeline.errors import UserError
from pipeline.scenarios import get_scenario
from tests.amortized.networks import SMALL

pytestmark = pytest.mark.slow
SETTINGS = {"mu_mean": [-1.0, 1.0], "pi_concentration": [2.0, 2.0], "n_obs": [20, 30]}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    file = tmp_path_factory.mktemp("networks") / "small.checkpoint"
    simulator = get_simulator(get_scenario("gmm-ordered", SETTINGS))
    architecture = Architecture(**SMALL)
    start = _start(initial_network(simulator, architecture, 1), muon(Recipe.max_norm, Recipe.step_rms))
    write_checkpoint(file, identity_of(simulator.scenario, asdict(architecture)), {"done": True}, start)
    return file


def check(checkpoint, folder, settings=SETTINGS):
    run_checks(
        scenario_name="gmm-ordered",
        scenario_settings=json.dumps({**settings, "seed": 5}),
        method_name="amortized-flow",
        checks_settings='{"n_datasets": 40, "draws": 99}',
        checkpoint=checkpoint,
        model_file=None,
        summary_file=folder / "one.json",
        table_file=folder / "one.parquet",
    )
    return json.loads((folder / "one.json").read_text()), pd.read_parquet(folder / "one.parquet")


def test_a_network_of_any_architecture_is_checked_and_again_the_same(checkpoint, tmp_path):
    summary, table = check(checkpoint, tmp_path)
    assert [row["quantity"] for row in summary["recovery"]] == ["pi[1]", "pi[2]", "mu[1]", "mu[2]"]
    assert len(table) == summary["n_datasets"] == 40
    again, same = check(checkpoint, tmp_path)
    assert same.equals(table)
    assert again["calibration"] == summary["calibration"]


def test_a_network_of_another_prior_is_refused(checkpoint, tmp_path):
    with pytest.raises(UserError, match="trained for another scenario or other settings"):
        check(checkpoint, tmp_path, SETTINGS | {"mu_sd": 2.0})
