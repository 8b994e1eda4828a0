import math

import pandas as pd
import pytest

from pipeline.report.duels import Duel, duel, duel_sentence
from pipeline.report.inputs import read_run
from pipeline.report.render import render_html
from pipeline.report.sentences import Finding, method_sentence
from tests.report.synthetic import Made, write_run


def tables(own, theirs, own_s=(2.0, 8.0), theirs_s=(1.0, 1.0)):
    """Return scores and timings of data sets 0, 1, ..; NaN where there is no score."""
    scores, timings = [], []
    for method, values, walls in (("flow-vi", own, own_s), ("advi-fullrank", theirs, theirs_s)):
        scores += [("a", i, method, "kl_to_reference", value) for i, value in enumerate(values)]
        scores += [("a", i, method, "c2st", -value) for i, value in enumerate(values)]
        scores += [("b", i, method, "kl_to_reference", 0.0) for i, _ in enumerate(values)]
        timings += [("a", i, method, "infer", wall, wall, math.nan) for i, wall in enumerate(walls)]
        timings += [("a", i, method, "build", 1000.0, 1000.0, math.nan) for i, _ in enumerate(walls)]
    return (
        pd.DataFrame(scores, columns=["scenario", "dataset", "method", "metric", "value"]),
        pd.DataFrame(
            timings,
            columns=["scenario", "dataset", "method", "phase", "wall_s", "cpu_s", "ess_bulk_min"],
        ),
    )


@pytest.mark.parametrize(
    ("own", "theirs", "nearer", "scored"),
    [
        ((0.1, 0.4), (0.2, 0.3), 1, 2),
        ((0.1, 0.1), (0.2, 0.3), 2, 2),
        ((0.1, math.nan), (0.2, 0.3), 1, 2),  # a failed fit is not nearer
        ((0.1, 0.1), (0.2, math.nan), 1, 1),
        ((0.2, math.inf), (0.2, math.inf), 0, 2),
    ],
)
def test_nearer_data_sets_are_counted(own, theirs, nearer, scored):
    found = duel(*tables(own, theirs), "a", "flow-vi")
    # The geometric mean of 2 and 8; building counts for neither.
    assert found == Duel("a", "advi-fullrank", nearer, scored, pytest.approx(4.0))


def test_there_is_no_duel_where_labels_are_exchangeable():
    """There a divergence counts copies that are known, which relabelling brings back."""
    scores, timings = tables((0.1, 0.4), (0.2, 0.3))
    copies = pd.DataFrame([("a", 0, "flow-vi", "copies_visited", 1.0)], columns=scores.columns)
    assert duel(pd.concat([scores, copies]), timings, "a", "flow-vi") is None


def test_only_a_method_with_a_scored_opponent_has_a_duel():
    scores, timings = tables((0.1, 0.4), (0.2, 0.3))
    assert duel(scores, timings, "a", "pathfinder") is None
    assert duel(scores[scores["method"] == "flow-vi"], timings, "a", "flow-vi") is None
    assert duel(scores, timings, "elsewhere", "flow-vi") is None
    without_time = duel(scores, timings[:0], "a", "flow-vi")
    assert without_time is not None and math.isnan(without_time.wall_ratio)


def test_the_sentence_says_how_often_and_at_what_cost():
    duels = [Duel("a", "advi-fullrank", 9, 10, 12.34), Duel("b", "advi-fullrank", 0, 3, math.nan)]
    text = (
        "Nearer to the reference (KL divergence) than advi-fullrank on 9 of 10 data sets of a, "
        "at 12 times its wall time; on 0 of 3 data sets of b."
    )
    assert duel_sentence(duels) == text
    assert duel_sentence([]) == ""
    finding = Finding("a", "close", 10, 0, None, 0.0, 0.0, 0.0, None, duel=duels[0])
    assert "on 9 of 10 data sets of a, at 12 times its wall time." in method_sentence("flow-vi", [finding])


@pytest.mark.slow
def test_it_stands_on_the_first_screen(tmp_path):
    made = [Made(name, ("mu",), ("membership",), 4, 2) for name in "ab"]
    methods = ["nuts", "advi-fullrank", "flow-vi"]
    folder = write_run(tmp_path / "run", scenarios=made, methods=methods, with_examples=False)
    run = read_run(folder)
    duels = [duel(run.scores, run.timings, name, "flow-vi") for name in run.scenarios]
    assert len(duels) == 2 and all(duels)
    assert duel_sentence([one for one in duels if one]) in render_html(run)
