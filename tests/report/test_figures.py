import base64
import gzip
import json
import math
import re
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import gaussian_kde

from pipeline.report import figures
from pipeline.report.drawing import log_ticks
from pipeline.report.example_figures import _density, density_overlays, membership_figures
from pipeline.report.figures import MAX_POINTS, parameter_dots, score_strip
from pipeline.report.inputs import Run, read_run
from pipeline.report.scoring import summarise
from pipeline.report.style import marks
from tests.report.synthetic import METHODS, Made, write_run

ROWS = marks(METHODS)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = [
        Made("gmm-ordered", ("mu[1]", "mu[2]"), ("membership",), 5, 3),
        Made("hmm-ordered", ("a11",), ("filtering", "smoothing"), 2, 2),
    ]
    folder = tmp_path_factory.mktemp("results") / "r"
    return read_run(write_run(folder, scenarios=made, failures={}, uncertified={}))


def unpacked(figure: figures.Figure) -> dict:
    """Return the specification as the page's script reads it."""
    return json.loads(gzip.decompress(base64.b64decode(figure.packed)))


def _records(figure: figures.Figure | None) -> list[list[dict]]:
    assert figure is not None
    return list(unpacked(figure)["datasets"].values())


def test_a_strip_has_a_mark_for_every_data_set_and_the_floors_as_a_row(run: Run):
    strip = score_strip(run.scores, summarise(run.scores), "gmm-ordered", "sliced_wasserstein", ROWS)
    points, centres = _records(strip)
    scores = run.scores[
        (run.scores["metric"] == "sliced_wasserstein") & (run.scores["scenario"] == "gmm-ordered")
    ]
    for method in METHODS:
        drawn = sorted(point["x"] for point in points if point["method"] == method)
        np.testing.assert_allclose(drawn, np.sort(scores[scores["method"] == method]["value"]), rtol=1e-3)
        centre = next(c["x"] for c in centres if c["method"] == method)
        assert centre == pytest.approx(np.mean(drawn), rel=1e-3)
    floors = [point["x"] for point in points if point["method"] == figures.FLOOR_ROW]
    np.testing.assert_allclose(sorted(floors), np.sort(scores["floor"].unique()), rtol=1e-3)


def test_scores_against_the_truth_are_drawn_as_differences(run: Run):
    strip = score_strip(run.scores, summarise(run.scores), "gmm-ordered", "membership_accuracy", ROWS)
    points = next(records for records in _records(strip) if "jitter" in records[0])
    own = run.scores[(run.scores["metric"] == "membership_accuracy") & (run.scores["method"] == "nuts")]
    drawn = sorted(point["x"] for point in points if point["method"] == "nuts")
    np.testing.assert_allclose(drawn, np.sort(own["value"] - own["floor"]), rtol=1e-3, atol=1e-6)
    assert all("exact" in point for point in points)


def test_infinite_values_are_left_out_and_counted(run: Run):
    scores = run.scores.copy()
    of = (
        (scores["metric"] == "pareto_k")
        & (scores["method"] == "laplace")
        & (scores["scenario"] == "gmm-ordered")
    )
    scores.loc[of, "value"] = math.inf
    strip = score_strip(scores, summarise(scores), "gmm-ordered", "pareto_k", ROWS)
    assert strip is not None
    assert "5 infinite or undefined values are not drawn" in strip.caption
    assert all(
        point["method"] != "laplace" for records in _records(strip) for point in records if "method" in point
    )
    nothing = scores.assign(value=math.inf)
    assert score_strip(nothing, summarise(nothing), "gmm-ordered", "pareto_k", ROWS) is None


def test_many_data_sets_are_thinned_with_their_extremes_kept():
    n = 5000
    scores = pd.DataFrame(
        {"x": np.arange(n) * 1.0, "value": 0.0, "dataset": range(n), "mcse": 0.1, "floor": 0.1}
    )
    points = figures._points(scores.sample(frac=1, random_state=1), "m")
    xs = [point["x"] for point in points]
    assert (len(xs), min(xs), max(xs)) == (MAX_POINTS, 0, n - 1)
    assert max(np.diff(sorted(xs))) < 2 * n / MAX_POINTS


def test_dots_show_the_aggregate_over_the_floor_of_its_parameter(run: Run):
    summary = summarise(run.scores)
    records = _records(parameter_dots(summary, "gmm-ordered", "wasserstein1_sd", ROWS))
    bands = {band["group"]: band for band in records[0]}
    points = records[-1]
    chosen = summary[(summary["scenario"] == "gmm-ordered") & (summary["metric"] == "wasserstein1_sd")]
    assert set(bands) == {"mu[1]", "mu[2]"}
    for row in chosen[chosen["parameter"] != ""].itertuples():
        point = next(p for p in points if p["method"] == row.method and p["group"] == row.parameter)
        assert point["x"] == pytest.approx(row.value, rel=1e-3)
        assert point["low"] <= point["x"] <= point["high"]
        assert bands[row.parameter]["x2"] == pytest.approx(
            chosen[chosen["parameter"] == row.parameter]["floor"].mean(), rel=1e-3
        )


def test_every_figure_of_an_example_is_drawn_from_its_arrays(run: Run):
    example = run.examples["hmm-ordered"]
    overlays = density_overlays(example, "hmm-ordered", ROWS)
    assert [figure.title for figure in overlays] == ["a11"]
    drawn = membership_figures(example, "hmm-ordered", ROWS)
    assert [figure.title for figure in drawn] == [
        "Filtering, state 2",
        "Filtering, state 2: method minus reference",
        "Smoothing, state 2",
        "Smoothing, state 2: method minus reference",
    ]
    points = _records(drawn[0])[0]
    np.testing.assert_allclose(
        [point["reference"] for point in points], example.memberships["filtering"][0, :, 1], atol=1e-3
    )
    assert [point["truth"] for point in points] == (example.true_component == 1).tolist()
    assert len(membership_figures(run.examples["gmm-ordered"], "gmm-ordered", ROWS)) == 6


def test_densities_integrate_to_one_within_their_bounds_and_agree_with_scipy():
    rng = np.random.default_rng(1)
    for values, low, high in (
        (rng.normal(5, 1, 400), -2, 12),
        (rng.beta(1, 1, 400), 0, 1),
        (rng.exponential(1, 400), 0, 12),
    ):
        grid = np.linspace(low, high, 4000)
        assert np.trapezoid(_density(values, grid), grid) == pytest.approx(1, abs=0.01)
    values = rng.normal(50, 1, 400)
    grid = np.linspace(46, 54, 50)
    np.testing.assert_allclose(_density(values, grid), gaussian_kde(values)(grid), atol=0.06)


def test_log_axes_have_ticks_inside_their_range():
    for low, high in ((0.01, 0.4), (0.3, 40), (1e-6, 1e4), (2.1, 4.9)):
        ticks = log_ticks(low, high)
        assert all(low <= tick <= high for tick in ticks)
        assert 1 <= len(ticks) <= 12


def test_marks_are_told_apart_without_colour():
    many = marks([f"m{i}" for i in range(20)])
    assert len({(mark.colour, mark.shape) for mark in many}) == 20
    assert len({mark.shape for mark in many[:7]}) == len({mark.dash for mark in many[:7]}) == 7
    assert all("<path" in mark.glyph and "<path" in mark.line for mark in many)


def test_specifications_are_valid_vega_lite_with_safe_ids(run: Run, tmp_path: Path):
    strip = score_strip(run.scores, summarise(run.scores), "gmm-ordered", "c2st", ROWS)
    assert strip is not None
    alt.Chart.from_dict(unpacked(strip))
    figure = figures.Figure("density-gmm <b>-mu[1,2]", "x", {"a": "</script>"})
    assert figure.id == "figure-density-gmm-b-mu-1-2"
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", figure.packed)
