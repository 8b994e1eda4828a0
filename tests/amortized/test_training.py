"""Training: determinism, resumption, checkpoints that do not fit, and that it learns."""

import dataclasses

import jax
import numpy as np
import pytest

from pipeline.amortized.budget import Budget
from pipeline.amortized.checkpoints import FORMAT
from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture
from pipeline.amortized.simulators import get_simulator
from pipeline.amortized.training import Recipe, load, train
from pipeline.errors import UserError
from pipeline.scenarios import get_scenario

from .networks import SMALL

pytestmark = pytest.mark.slow

ARCHITECTURE = Architecture(**(SMALL | {"newton_steps": None}))
# Over smaller batches LLVM unrolls the loops, and compiling takes four times as long.
RECIPE = Recipe(batch=64, n_members=16, block=5)
BUDGET = Budget(steps=12)


def run(path, stop=None, seed=1, recipe=RECIPE, budget=BUDGET, messages=None, simulator=None):
    simulator = simulator or get_simulator(get_scenario("gmm-ordered"))
    say = messages.append if messages is not None else lambda text: None
    return train(
        simulator, ARCHITECTURE, budget, path, seed=seed, recipe=recipe, say=say, stop_after_steps=stop
    )


def leaves(network):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(network) if hasattr(leaf, "dtype")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("training") / "a.ckpt"
    messages = []
    return run(path, messages=messages), path, messages


def test_same_seed_gives_the_same_weights_bit_by_bit_also_when_resumed(trained, tmp_path):
    whole = leaves(trained[0].network)
    part = run(tmp_path / "b.ckpt", stop=5)
    assert part.record["curve"][-1][0] == 5 and not part.record["done"]
    resumed = run(tmp_path / "b.ckpt")
    assert resumed.record["curve"][-1][0] == 12 and resumed.record["done"]
    for one, other in zip(whole, leaves(resumed.network), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any((a != b).any() for a, b in zip(whole, leaves(part.network), strict=True))


def test_a_loaded_network_is_the_trained_one(trained):
    found, path, _ = trained
    loaded = load(get_simulator(get_scenario("gmm-ordered")), ARCHITECTURE, path)
    assert loaded.record == found.record
    data = get_scenario("gmm-ordered").data_sets([3])
    one, other = Amortized(found.network), Amortized(loaded.network)
    np.testing.assert_array_equal(
        one.draw(one.encode(data), 10, [1]).theta, other.draw(other.encode(data), 10, [1]).theta
    )


def test_a_finished_training_is_not_repeated(trained):
    found, path, _ = trained
    again = run(path)
    assert again.record["curve"] == found.record["curve"]


def test_progress_and_loss_curve(trained):
    found, _, messages = trained
    assert [row[0] for row in found.record["curve"]] == [5, 10, 12]
    assert np.isfinite([row[2:] for row in found.record["curve"]]).all()
    assert "gmm-ordered: step 12, 100% of the training, about 0 s left" in messages[-1]


def test_foreign_checkpoints_are_refused_with_the_reason(trained, tmp_path):
    path = trained[1]
    before = path.read_bytes()
    simulator = get_simulator(get_scenario("gmm-ordered"))
    other_prior = get_simulator(dataclasses.replace(simulator.scenario, mu_sd=2.0))
    wider = dataclasses.replace(ARCHITECTURE, width=17)
    with pytest.raises(UserError, match="another scenario or other settings"):
        load(other_prior, ARCHITECTURE, path)
    with pytest.raises(UserError, match="another scenario or other settings"):
        load(get_simulator(get_scenario("hmm-ordered")), ARCHITECTURE, path)
    with pytest.raises(UserError, match="architecture width = 16, wanted 17"):
        load(simulator, wider, path)
    with pytest.raises(UserError, match="seed 1, wanted 2"):
        run(path, seed=2)
    with pytest.raises(UserError, match="budget"):
        run(path, budget=Budget(steps=13))
    with pytest.raises(UserError, match="cannot read"):
        load(simulator, ARCHITECTURE, tmp_path / "none.ckpt")
    old = tmp_path / "old.ckpt"
    old.write_bytes(before.replace(f'"format": "{FORMAT}"'.encode(), b'"format": "0"', 1))
    with pytest.raises(UserError, match=f"versions format = '0', wanted '{FORMAT}'"):
        load(simulator, ARCHITECTURE, old)
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes(before[: len(before) // 2])
    with pytest.raises(UserError, match="damaged"):
        load(simulator, ARCHITECTURE, damaged)
    text = tmp_path / "text.ckpt"
    text.write_text("hello\n")
    with pytest.raises(UserError, match="no checkpoint"):
        load(simulator, ARCHITECTURE, text)
    assert path.read_bytes() == before


@pytest.mark.parametrize("arguments", [{}, {"wall_s": 1.0, "steps": 1}, {"wall_s": -1.0}, {"steps": 0}])
def test_budgets_are_checked(arguments):
    with pytest.raises(UserError, match="budget"):
        Budget(**arguments)


def test_a_wall_time_budget_is_kept(tmp_path):
    found = run(tmp_path / "a.ckpt", budget=Budget(wall_s=2.0))
    assert found.record["done"] and found.record["wall_s"] >= 2.0
