import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.report import cost_tables, tables
from pipeline.report.cells import Table, frame_records
from pipeline.report.costs import cost_rows, phase_seconds, run_speedups, stage_rows
from pipeline.report.inputs import Run, read_run
from pipeline.report.scoring import judge_all, limit_share, summarise
from tests.report.synthetic import Made, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = [
        Made("gmm-ordered", ("mu[1]", "mu[2]"), ("membership",), 6, 3),
        Made("hmm-ordered", ("a11",), ("filtering", "smoothing"), 4, 2),
    ]
    folder = write_run(
        tmp_path_factory.mktemp("results") / "r",
        scenarios=made,
        failures={("gmm-ordered", "laplace"): 0.5},
        uncertified={},
        with_examples=False,
    )
    return read_run(folder)


@pytest.fixture(scope="module")
def summary(run: Run) -> pd.DataFrame:
    return summarise(run.scores)


def _rows(table: Table) -> list[dict[str, str]]:
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, (cell.value for cell in row), strict=True)) for row in table.rows]


def test_aggregates_of_one_parameter_are_those_of_its_scores(run: Run, summary: pd.DataFrame):
    rows = {
        (r["scenario"], r["method"], r["metric"], r["parameter"]): r
        for r in _rows(tables.aggregates(summary))
    }
    scores = run.scores
    own = scores[
        (scores["scenario"] == "gmm-ordered")
        & (scores["method"] == "pathfinder")
        & (scores["metric"] == "mean_error_sd")
    ]
    for parameter in ("mu[1]", "mu[2]"):
        part = own[own["parameter"] == parameter]
        row = rows["gmm-ordered", "pathfinder", "mean_error_sd", parameter]
        assert float(row["value"]) == pytest.approx(math.sqrt((part["value"] ** 2).mean()))
        assert float(row["floor"]) == pytest.approx(math.sqrt((part["floor"] ** 2).mean()))
        assert int(row["n_datasets"]) == 6
    whole = rows["gmm-ordered", "pathfinder", "mean_error_sd", ""]
    assert float(whole["value"]) == pytest.approx(math.sqrt((own["value"] ** 2).mean()))


def test_no_membership_score_is_missing_or_doubled(run: Run, summary: pd.DataFrame):
    kept = tables.classification(summary)
    cells = run.scores[run.scores["metric"].str.startswith(("membership_", "filtering_", "smoothing_"))]
    expected = set(map(tuple, cells[["scenario", "method", "metric"]].drop_duplicates().to_numpy()))
    rows = [(r["scenario"], r["method"], r["metric"]) for r in _rows(kept)]
    assert len(rows) == len(set(rows))
    assert set(rows) == expected


def test_the_worst_fits_come_first_one_row_a_fit(run: Run):
    rows = _rows(tables.worst(run))
    ratios = [float(row["ratio"]) for row in rows]
    assert ratios == sorted(ratios, reverse=True)
    fits = [(row["scenario"], row["dataset"], row["method"]) for row in rows]
    assert len(fits) == len(set(fits))
    for row in rows:
        unit = max(float(row["floor"]), float(row["mcse"]))
        assert float(row["ratio"]) == pytest.approx(abs(float(row["value"])) / unit, rel=1e-6)


def test_the_worst_score_of_a_fit_is_none_of_a_classifier(run: Run):
    own = run.scores[run.scores["metric"] == "sliced_wasserstein"]
    at_floor = own.assign(value=own["floor"] * 0.9)
    beside = own.assign(metric="c2st_auc", value=0.52, floor=0.5)
    rows = _rows(tables.worst(replace(run, scores=pd.concat([at_floor, beside]))))
    assert {row["metric"] for row in rows} == {"sliced_wasserstein"}


@pytest.mark.parametrize("metric", ["kl_to_reference", "evidence_gap"])
def test_copies_that_a_method_leaves_out_make_no_worst_data_set(run: Run, metric: str):
    own = run.scores[run.scores["metric"] == "sliced_wasserstein"]
    at_copy = own.assign(metric=metric, value=900.0, floor=1.0)
    labels = own[own["scenario"] == "gmm-ordered"].assign(metric="copies_visited", value=1 / 6, floor=np.nan)
    rows = _rows(tables.worst(replace(run, scores=pd.concat([own, at_copy, labels]))))
    found = {(row["scenario"], row["metric"]) for row in rows}
    assert found == {("gmm-ordered", "sliced_wasserstein"), ("hmm-ordered", metric)}


def test_every_fit_has_its_row_with_its_worst_parameter(run: Run):
    rows = _rows(tables.fits(run))
    status = run.status[~run.status["method"].str.startswith("reference")]
    assert len(rows) == len(status)
    row = next(r for r in rows if (r["scenario"], r["dataset"], r["method"]) == ("gmm-ordered", "2", "nuts"))
    own = run.scores[
        (run.scores["scenario"] == "gmm-ordered")
        & (run.scores["dataset"] == 2)
        & (run.scores["method"] == "nuts")
    ]
    errors = own[own["metric"] == "mean_error_sd"]["value"]
    assert float(row["mean_error_sd"]) == pytest.approx(errors.abs().max())
    wall = run.timings[
        (run.timings["scenario"] == "gmm-ordered")
        & (run.timings["dataset"] == 2)
        & (run.timings["method"] == "nuts")
    ]["wall_s"].sum()
    assert float(row["wall_s"]) == pytest.approx(wall)
    failed = [r for r in rows if r["status"] == "failed"]
    assert failed
    assert all(r["sliced_wasserstein"] == "" for r in failed)


def test_what_is_paid_once_is_shared_by_the_data_sets_of_every_method(run: Run):
    phases = phase_seconds(run)
    built = run.timings[run.timings["phase"] == "build"].set_index("scenario")["wall_s"]
    for row in frame_records(phases[phases["phase"] == "build"]):
        assert row["s"] == pytest.approx(built[row["scenario"]] / row["n"])
    nuts = phases[(phases["scenario"] == "hmm-ordered") & (phases["method"] == "nuts")]
    assert list(nuts["phase"]) == ["build", "warmup", "sample"]
    timed = run.timings[(run.timings["scenario"] == "hmm-ordered") & (run.timings["method"] == "nuts")]
    sample = timed[timed["phase"] == "sample"]["wall_s"]
    assert nuts[nuts["phase"] == "sample"]["s"].item() == pytest.approx(sample.mean())


def test_reference_runs_are_no_methods(run: Run):
    assert not any(method.startswith("reference") for method in run.methods)
    assert not run_speedups(run)["method"].str.startswith("reference").any()
    rows = cost_rows(run, run_speedups(run))
    assert {row["method"] for row in rows} == set(run.methods)


def test_costs_are_medians_with_their_speedups(run: Run):
    rows = {(row["scenario"], row["method"]): row for row in cost_rows(run, run_speedups(run))}
    row = rows["hmm-ordered", "pathfinder"]
    own = run.timings[(run.timings["scenario"] == "hmm-ordered") & (run.timings["method"] == "pathfinder")]
    assert row["wall_s"] == pytest.approx(own["wall_s"].median())
    assert row["wall_s_low"] < row["wall_s_speedup"] < row["wall_s_high"]
    assert "wall_s_speedup" not in rows["hmm-ordered", "nuts"]


def test_a_corrected_method_is_told_apart_by_the_stage_that_was_enough(run: Run):
    def fit(dataset: int, **wall_s: float) -> list[dict]:
        keys = {"scenario": "hmm-ordered", "dataset": dataset, "method": "psis", "cpu_s": 1.0}
        return [{**keys, "phase": phase, "wall_s": s} for phase, s in wall_s.items()]

    ended = [fit(1, infer=0.1, correct=0.1), fit(2, infer=0.1, correct=0.3)]
    more = [fit(3, infer=0.8, correct=0.3)]
    went_on = [fit(4, infer=0.1, correct=0.1, warmup=1.0, sample=0.8)]
    rows = pd.DataFrame([row for rows in ended + more + went_on for row in rows])
    remarks = ["", "flagged", "accepted with more proposals: k-hat .8", "escalated to NUTS: k-hat .9"]
    keys = {"scenario": "hmm-ordered", "method": "psis", "status": "ok"}
    status = pd.DataFrame([{**keys, "dataset": 1 + i, "reason": words} for i, words in enumerate(remarks)])
    timings, statuses = (
        pd.concat(both, ignore_index=True) for both in ((run.timings, rows), (run.status, status))
    )
    first, more, escalated = stage_rows(replace(run, timings=timings, status=statuses))
    assert (first["n"], more["n"], escalated["n"]) == (2, 1, 1)
    assert first["share"] == pytest.approx(1 / 2)
    assert first["wall_s"] == pytest.approx(0.3) and escalated["wall_s"] == pytest.approx(2.0)
    assert more["wall_s"] == pytest.approx(1.1)
    assert first["share_of_cost"] == pytest.approx(0.6 / 3.7)


def test_the_decisive_scores_come_worst_first_and_lead_the_verdict(run: Run, summary: pd.DataFrame):
    judgements = judge_all(run.scores, run.status, summary)
    biased = judgements["gmm-ordered", "advi-meanfield"]
    assert biased.label == "biased"
    shares = [limit_share(row) for row in biased.decisive]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 1
    assert biased.reasons.startswith(biased.decisive[0]["metric"])
    assert judgements["gmm-ordered", "laplace"].n_failed > 0


def test_an_unknown_metric_is_refused_by_name(run: Run):
    strange = run.scores.assign(metric="mean_errror")
    with pytest.raises(UserError, match="metric mean_errror is not known"):
        summarise(strange)


def test_infinite_scores_do_not_break_the_tables(run: Run):
    scores = run.scores.copy()
    scores.loc[scores["metric"] == "log_sd_ratio", "value"] = -np.inf
    wild = replace(run, scores=scores)
    summary = summarise(scores)
    infinite = [r for r in _rows(tables.aggregates(summary)) if r["metric"] == "log_sd_ratio"]
    assert {row["value"] for row in infinite} == {"Infinity"}
    assert _rows(tables.worst(wild))[0]["ratio"] == "Infinity"
    assert judge_all(scores, run.status, summary)["gmm-ordered", "pathfinder"].label == "biased"


def test_parts_of_the_run_add_up_and_name_the_largest_job(run: Run):
    table = cost_tables.jobs(run)
    rows = {row["part"]: row for row in _rows(table)}
    assert sum(float(row["share"]) for row in rows.values()) == pytest.approx(1)
    assert float(rows["references"]["share"]) == pytest.approx(290 / (2 * 377.7))
    assert rows["fits"]["peak_mib"] == "410" and rows["start-up and imports"]["peak_mib"] == ""
    assert table.note.startswith("6 min 18 s from the first job to the last on 2 cores")


def test_a_run_without_logs_says_so(run: Run):
    table = cost_tables.jobs(replace(run, job_costs=run.job_costs.iloc[:0]))
    assert not table.rows and "no logs" in table.empty
