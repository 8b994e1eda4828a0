"""The peer: its density is BayesFlow's own, it reloads, refuses what is foreign, and keeps its budget."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pipeline.contracts.methods import check_method
from pipeline.errors import UnusableCheckpoint, UserError
from pipeline.methods import get_method
from pipeline.scenarios import get_scenario
from pipeline.stan.build import build

STAN = Path(__file__).parents[2] / "stan"
SETTINGS = {"n_obs": [20, 30], "n_rep": [2, 3]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_steps": 5, "train_s": 5.0}, "exclude each other"),
        ({"train_steps": 0}, "train_steps must be a positive number, not 0"),
        ({"batch": 0}, "batch must be a positive number, not 0"),
    ],
)
def test_meaningless_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        get_method("bayesflow", settings)


def test_a_missing_package_is_said_before_any_work(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"not installed.*\[bayesflow\]"):
        get_method("bayesflow", {})


def test_a_budget_in_seconds_leaves_room_for_compiling():
    from pipeline.amortized.peer import steps_within

    trial = [110.0, 110.5, 111.0, 111.5, 119.0]  # ten seconds of compiling, half a second a step, one hiccup
    assert steps_within(60.0, 100.0, trial) == 100
    assert steps_within(5.0, 100.0, trial) == 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from pipeline.amortized import peer
    from pipeline.amortized.simulators import get_simulator

    scenario = get_scenario("gmm-ordered", SETTINGS)
    simulator = get_simulator(scenario)
    network, record = peer.train(simulator, seed=1, batch=8, steps=60, wall_s=None, say=lambda text: None)
    file = tmp_path_factory.mktemp("peer") / "gmm.checkpoint"
    peer.save(network, file, record)
    return scenario, simulator, network, record, file


@pytest.mark.slow
def test_the_peer(trained, tmp_path):
    from pipeline.amortized import peer
    from pipeline.amortized.simulators import get_simulator

    scenario, simulator, network, record, file = trained
    assert record["steps"] == 60
    steps, times_s, losses = np.array(record["curve"]).T
    assert steps[-1] == record["steps"] and (np.diff(times_s) > 0).all()

    (observed,) = (network.encode(scenario.data_sets([seed])) for seed in [3])
    draws = network.sample(observed, 50, seed=4)
    np.testing.assert_array_equal(draws, network.sample(observed, 50, seed=4))
    conditions = {name: np.repeat(x, 50, axis=0) for name, x in peer.conditions(simulator, observed).items()}
    its_own = network.approximator.log_prob({"theta": draws.astype(np.float32), **conditions})
    np.testing.assert_allclose(network.log_density(observed, draws), its_own, rtol=1e-4, atol=1e-4)
    # The curve is in nats of the same space: it ends near the loss of fresh simulations.
    seeds = list(range(100, 160))
    fresh = scenario.data_sets(seeds)
    theta = np.stack([np.asarray(simulator.unconstrain(data.theta)) for data in fresh])
    each = peer.conditions(simulator, network.encode(fresh))
    loss = -network.approximator.log_prob({"theta": theta.astype(np.float32), **each})
    assert abs(losses[-1] - loss.mean()) < 5 * loss.std() / np.sqrt(len(seeds)) + 1.0

    again = peer.load(simulator, file)
    np.testing.assert_array_equal(again.sample(observed, 50, seed=4), draws)
    foreign = get_simulator(dataclasses.replace(scenario, n_obs=(20, 31)))
    with pytest.raises(UnusableCheckpoint, match="another scenario or other settings"):
        peer.load(foreign, file)
    cut = tmp_path / "cut.checkpoint"
    cut.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(UnusableCheckpoint, match="damaged"):
        peer.load(simulator, cut)

    # The contract of docs/adding-a-method.md.
    ready, phases = get_method("bayesflow", {}).load(scenario, file)
    assert [phase.phase for phase in phases] == ["build"]
    check_method(ready, scenario, scenario.data_sets([5])[0], build(STAN / scenario.stan_program))
