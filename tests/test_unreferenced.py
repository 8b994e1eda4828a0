"""Data sets that were to have no reference: less is kept, and they are scored by what needs none."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.config import check_config
from pipeline.errors import UserError
from pipeline.posterior import Proposal
from pipeline.posterior_io import read_posteriors, write_data_sets, write_posteriors
from pipeline.scenarios.base import DataSet
from pipeline.scores.density import pareto_k
from pipeline.scores.referenced import has_reference
from pipeline.scores.verdict import verdicts
from pipeline.scoring import score_cell
from pipeline.unreferenced import rounded, slimmed
from tests.test_scoring import make_posterior, record

N, N_REFERENCES = 5, 2


def with_density(posterior, seed):
    rng = np.random.default_rng(seed)
    log_p = rng.normal(-500, 3, 1200)
    return replace(
        posterior, proposal=Proposal(log_p, log_p + 500 + rng.normal(0, 0.7, 1200), np.empty((0, 0)))
    )


def test_rounding_is_to_the_nearest_and_keeps_what_is_no_number():
    values = np.random.default_rng(0).normal(size=300) * 10.0 ** np.arange(-150, 150)
    assert np.abs(rounded(values, 16) / values - 1).max() <= 2.0**-17
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -3.5])
    np.testing.assert_array_equal(rounded(special, 16), special)
    np.testing.assert_array_equal(rounded(np.array([0.1]), 23), np.array([0.1], np.float32).astype(float))


def test_slimmed_fits_take_less_room_and_stand_beside_others(tmp_path):
    whole = {i: with_density(make_posterior(i), i) for i in range(4)}
    sizes = []
    for name, fits in (("whole", whole), ("slim", {i: slimmed(one) for i, one in whole.items()})):
        write_posteriors(tmp_path / name, fits)
        sizes.append((tmp_path / name).stat().st_size)
    assert sizes[1] < 0.4 * sizes[0]
    read = read_posteriors(tmp_path / "slim")[2]
    assert read.unconstrained.shape == (4, 300, 0) and read.memberships["membership"].shape == (1, 5, 2)
    np.testing.assert_allclose(read.parameters["mu"], whole[2].parameters["mu"], rtol=2**-17)
    log_ratio = read.proposal.log_p - read.proposal.log_q
    np.testing.assert_allclose(log_ratio, whole[2].proposal.log_p - whole[2].proposal.log_q, atol=1e-4)
    # A file may hold fits of both kinds, and gives the others back as they were.
    write_posteriors(tmp_path / "mixed", {0: whole[0], 1: slimmed(whole[1])})
    mixed = read_posteriors(tmp_path / "mixed")
    np.testing.assert_array_equal(mixed[0].unconstrained, whole[0].unconstrained)
    np.testing.assert_array_equal(mixed[0].memberships["membership"], whole[0].memberships["membership"])
    assert mixed[1].unconstrained.shape == (4, 300, 0)


@pytest.fixture
def scored(tmp_path):
    """Scores and statuses of five data sets, two with references, one fit failed, one with unknown truth."""
    truth = np.array([0, 1, 1, 0, 1])
    data_sets = [DataSet(np.ones((5, 1)), z=truth) for _ in range(N)]
    write_data_sets(tmp_path / "data.nc", data_sets)
    fits = {i: with_density(make_posterior(i), i) for i in range(N - 1)}
    proposal = replace(fits[0].proposal, log_q_reference=np.zeros((2, 1200)))
    kept = {
        i: replace(one, proposal=proposal) if i < N_REFERENCES else slimmed(one) for i, one in fits.items()
    }
    write_posteriors(tmp_path / "m.nc", kept)
    rows = [(i, "ok", "") for i in range(N - 1)] + [(N - 1, "failed", "diverged")]
    (tmp_path / "m.json").write_text(json.dumps(record(*rows)))
    for run in (1, 2):
        references = {i: make_posterior(10 * run + i) for i in range(N_REFERENCES)}
        write_posteriors(tmp_path / f"reference-{run}.nc", references)
        states = [(0, "ok", ""), (1, "uncertified", "R-hat 1.02")]
        (tmp_path / f"reference-{run}.json").write_text(json.dumps(record(*states)))
    score_cell(
        "s",
        "m",
        1,
        range(N),
        tmp_path / "data.nc",
        tmp_path / "m.nc",
        tmp_path / "m.json",
        [tmp_path / f"reference-{run}.nc" for run in (1, 2)],
        [tmp_path / f"reference-{run}.json" for run in (1, 2)],
        tmp_path / "m.parquet",
        tmp_path / "status.json",
    )
    scores = pd.read_parquet(tmp_path / "m.parquet")
    return scores, json.loads((tmp_path / "status.json").read_text()), fits, truth


def test_no_reference_is_neither_a_failure_nor_uncertified(scored):
    scores, status, fits, truth = scored
    assert [row["status"] for row in status] == ["ok", "uncertified", "ok", "ok", "failed"]
    assert set(scores.dataset) == {0, 2, 3}
    own = scores[scores.dataset == 3].set_index("metric")
    names = {"pareto_k", *(f"membership_{name}" for name in ("accuracy", "log_loss", "brier", "ece"))}
    assert set(own.index) == names and own.floor.isna().all()
    p = fits[3].memberships["membership"].mean(axis=0)
    assert own.value["membership_log_loss"] == pytest.approx(-np.log(p[np.arange(5), truth]).mean(), abs=1e-5)
    proposal = fits[3].proposal
    assert own.value["pareto_k"] == pytest.approx(pareto_k(proposal.log_p - proposal.log_q).value, abs=1e-3)


def status_table(scored):
    rows = [("s", row["dataset"], "m", row["status"]) for row in scored]
    rows += [("s", i, f"reference-{run}", "ok") for run in (1, 2) for i in range(N_REFERENCES)]
    return pd.DataFrame(rows, columns=["scenario", "dataset", "method", "status"])


def test_verdicts_rest_on_data_sets_with_a_reference_and_count_all_failures(scored):
    scores, rows, *_ = scored
    status = status_table(rows)
    assert list(has_reference(status, status)[:N]) == [True, True, False, False, False]
    found = verdicts(scores, status).set_index("method").loc["m"]
    assert (found.n_scored, found.n_failed, found.n_unreferenced) == (1, 1, 2)
    only = scores[scores.dataset == 0]
    assert found.verdict == verdicts(only, status).set_index("method").loc["m"].verdict
    assert "1 of 5 fits failed" in found.reasons
    # Without any certified reference there is nothing to judge by, however many fits there are.
    none = scores[scores.dataset > 0]
    uncertified = status.assign(status=status.status.where(status.dataset > 0, "uncertified"))
    spared = uncertified[uncertified.status != "failed"]
    assert verdicts(none, spared).set_index("method").loc["m"].verdict == "unscored"


@pytest.fixture
def raw():
    scenarios = {"gmm-ordered": {"n_datasets": 10, "n_references": 3}}
    methods = {"laplace": {}, "amortized-flow": {"train_steps": 1}}
    return {"run": "a", "seed": 1, "shard_size": 4, "scenarios": scenarios, "methods": methods}


def test_only_trained_methods_fit_what_has_no_reference(raw):
    config = check_config(raw)
    assert config.shards("gmm-ordered", "amortized-flow") == [range(0, 4), range(4, 8), range(8, 10)]
    assert (
        config.shards("gmm-ordered", "laplace")
        == config.shards("gmm-ordered", "reference-1")
        == [range(0, 3)]
    )


def test_more_references_than_data_sets_are_refused(raw):
    raw["scenarios"]["gmm-ordered"]["n_references"] = 11
    with pytest.raises(UserError, match=r"scenarios\.gmm-ordered\.n_references: found 11, but there are 10"):
        check_config(raw)
