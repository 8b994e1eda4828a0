"""Published draws as references: certified anew, labelled, and held against Stan's own run."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.certificates import Certificate
from pipeline.methods.base import Task
from pipeline.posterior import Posterior
from pipeline.posterior_io import read_posteriors, write_data_sets
from pipeline.posteriordb import write_database
from pipeline.published import adopted, disagreement
from pipeline.reference import Reference, run_references
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import PublishedReference
from pipeline.scores.evaluate import score_data_set
from pipeline.stan.build import build
from pipeline.stan.model import BoundModel
from pipeline.stan.record import write_built
from tests.test_posteriordb import CERTIFICATE

NAMES = ["mu[2]", "tau", "extra", "mu[1]"]


def published(seed=0, shape=(10, 300), **changes):
    rng = np.random.default_rng(seed)
    draws = {name: rng.normal(10 * k, 1, shape) for k, name in enumerate(NAMES)}
    recorded = {"divergences": 0, "e_bfmi_min": 1.1, "treedepth_saturated": 0}
    return PublishedReference("somebody's draws", draws, **{**recorded, **changes})


def task():
    """A task whose program has the parameters mu[1], mu[2] and tau."""
    model = SimpleNamespace(bridge=SimpleNamespace(param_names=lambda: ["mu.1", "mu.2", "tau"]))
    model.columns = lambda names, values: BoundModel.columns(model, names, values)  # type: ignore[arg-type]
    return Task(None, None, model, seed=1, cores=1)  # type: ignore[arg-type]


def completed(fit):
    parameters = {"mu": fit.flat[..., :2], "tau": fit.flat[..., 2]}
    return Posterior(parameters, fit.flat, -0.5 * (fit.flat[..., 0] - 30) ** 2, {})


def test_good_draws_are_certified_in_the_programs_order_and_say_whose_they_are():
    given = published()
    piece = adopted(given, task(), completed)
    assert piece.status == "ok" and piece.reason == "somebody's draws" and piece.timings == ()
    assert piece.posterior is not None
    np.testing.assert_array_equal(piece.posterior.parameters["mu"][..., 0], given.draws["mu[1]"])
    np.testing.assert_array_equal(piece.posterior.parameters["tau"], given.draws["tau"])
    (row,) = piece.extra
    assert row["certified"] and row["reason"] == "somebody's draws" and row["attempt"] == 1
    assert row["r_hat_max"] < 1.01 and row["ess_bulk_min"] > 2000 and row["e_bfmi_min"] == 1.1
    json.dumps(row)


def test_what_nobody_recorded_is_named_and_not_checked():
    piece = adopted(published(divergences=None, treedepth_saturated=None), task(), completed)
    assert piece.status == "ok"
    assert piece.reason == "somebody's draws; not recorded: divergences, iterations at maximal tree depth"
    assert piece.extra[0]["divergences"] is None


def shift_a_chain(given):
    given.draws["tau"][3] += 1


@pytest.mark.parametrize(
    ("changes", "spoil", "said"),
    [
        ({"divergences": 3}, None, "3 divergences"),
        ({"e_bfmi_min": 0.1}, None, "E-BFMI 0.10"),
        ({"treedepth_saturated": 7}, None, "7 iterations"),
        ({"shape": (4, 60)}, None, "bulk ESS"),
        ({}, shift_a_chain, "R-hat"),
    ],
)
def test_each_check_can_fail(changes, spoil, said):
    given = published(**changes)
    if spoil:
        spoil(given)
    piece = adopted(given, task(), completed)
    assert piece.status == "uncertified" and said in piece.reason and "somebody's draws" in piece.reason
    assert not piece.extra[0]["certified"] and piece.extra[0]["reason"] == piece.reason


def test_unrecorded_is_not_zero():
    mixing = {"r_hat_max": 1.0, "ess_bulk_min": 900.0, "ess_tail_min": 900.0}
    assert Certificate(**mixing, divergences=None, e_bfmi_min=None, treedepth_saturated=None).certified
    assert not Certificate(**mixing, divergences=1, e_bfmi_min=None, treedepth_saturated=None).certified
    assert not Certificate(**mixing, divergences=0, e_bfmi_min=0.0, treedepth_saturated=0).certified


def run(seed, shape=(4, 1000), shift=0.0, scale=1.0, log_p=0.0):
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(*shape, 3))
    parameters = {
        "a": draws[..., 0] + shift,
        "b": draws[..., 1:] * [1, scale],
        "fixed": np.ones(shape),
    }
    return Posterior(parameters, draws, log_p - 0.5 * (draws**2).sum(-1), {})


def test_exact_runs_agree_whatever_their_lengths():
    assert [disagreement(run(i, (10, 500)), run(1000 + i), "of somebody") for i in range(40)] == [""] * 40


def test_errors_that_draws_do_not_show_are_allowed_for():
    one, other = run(1, (10, 1000)), run(2, (4, 2500), shift=0.1)
    assert "of somebody" in disagreement(one, other, "of somebody")
    assert not disagreement(one, other, "of somebody", inflation=4.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shift": 0.2}, "the mean of a differs by "),
        ({"scale": 1.2}, "the variance of b[2] differs by "),
        ({"log_p": 0.3}, "the mean of the log density differs by "),
    ],
)
def test_runs_of_other_posteriors_do_not(change, said):
    found = disagreement(run(1, (10, 1000)), run(2, (4, 2500), **change), "of somebody")
    assert found.startswith(said) and found.endswith("from that of somebody")


def test_without_memberships_everything_else_is_scored():
    posteriors = [run(seed) for seed in (1, 2, 3)]
    for posterior in posteriors:
        del posterior.parameters["fixed"]
    found = score_data_set(posteriors[2], (posteriors[0], posteriors[1]), None, seed=1)
    assert {"mean_error_sd", "sliced_wasserstein", "c2st"} <= {row.metric for row in found}
    assert not any(row.metric.startswith("membership") for row in found)


def test_our_own_databases_name_no_reference_of_others(tmp_path):
    """A published reference is not written again as if this suite had sampled it."""
    from tests.scenarios.databases import NAME, write_tiny_database

    block = {
        "type": "posteriordb",
        "database": str(write_tiny_database(tmp_path / "theirs")),
        "posterior": NAME,
    }
    scenario = get_scenario("tiny", block)
    data = dict(enumerate(scenario.data_sets([1])))
    written = write_database(
        tmp_path / "ours", "tiny", scenario, data, {0: run(1)}, {0: CERTIFICATE}, Reference(), seed=1
    )
    assert written == [] and not (tmp_path / "ours").exists()


@pytest.mark.slow
def test_from_a_certified_run_to_a_database_and_back(tmp_path, capfd):
    """The suite's own reference, written and read back: adopted as it is, and confirmed by a run of its own.

    A second database, whose draws are shifted by half a posterior sd, is not confirmed.
    """
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(-2, 0.7, 60), rng.normal(2, 0.5, 40)])
    (tmp_path / "my.csv").write_text("x\n" + "\n".join(map(str, values)))
    mine = {"type": "custom", "file": str(tmp_path / "my.csv"), "column": "x", "n_components": 2}
    settings = {"warmup": 500, "draws": 500, "max_attempts": 2}

    def reference(name, block, number, first=None):
        scenario, folder = get_scenario(name, block), tmp_path / name
        write_data_sets(folder / "data.nc", scenario.data_sets([1]))
        write_built(folder / "model.json", build(scenario.stan_file), scenario.stan_file)
        files = folder / f"{number}.nc", folder / f"{number}.json"
        run_references(
            name, json.dumps({**block, "seed": 1}), json.dumps(settings), number, range(1),
            folder / "data.nc", folder / "model.json", folder / "pieces", *files, cores=2, first_file=first,
        )  # fmt: skip
        (row,) = json.loads(files[1].read_text())["data_sets"]
        return scenario, read_posteriors(files[0])[0], row, files[0]

    block = {**mine, "family": "mixture"}
    scenario, sampled, row, _ = reference("mine", block, 1)
    assert row["status"] == "ok", row["reason"]
    for name, by in (("theirs", 0.0), ("shifted", 0.5)):
        given = {0: shifted(sampled, by)}
        data, certificates = dict(enumerate(scenario.data_sets([1]))), {0: row["extra"][-1]}
        names = write_database(
            tmp_path / f"{name}-db",
            "mine",
            scenario,
            data,
            given,
            certificates,
            Reference(**settings),
            seed=1,
        )
        database = {"type": "posteriordb", "database": str(tmp_path / f"{name}-db"), "posterior": names[0]}
        database |= {"weights": "pi", "mean": "mu", "sd": "sd"}
        _, first, adopted_row, file = reference(name, database, 1)
        assert adopted_row["status"] == "ok" and "posteriordb's own draws" in adopted_row["reason"]
        np.testing.assert_allclose(first.parameters["mu"], given[0].parameters["mu"], rtol=1e-12)
        np.testing.assert_allclose(first.memberships["membership"].sum(axis=-1), 1)
        if not by:
            np.testing.assert_allclose(first.log_p, sampled.log_p, rtol=1e-9)
            np.testing.assert_allclose(first.memberships["membership"], sampled.memberships["membership"])
        _, second, checked, _ = reference(name, database, 2, file)
        assert (checked["status"] == "ok") == (not by), checked["reason"]
        if by:
            assert "mu[" in checked["reason"] and not checked["extra"][-1]["certified"]
        assert not np.array_equal(first.parameters["mu"], second.parameters["mu"])


def shifted(posterior, by):
    mu = posterior.parameters["mu"]
    parameters = {**posterior.parameters, "mu": mu + by * mu.std(axis=(0, 1))}
    return Posterior(parameters, posterior.unconstrained, posterior.log_p, {})
