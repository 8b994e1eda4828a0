"""The gate on whole (made-up) runs: what fails, what is only said, and what is written."""

import json
import shutil
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.regression.baseline import check_same_problem, read_baseline
from pipeline.regression.settings import BASELINE_FILES, OUTPUTS, Regression
from pipeline.regression.stage import accept, check_baseline, compare_run, verdict_of, withdraw_verdict
from tests.regression.made import edit_record, edit_scores, make_run
from tests.report.synthetic import METHODS, SCENARIOS

W1 = "wasserstein1_sd"
QUIET = {"failures": {}, "uncertified": {}}


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    """A run and the baseline written from it."""
    root = tmp_path_factory.mktemp("gate")
    run = make_run(root / "made", **QUIET)
    accept(run, root / "baseline")
    return run, root / "baseline"


@pytest.fixture
def run(accepted, tmp_path):
    return shutil.copytree(accepted[0], tmp_path / "made")


def gate(run, accepted):
    output = run / "regression"
    compare_run(run, accepted[1], Regression(), output)
    return json.loads((output / "regression.json").read_text())


def verdicts(record, *wanted):
    return {(f["scenario"], f["method"], f["subject"]) for f in record["findings"] if f["verdict"] in wanted}


def worsen(scores, factor, **where):
    chosen = np.logical_and.reduce([scores[key] == value for key, value in where.items()])
    return scores.assign(value=scores["value"].where(~chosen, scores["value"] * factor))


def test_the_same_run_passes_whatever_was_rounded(run, accepted):
    record = gate(run, accepted)
    assert not record["failed"] and record["n_comparisons"] > 100
    assert not verdicts(record, "suspect", "better", "missing", "new")
    # Made-up k-hats have no Monte Carlo error, without which one data set tells nothing.
    assert {key[0::2] for key in verdicts(record, "not judged")} == {("galaxies", "pareto_k")}


def test_a_loss_in_one_metric_is_the_only_one_found(run, accepted):
    edit_scores(run, lambda s: worsen(s, 3, scenario="hmm-ordered", method="laplace", metric=W1))
    record = gate(run, accepted)
    assert verdicts(record, "regression") == {("hmm-ordered", "laplace", W1)}
    assert record["findings"][0]["ratio"] == pytest.approx(3, rel=0.1)
    assert verdict_of(run / "regression" / "regression.json")[0]


def test_a_gain_is_said_and_passes(run, accepted):
    edit_scores(run, lambda s: worsen(s, 0.3, scenario="gmm-ordered", method="advi-meanfield", metric=W1))
    record = gate(run, accepted)
    assert not record["failed"]
    assert verdicts(record, "better") == {("gmm-ordered", "advi-meanfield", W1)}


def test_watched_metrics_never_fail_a_run(run, accepted):
    edit_scores(run, lambda s: worsen(s, 1.5, method="pathfinder", metric="c2st"))
    record = gate(run, accepted)
    assert not record["failed"] and ("gmm-ordered", "pathfinder", "c2st") in verdicts(record, "suspect")


def test_missing_metrics_and_cells_fail_and_new_ones_are_said(run, accepted):
    edit_scores(run, lambda s: s[~((s.method == "laplace") & (s.metric == "sliced_wasserstein"))])
    status = pd.read_csv(run / "status.csv", keep_default_na=False)
    gone = (status.scenario == "galaxies") & (status.method == "pathfinder")
    status.loc[gone, "method"] = "brand-new"
    status.to_csv(run / "status.csv", index=False)
    edit_scores(run, lambda s: s[~((s.scenario == "galaxies") & (s.method == "pathfinder"))])
    record = gate(run, accepted)
    assert record["failed"]
    assert ("hmm-ordered", "laplace", "sliced_wasserstein") in verdicts(record, "missing")
    assert ("galaxies", "pathfinder", "all metrics") in verdicts(record, "missing")
    assert verdicts(record, "new") == {("galaxies", "brand-new", "all metrics")}


def test_a_new_failure_fails(run, accepted):
    status = pd.read_csv(run / "status.csv", keep_default_na=False)
    row = (status.scenario == "gmm-ordered") & (status.method == "nuts") & (status.dataset == 4)
    status.loc[row, ["status", "reason"]] = "timeout", "after 600 s"
    status.to_csv(run / "status.csv", index=False)
    edit_scores(run, lambda s: s[~((s.scenario == "gmm-ordered") & (s.method == "nuts") & (s.dataset == 4))])
    record = gate(run, accepted)
    assert verdicts(record, "regression") == {("gmm-ordered", "nuts", "failed fits")}
    assert "data set 4" in record["findings"][0]["note"]


def test_slower_methods_warn_only(run, accepted):
    timings = pd.read_csv(run / "timings.csv")
    timings.loc[timings.method == "laplace", "wall_s"] *= 3
    timings.to_csv(run / "timings.csv", index=False)
    record = gate(run, accepted)
    assert not record["failed"]
    assert {(row["scenario"], row["method"]) for row in record["slower"]} == {
        ("gmm-ordered", "laplace"), ("hmm-ordered", "laplace"),
    }  # fmt: skip
    assert record["slower"][0]["ratio"] == pytest.approx(3, rel=0.01)
    assert "Slower" in (run / "regression" / "regression.md").read_text()


@pytest.mark.slow
def test_unchanged_runs_with_other_seeds_pass(accepted, tmp_path):
    failed = []
    for seed in range(2, 22):
        other = make_run(tmp_path / str(seed) / "made", seed=seed, **QUIET)
        record = gate(other, accepted)
        failed += [seed] * record["failed"]
        assert any("No data set" in note or "data sets are in this run" in note for note in record["notes"])
    assert failed == []


def test_another_seed_leaves_single_data_sets_unjudged(accepted, tmp_path):
    record = gate(make_run(tmp_path / "made", seed=9, **QUIET), accepted)
    assert {key[0] for key in verdicts(record, "not judged")} == {"galaxies"}
    assert any(note.startswith("Of galaxies the baseline has fewer than 5") for note in record["notes"])


def test_the_comment_is_short_and_hostile_reasons_stay_text(run, accepted):
    edit_scores(run, lambda s: worsen(s, 30, metric="mean_error_sd"))
    edit_record(run, git_commit="<script>alert(1)</script>|x\n\n# y")
    gate(run, accepted)
    text = (run / "regression" / "regression.md").read_text()
    assert text.startswith("## Regression gate: failed") and len(text) < 60_000
    assert "<script" not in text and "\n# y" not in text
    before_folded = text.split("<details>")[0]
    assert before_folded.count("\n") < 25 and "mean_error_sd" in before_folded
    assert text.count("<details>") == text.count("</details>") > 0


def test_junit_counts_add_up(run, accepted):
    edit_scores(run, lambda s: worsen(s, 30, scenario="gmm-ordered", metric="mean_error_sd"))
    record = gate(run, accepted)
    root = ElementTree.fromstring((run / "regression" / "regression.xml").read_bytes())
    cases, failed = root.findall(".//testcase"), root.findall(".//testcase/failure")
    assert root.tag == "testsuites" and len(cases) == int(root.get("tests", 0)) == len(record["findings"])
    assert len(failed) == int(root.get("failures", 0)) == len(METHODS) > 0
    assert sum(int(suite.get("tests", 0)) for suite in root) == len(cases)
    assert all(case.get("name") and case.get("classname") for case in cases)
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names)


def test_outputs_are_the_named_ones(run, accepted):
    gate(run, accepted)
    assert sorted(file.name for file in (run / "regression").iterdir()) == sorted(OUTPUTS)


def test_a_baseline_reads_as_it_was_written(accepted):
    _, folder = accepted
    assert sorted(file.name for file in folder.iterdir()) == sorted(BASELINE_FILES)
    baseline = read_baseline(folder, "made")
    assert baseline.seed == 1 and set(baseline.scores["scenario"]) == {made.name for made in SCENARIOS}
    assert sum(file.stat().st_size for file in folder.iterdir()) < 400_000
    assert baseline.record["machine"] and baseline.record["packages"]


def test_accepting_twice_changes_no_byte(accepted, tmp_path):
    run, folder = accepted
    accept(run, tmp_path)
    assert all((tmp_path / name).read_bytes() == (folder / name).read_bytes() for name in BASELINE_FILES)


def config_of(folder):
    return json.loads((folder / "baseline.json").read_text())["config"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: shutil.rmtree(f), "no baseline of the run made.*accept_baseline"),
        (lambda f: (f / "fits.csv").unlink(), r"fits\.csv: is missing.*git checkout"),
        (lambda f: (f / "scores.csv").write_text("scenario\n"), r"scores\.csv: is not what.*damaged"),
        (lambda f: (f / "baseline.json").write_text("{"), r"baseline\.json: is damaged.*git checkout"),
        (lambda f: (f / "baseline.json").write_text("[]"), r"baseline\.json: is damaged"),
        (lambda f: (f / "baseline.json").write_text('{"format": 1}'), "lacks run, seed, config"),
        (
            lambda f: (f / "baseline.json").write_text('{"format": 99}'),
            "format 99, where this version reads 1",
        ),
    ],
)
def test_a_baseline_of_no_use_is_refused_with_what_to_do(accepted, tmp_path, spoil, message):
    folder = shutil.copytree(accepted[1], tmp_path / "baseline")
    config = config_of(folder)
    spoil(folder)
    with pytest.raises(UserError, match=f"(?s){message}"):
        check_baseline(folder, config)


def test_other_problems_are_refused_and_other_methods_are_not(accepted):
    folder = accepted[1]
    record = read_baseline(folder, "made").record
    config = config_of(folder)
    with pytest.raises(UserError, match="run 'made', not of 'other'"):
        check_same_problem(folder, record, {**config, "run": "other"})
    harder = {**config["scenarios"], "gmm-ordered": {"mu_sd": 1.2}}
    with pytest.raises(UserError, match=r"scenarios\.gmm-ordered.*mu_sd.*accept_baseline"):
        check_same_problem(folder, record, {**config, "scenarios": harder})
    with pytest.raises(UserError, match="reference"):
        check_same_problem(folder, record, {**config, "reference": {"draws": 500}})
    more = {**config["scenarios"], "gmm-ordered": {"n_datasets": 50}, "new": {}}
    check_same_problem(folder, record, {**config, "scenarios": more, "methods": {}, "seed": 5})


def test_a_line_end_of_windows_is_no_damage(accepted, tmp_path):
    folder = shutil.copytree(accepted[1], tmp_path / "baseline")
    for name in BASELINE_FILES:
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"\n", b"\r\n"))
    read_baseline(folder, "made")


def test_a_failed_run_keeps_no_verdict_of_an_earlier_one(tmp_path):
    """The gate's own failure keeps what it found: its last step has run since the start."""
    for folder in ("regression", "logs"):
        (tmp_path / folder).mkdir()
    files = [tmp_path / "regression" / name for name in OUTPUTS]
    log = tmp_path / "logs/regression.log"
    for file in (*files, log):
        file.write_text("")
    withdraw_verdict(tmp_path, log.stat().st_mtime - 1)
    assert all(file.exists() for file in files)
    withdraw_verdict(tmp_path, log.stat().st_mtime + 1)
    assert not any(file.exists() for file in files)
    log.unlink()
    withdraw_verdict(tmp_path, 0.0)
