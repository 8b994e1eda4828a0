"""Statuses of the score stage: what is not certified is not scored, and says why."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.collecting import collect
from pipeline.labels.runs import USED, Labels
from pipeline.posterior import Posterior
from pipeline.posterior_io import write_data_sets, write_posteriors
from pipeline.scenarios.base import DataSet
from pipeline.scoring import score_cell

# Chain 2 spends every other draw under exchanged labels, the others none.
_EXCHANGED = (np.arange(300) % 2 == 1) & (np.arange(4) == 1)[:, None]
LABELS = Labels(
    axes={"mu": (0,)},
    permutations={
        USED: np.where((np.indices((4, 300)).prod(0) * [[0], [1], [0], [0]] % 2)[..., None], [1, 0], [0, 1])
    },
    wall_s={USED: 0.1},
    together=np.full((4, 300), 0.5),
    observed=np.arange(5),
    coclustering=np.full((20, 5, 5), 0.5),
)


def make_posterior(seed, mean=0.0):
    rng = np.random.default_rng(seed)
    draws = rng.normal(mean, 1, size=(4, 300, 2))
    p = np.broadcast_to([0.3, 0.7], (20, 5, 2)) + rng.normal(0, 0.01, (20, 5, 1)) * [1, -1]
    return Posterior({"mu": draws}, draws, -0.5 * (draws**2).sum(-1), {"membership": p})


def record(*rows):
    keys = ("dataset", "status", "reason", "timings", "extra")
    timing = {"phase": "infer", "wall_s": 1.0, "cpu_s": 0.5, "n_draws": 1200}
    return {"cores": 2, "data_sets": [dict(zip(keys, (*row, [timing], []), strict=True)) for row in rows]}


def reference_record(*rows):
    """A reference's record: the second data set took two attempts, the fourth raised and has none."""
    made = record(*rows)
    sizes = {0: [4000.0], 1: [300.0, 5000.0], 2: [350.0], 4: [4000.0]}
    for row in made["data_sets"]:
        row["extra"] = [
            {"attempt": attempt, "ess_bulk_min": size}
            for attempt, size in enumerate(sizes.get(row["dataset"], []), start=1)
        ]
    return made


@pytest.fixture
def run(tmp_path):
    """A run of five data sets: scored, failed, reference uncertified, timed out, not a number."""
    for folder in ("draws/s", "fits/s", "scores/s", "models"):
        (tmp_path / folder).mkdir(parents=True)
    write_data_sets(tmp_path / "data.nc", [DataSet(np.ones((5, 1)), z=np.zeros(5, int))] * 5)
    nan = replace(make_posterior(1), parameters={"mu": np.full((4, 300, 2), np.nan)})
    # Of the first data set the fourth chain sees other pairs of observations together.
    apart = replace(LABELS, together=np.where(np.arange(4) == 3, 0.9, 0.5)[:, None] + np.zeros((4, 300)))
    found = {
        0: replace(make_posterior(0, 0.5), labels=apart),
        2: replace(make_posterior(1), labels=LABELS),
        4: nan,
    }
    write_posteriors(tmp_path / "draws/s/m.nc", found)
    for number in (1, 2):
        all_five = {i: make_posterior(10 * number + i) for i in range(5)}
        write_posteriors(tmp_path / f"draws/s/reference-{number}.nc", all_five)
        states = [(i, "ok", "") for i in range(5)]
        if number == 2:
            states[2] = (2, "uncertified", "R-hat 1.02")
        (tmp_path / f"fits/s/reference-{number}.json").write_text(json.dumps(reference_record(*states)))
    fitted = record(
        (0, "ok", ""), (1, "failed", "diverged"), (2, "ok", ""), (3, "timeout", "10 s"), (4, "ok", "")
    )
    (tmp_path / "fits/s/m.json").write_text(json.dumps(fitted))
    (tmp_path / "models/p.json").write_text(json.dumps({"compile_wall_s": 3.0, "compile_cpu_s": 2.5}))
    score_cell(
        scenario="s",
        method="m",
        root_seed=1,
        data_sets=range(5),
        data_file=tmp_path / "data.nc",
        draws_file=tmp_path / "draws/s/m.nc",
        record_file=tmp_path / "fits/s/m.json",
        reference_files=[tmp_path / f"draws/s/reference-{i}.nc" for i in (1, 2)],
        reference_records=[tmp_path / f"fits/s/reference-{i}.json" for i in (1, 2)],
        scores_file=tmp_path / "scores/s/m.parquet",
        status_file=tmp_path / "scores/s/m.json",
    )
    collect(
        scores=[tmp_path / "scores/s/m.parquet"],
        statuses=[tmp_path / "scores/s/m.json"],
        records=[tmp_path / "fits/s/m.json"],
        references=[tmp_path / f"fits/s/reference-{i}.json" for i in (1, 2)],
        networks=[],
        network_owners={},
        models={"p": tmp_path / "models/p.json"},
        programs={"s": "p"},
        run_folder=tmp_path,
    )
    return tmp_path


def test_every_cell_has_one_row(run):
    status = pd.read_csv(run / "status.csv", keep_default_na=False)
    of_method = status[status.method == "m"].set_index("dataset")
    assert list(of_method.status) == ["ok", "failed", "uncertified", "timeout", "failed"]
    assert list(of_method.reason[1:4]) == ["diverged", "reference 2: R-hat 1.02", "10 s"]
    assert "not finite" in of_method.reason[4]
    of_reference = status[status.method == "reference-2"]
    assert list(of_reference.status) == ["ok", "ok", "uncertified", "ok", "ok"]


def test_only_certified_successes_are_scored(run):
    scores = pd.read_parquet(run / "scores.parquet")
    assert set(scores.dataset) == {0}
    shift = scores[scores.metric == "mean_error_sd"].set_index("parameter").value
    assert list(shift.index) == ["mu[1]", "mu[2]"] and (np.abs(shift - 0.5) < 0.2).all()


def test_chains_in_genuine_modes_are_named_in_a_remark(run):
    status = pd.read_csv(run / "status.csv", keep_default_na=False)
    reason = status[(status.method == "m") & (status.dataset == 0)].reason.item()
    assert reason.startswith("genuine modes, no permutations of one another: chain")
    assert "chain 4 (log density" in reason and "pairs together" in reason
    others = status[(status.method == "m") & (status.dataset != 0)].reason
    assert not others.str.contains("genuine").any()


def test_copies_that_chains_visit_have_a_table_whatever_the_reference(run):
    copies = pd.read_csv(run / "copies.csv")
    copies = copies[copies.dataset == 2]
    assert [list(row) for row in copies.itertuples(index=False)] == [
        ["s", 2, "m", 1, "1-2", 1.0, 0.0],
        ["s", 2, "m", 2, "1-2", 0.5, 1.0],
        ["s", 2, "m", 2, "2-1", 0.5, 1.0],
        ["s", 2, "m", 3, "1-2", 1.0, 0.0],
        ["s", 2, "m", 4, "1-2", 1.0, 0.0],
    ]


def test_timings_carry_effective_sizes(run):
    timings = pd.read_csv(run / "timings.csv")
    build = timings[timings.phase == "build"]
    assert list(build.wall_s) == [3.0] and list(build.cpu_s) == [2.5] and build.dataset.isna().all()
    ess = timings[timings.method == "m"].set_index("dataset").ess_bulk_min
    assert ess[0] > 500 and ess[2] > 500 and np.isnan(ess[1])
    for reference in ("reference-1", "reference-2"):
        sizes = timings[timings.method == reference].set_index("dataset").ess_bulk_min
        assert list(sizes[[0, 1, 2, 4]]) == [4000, 5000, 350, 4000], "the last attempt's, which was timed"
        assert np.isnan(sizes[3])
