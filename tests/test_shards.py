"""Results do not depend on how data sets are split into shards; here without Stan."""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pipeline import fitting, pieces
from pipeline.config import check_config
from pipeline.fitting import run_fits
from pipeline.joining import join_shards
from pipeline.methods.base import Fit, Method
from pipeline.posterior_io import write_data_sets, write_posteriors
from pipeline.scenarios import get_scenario
from pipeline.scoring import score_cell
from pipeline.stan.model import BoundModel
from pipeline.timing import PhaseTime
from tests.test_scoring import record

N = 5
SETTINGS = {"n_times": 6}


class FakeModel(BoundModel):
    """Parameters that are their own unconstrained values, under a standard normal target."""

    def __init__(self, built, data, shapes, folder):
        self.shapes = dict(shapes)

    def unconstrain(self, flat):
        return flat

    def log_density(self, unconstrained):
        return -0.5 * (unconstrained**2).sum(axis=-1)


@dataclass(frozen=True)
class FakeMethod(Method):
    """Draws that depend on the task's seed and data; the fourth data set fails."""

    name: ClassVar[str] = "fake"

    def fit(self, task):
        if task.seed == FAILING:
            raise RuntimeError("as planned")
        rng = np.random.default_rng(task.seed)
        p_stay, mu = rng.uniform(0.4, 0.9, (1, 200, 2)), rng.normal(task.data.y.mean(), 1, (1, 200, 2))
        return Fit(np.concatenate([p_stay, mu], axis=-1), [PhaseTime("infer", 0.25, 0.125)])


FAILING = fitting.derive_seed(7, "hmm-ordered", 3, "fake", "fit")


@pytest.fixture
def stages(tmp_path, monkeypatch):
    """Return a function that fits, joins and scores with shards of a size, into a folder."""
    monkeypatch.setattr(pieces, "BoundModel", FakeModel)
    monkeypatch.setattr(fitting, "read_built", lambda file: None)
    monkeypatch.setattr(fitting, "get_method", lambda name, settings: FakeMethod())
    scenario = get_scenario("hmm-ordered", SETTINGS)
    data_sets = scenario.data_sets(range(1, N + 1))
    write_data_sets(tmp_path / "data.nc", data_sets)
    (tmp_path / "model.json").write_text("{}")
    rng = np.random.default_rng(1)
    for run in (1, 2):
        posteriors = {}
        for i, data in enumerate(data_sets):
            task = fitting.Task(scenario, data, FakeModel(None, None, scenario.parameter_shapes, None), 1, 1)
            draws = np.concatenate(
                [rng.uniform(0.4, 0.9, (2, 300, 2)), rng.normal(0, 1, (2, 300, 2))], axis=-1
            )
            posteriors[i] = fitting.complete(task, Fit(draws, []))
        write_posteriors(tmp_path / f"reference-{run}.nc", posteriors)
        rows = [(i, "ok", "") if i != 1 else (i, "uncertified", "R-hat 1.02") for i in range(N)]
        (tmp_path / f"reference-{run}.json").write_text(json.dumps(record(*rows)))
    references = tuple(tmp_path / f"reference-{run}.nc" for run in (1, 2))

    def run(size, n_references=N):
        folder = tmp_path / str(size)
        shards = [range(start, min(start + size, N)) for start in range(0, N, size)]
        for number, shard in enumerate(shards):
            run_fits(
                "hmm-ordered",
                json.dumps({**SETTINGS, "seed": 7}),
                "fake",
                '{"seed": 7}',
                shard,
                n_references,
                tmp_path / "data.nc",
                tmp_path / "model.json",
                references,
                folder / f"pieces{number}",
                folder / f"{number}.nc",
                folder / f"{number}.json",
                cores=1,
            )
        draws, records = ([folder / f"{i}.{kind}" for i in range(len(shards))] for kind in ("nc", "json"))
        join_shards(draws, records, folder / "fake.nc", folder / "fake.json")
        for number, shard in enumerate(shards):
            score_cell(
                "hmm-ordered",
                "fake",
                7,
                shard,
                tmp_path / "data.nc",
                folder / "fake.nc",
                folder / "fake.json",
                list(references),
                [file.with_suffix(".json") for file in references],
                folder / f"scores{number}.parquet",
                folder / f"status{number}.json",
            )
        return folder, len(shards)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2])
def test_results_are_the_same_for_any_sharding(stages, size):
    (whole, _), (folder, n_shards) = stages(N), stages(size)
    assert n_shards == -(-N // size)
    for group in ("posterior", "unconstrained_posterior", "sample_stats", "membership"):
        tables = [
            xr.load_dataset(file / "fake.nc", group=group, engine="h5netcdf") for file in (whole, folder)
        ]
        assert list(tables[0]["dataset"]) == [0, 1, 2, 4]
        xr.testing.assert_identical(*tables)
    assert json.loads((whole / "fake.json").read_text()) == json.loads((folder / "fake.json").read_text())
    scores = pd.concat([pd.read_parquet(folder / f"scores{i}.parquet") for i in range(n_shards)])
    expected = pd.read_parquet(whole / "scores0.parquet")
    assert set(expected.dataset) == {0, 2, 4}
    pd.testing.assert_frame_equal(scores.reset_index(drop=True), expected, check_exact=True)
    status = [row for i in range(n_shards) for row in json.loads((folder / f"status{i}.json").read_text())]
    assert status == json.loads((whole / "status0.json").read_text())
    assert [row["status"] for row in status] == ["ok", "uncertified", "ok", "failed", "ok"]


def test_what_is_paid_once_counts_once(tmp_path):
    for number, wall_s in enumerate((4.0, 5.0)):
        write_posteriors(tmp_path / f"{number}.nc", {})
        once = {"phase": "build", "wall_s": wall_s, "cpu_s": wall_s}
        shard = {**record((number, "failed", "")), "one_off": [once]}
        (tmp_path / f"{number}.json").write_text(json.dumps(shard))
    parts = ([tmp_path / f"{i}.nc" for i in (0, 1)], [tmp_path / f"{i}.json" for i in (0, 1)])
    join_shards(*parts, tmp_path / "all.nc", tmp_path / "all.json")
    joined = json.loads((tmp_path / "all.json").read_text())
    assert [phase["wall_s"] for phase in joined["one_off"]] == [4.0]
    assert [row["dataset"] for row in joined["data_sets"]] == [0, 1]


def test_shards_cover_every_data_set_once():
    raw = {
        "run": "a",
        "seed": 1,
        "shard_size": 4,
        "scenarios": {"gmm-ordered": {"n_datasets": 10}, "galaxies": {}},
    }
    config = check_config({**raw, "methods": {"laplace": {}}})
    assert config.shards("gmm-ordered", "laplace") == [range(0, 4), range(4, 8), range(8, 10)]
    assert config.shards("galaxies", "reference-1") == [range(0, 1)]
    del raw["shard_size"]
    assert len(check_config({**raw, "methods": {"laplace": {}}}).shards("gmm-ordered", "laplace")) == 1
