"""The workflow end to end on a tiny configuration: contracts, failures as rows, resume, same numbers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from filelock import FileLock

from pipeline.posterior_io import read_numbers

ROOT = Path(__file__).parents[2]
# With this seed the references take seconds; where posteriors are hard, they are repeated at greater length.
CONFIG = """\
run: tiny
seed: 4
scenarios:
  gmm-ordered: {n_datasets: 2}
  hmm-ordered: {n_datasets: 2}
  mine: {type: custom, file: mine.csv, column: value, family: mixture, n_components: 2}
methods:
  nuts: {warmup: 500, draws: 500}
  laplace: {}
  advi-meanfield: {iterations: 20, scenarios: [gmm-ordered]}
  pathfinder: {timeout_s: 0.001, scenarios: [gmm-ordered]}
reference: {warmup: 500, draws: 500}
"""

pytestmark = pytest.mark.slow


def make_project(folder: Path, config: str = CONFIG) -> Path:
    """Copy what git would check out, so that runs here do not touch the real results."""
    for name in ("Snakefile", "config", "stan", "pipeline", "profiles", ".ci"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    (folder / "tiny.yaml").write_text(config)
    rng = np.random.default_rng(0)
    mine = np.concatenate([rng.normal(-2, 1, 30), rng.normal(3, 0.5, 40)])
    pd.DataFrame({"day": np.arange(70), "value": mine}).to_csv(folder / "mine.csv", index=False)
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--configfile", "tiny.yaml", *arguments]


def environment(project: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(project)}


def snakemake(project: Path, *arguments: str) -> str:
    """Run to the end and return what was said; fails the test where snakemake fails."""
    done = subprocess.run(
        command(*arguments), cwd=project, env=environment(project), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A project whose tiny configuration ran on two cores."""
    project = make_project(tmp_path_factory.mktemp("finished"))
    snakemake(project, "--cores", "2")
    return project


@pytest.fixture
def tables(finished) -> dict[str, pd.DataFrame]:
    names = ("scores", "status", "timings", "certificates")
    return {name: pd.read_csv(finished / f"results/tiny/{name}.csv") for name in names}


def test_the_files_keep_their_contracts(finished):
    subprocess.run(
        [sys.executable, ".ci/check_report.py", "results/tiny"],
        cwd=finished,
        env=environment(finished),
        check=True,
    )


def test_every_cell_has_its_row_and_failures_their_reasons(tables):
    status = tables["status"].set_index(["scenario", "method", "dataset"]).sort_index()
    assert len(status) == (2 + 2 + 1) * (2 + 2) + 2 * 2
    advi = status.xs("advi-meanfield", level="method")
    assert set(advi.status) == {"failed"} and advi.reason.str.contains("did not converge within 20").all()
    assert set(status.xs("pathfinder", level="method").status) == {"timeout"}
    assert set(status.xs("nuts", level="method").status) <= {"ok", "uncertified"}


def test_scores_hold_every_metric_with_error_and_floor(tables):
    scores = tables["scores"]
    laplace = set(scores[scores.method == "laplace"].metric)
    assert {"mean_error_sd", "wasserstein1_sd", "c2st", "sliced_wasserstein", "pareto_k"} <= laplace
    assert {"kl_to_reference", "membership_accuracy", "filtering_log_loss", "smoothing_ece"} <= laplace
    mine = scores[(scores.scenario == "mine") & (scores.method == "laplace")]
    assert {"membership_total_variation", "membership_accuracy", "kl_to_reference"} <= set(mine.metric)
    nuts = scores[scores.method == "nuts"]
    assert np.isfinite(nuts[["value", "mcse", "floor"]]).all(axis=None)
    bias = nuts[nuts.metric == "mean_error_sd"]
    assert (bias.value.abs() < 6 * np.hypot(bias.mcse, 0.05)).all()


def test_times_are_split_by_phase(tables):
    timings = tables["timings"]
    fits = timings[timings.method == "nuts"].groupby(["scenario", "dataset"]).phase.agg(set)
    assert all(phases == {"warmup", "sample"} for phases in fits)
    assert (timings.cpu_s > 0).all()
    of_nuts = timings.method.isin(["nuts", "reference-1", "reference-2"])
    assert (timings[of_nuts].ess_bulk_min > 50).all()


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in snakemake(finished, "--cores", "2")


def test_a_clock_that_was_set_back_repeats_nothing(finished):
    """What was made before has a date in the future then; later tests go on in the same folder."""
    later = time.time() + 3600
    for folder in ("models", "data", "draws", "fits"):
        for file in (finished / "results/tiny" / folder).rglob("*.*"):
            os.utime(file, (later, later))
    assert "Nothing to be done" in snakemake(finished, "--cores", "2")


def test_a_second_run_at_once_is_refused_and_touches_nothing(finished):
    scores = finished / "results/tiny/scores.csv"
    before = scores.stat().st_mtime_ns
    with FileLock(finished / "results/.tiny.lock"):
        done = subprocess.run(
            command("--cores", "1", "--forcerun", "collect"),
            cwd=finished,
            env=environment(finished),
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1 and "Another snakemake is working on results/tiny" in done.stderr, done.stderr
    assert scores.stat().st_mtime_ns == before


def test_the_gate_passes_an_unchanged_run_and_fails_a_worse_one(finished):
    missing = subprocess.run(
        command("--cores", "2", "regression"),
        cwd=finished,
        env=environment(finished),
        capture_output=True,
        text=True,
    )
    assert missing.returncode != 0 and "accept_baseline" in missing.stderr
    snakemake(finished, "--cores", "2", "accept_baseline")
    assert "Regression gate: passed" in snakemake(finished, "--cores", "2", "regression")

    scores = finished / "results/tiny/scores.parquet"
    kept = scores.with_suffix(".kept")
    shutil.copy2(scores, kept)
    worse = pd.read_parquet(scores)
    worse.loc[(worse["method"] == "laplace") & (worse["metric"] == "mean_error_sd"), "value"] += 2.0
    worse.to_parquet(scores)
    failed = subprocess.run(
        command("--cores", "2", "regression"),
        cwd=finished,
        env=environment(finished),
        capture_output=True,
        text=True,
    )
    shutil.move(kept, scores)
    assert failed.returncode == 1
    record = json.loads((finished / "results/tiny/regression/regression.json").read_text())
    assert record["failed"]
    lost = {(f["method"], f["subject"]) for f in record["findings"] if f["verdict"] == "regression"}
    assert lost == {("laplace", "mean_error_sd")}
    assert "laplace" in (finished / "results/tiny/regression/regression.md").read_text()


def test_a_changed_prior_rebuilds_its_scenario_alone(finished):
    config = finished / "tiny.yaml"
    config.write_text(CONFIG.replace("gmm-ordered: {n", "gmm-ordered: {mu_sd: 1.5, n"))
    try:
        planned = snakemake(finished, "--cores", "2", "--dry-run")
    finally:
        config.write_text(CONFIG)
    outputs = [line for line in planned.splitlines() if line.strip().startswith(("output:", "wildcards:"))]
    assert any("gmm-ordered" in line for line in outputs)
    assert not any("hmm-ordered" in line or "mine" in line for line in outputs)


def test_a_changed_file_of_observations_rebuilds_its_scenario(finished):
    mine = finished / "mine.csv"
    original = mine.read_text()
    mine.write_text(original + "70,3.25\n")
    try:
        planned = snakemake(finished, "--cores", "2", "--dry-run")
    finally:
        mine.write_text(original)
    outputs = [line for line in planned.splitlines() if line.strip().startswith(("output:", "wildcards:"))]
    assert any("mine" in line for line in outputs)
    assert not any("-ordered" in line for line in outputs)


def test_shards_give_the_tables_of_one_job(finished):
    """One scenario of the three, by one method: seeds depend on nothing else that is run."""
    kept = ("seed", "scenarios", "  hmm", "methods", "  laplace", "reference")
    lines = [line for line in CONFIG.splitlines() if line.startswith(kept)]
    (finished / "shards.yaml").write_text("\n".join(["run: shards", "shard_size: 1", *lines]))
    # Snakemake takes the last of two files.
    snakemake(finished, "--configfile", "shards.yaml", "--cores", "2", "results/shards/scores.csv")
    whole, shards = finished / "results/tiny", finished / "results/shards"
    assert not list((shards / "shards").rglob("*.nc")), "shards are removed once they are joined"
    fits = ("laplace", "reference-1", "reference-2")
    for name in ("scores.csv", "status.csv"):
        # A column of which nothing is given would read as numbers.
        found, expected = (pd.read_csv(run / name, dtype={"reason": object}) for run in (shards, whole))
        expected = expected[(expected.scenario == "hmm-ordered") & expected.method.isin(fits)]
        pd.testing.assert_frame_equal(found, expected.reset_index(drop=True), check_exact=True)
    assert len(found) == 2 * len(fits)
    for fit in fits:
        for group in ("posterior", "unconstrained_posterior", "sample_stats", "membership"):
            files = [run / f"draws/hmm-ordered/{fit}.nc" for run in (whole, shards)]
            one, other = (xr.load_dataset(file, group=group, engine="h5netcdf") for file in files)
            assert list(one["dataset"]) == [0, 1]
            xr.testing.assert_identical(one, other)


def test_bad_observations_stop_before_any_work(finished):
    mine = finished / "mine.csv"
    original = mine.read_text()
    mine.write_text(original + "70,many\n")
    try:
        done = subprocess.run(
            command("--cores", "1"), cwd=finished, env=environment(finished), capture_output=True, text=True
        )
    finally:
        mine.write_text(original)
    assert done.returncode == 1 and "mine.csv" in done.stderr and "line 72" in done.stderr, done.stderr


def test_a_new_method_refits_no_other(finished):
    config = finished / "tiny.yaml"
    config.write_text(CONFIG.replace("  laplace: {}", "  laplace: {}\n  advi-fullrank: {}"))
    try:
        planned = snakemake(finished, "--cores", "2", "--dry-run")
    finally:
        config.write_text(CONFIG)
    fitted = [line for line in planned.splitlines() if "output: results/tiny/draws" in line]
    assert len(fitted) == 3 and all("advi-fullrank" in line for line in fitted)


def test_killed_and_resumed_on_one_core_gives_the_same_numbers(finished, tmp_path):
    # One scenario of the three: seeds depend on nothing else that is run.
    lines = [line for line in CONFIG.splitlines() if not line.startswith(("  hmm", "  mine"))]
    project = make_project(tmp_path, "\n".join(lines))
    process = subprocess.Popen(
        command("--cores", "1"),
        cwd=project,
        env=environment(project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    finished_piece = wait_for_piece(project, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert finished_piece.exists()
    written = finished_piece.stat().st_mtime_ns
    resumed = subprocess.Popen(command("--cores", "1"), cwd=project, env=environment(project))
    job_output = project / "results/tiny/fits" / finished_piece.parent.parent.name
    while finished_piece.exists():
        # Until its job ends and removes it, the piece stays as it was: it is not made again.
        try:
            assert finished_piece.stat().st_mtime_ns == written
        except FileNotFoundError:
            break
        time.sleep(0.05)
    assert resumed.wait() == 0
    assert job_output.exists()

    for file in (finished / "results/tiny/draws/gmm-ordered").glob("*.nc"):
        relative = file.relative_to(finished)
        assert read_numbers(file) == read_numbers(project / relative)
        if not read_numbers(file):
            continue  # no fit of this method succeeded
        for group in ("posterior", "unconstrained_posterior"):
            one = xr.load_dataset(file, group=group, engine="h5netcdf")
            other = xr.load_dataset(project / relative, group=group, engine="h5netcdf")
            xr.testing.assert_identical(one, other)
    expected = pd.read_csv(finished / "results/tiny/scores.csv")
    pd.testing.assert_frame_equal(
        expected[expected.scenario == "gmm-ordered"].reset_index(drop=True),
        pd.read_csv(project / "results/tiny/scores.csv"),
    )


def wait_for_piece(project: Path, process: subprocess.Popen) -> Path:
    """Return the record of the first data set that a job with another one still to do has finished."""
    while process.poll() is None:
        found = list((project / "results/tiny/pieces").rglob("0-*.json"))
        if found:
            return found[0]
        time.sleep(0.02)
    raise AssertionError("the workflow ended before any piece was seen")


def test_a_wrong_configuration_stops_before_any_work(tmp_path):
    project = make_project(tmp_path)
    (project / "tiny.yaml").write_text(CONFIG.replace("laplace: {}", "laplace: {drawz: 3}"))
    done = subprocess.run(
        command("--cores", "1"), cwd=project, env=environment(project), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert (
        "tiny.yaml:9: methods.laplace.drawz: no such setting. Did you mean 'draws'?"
        in done.stdout + done.stderr
    )
    assert not (project / "results").exists()
