import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

from pipeline.scores.evaluate import DataSetScorer, ess_bulk_min, score_data_set
from pipeline.scores.metrics import METRICS

TRUTH = (np.arange(30) < 15).astype(int)
MEMBERSHIP = ["accuracy", "log_loss", "brier", "ece", "excess_log_loss", "total_variation"]


def by_name(rows):
    return {(row.metric, row.parameter): row for row in rows}


@pytest.fixture(scope="module")
def shifted(references, normal_posterior):
    """A biased method with a density, its rows and its scores by name."""
    method = normal_posterior(3, chains=1, draws=2000, shift=0.5, scale=0.8, references=references)
    return method, score_data_set(method, references, TRUTH, seed=1)


def test_every_score_is_there_once(shifted):
    parameters = ["mu[1]", "mu[2]", "sigma"]
    expected = [(m, p) for m in ("mean_error_sd", "log_sd_ratio", "wasserstein1_sd") for p in parameters]
    expected += [(m, "") for m in ("sliced_wasserstein", "c2st", "c2st_auc")]
    expected += [(f"membership_{name}", "") for name in MEMBERSHIP]
    expected += [("pareto_k", ""), ("kl_to_reference", ""), ("evidence_gap", "")]
    assert [(row.metric, row.parameter) for row in shifted[1]] == expected


def test_values_are_the_known_ones(shifted):
    scores = by_name(shifted[1])
    truth = {
        ("mean_error_sd", "mu[1]"): 0.5,
        ("log_sd_ratio", "mu[2]"): math.log(0.8),
        ("kl_to_reference", ""): 3 * (math.log(0.8) + 1.25 / (2 * 0.64) - 0.5),
        ("evidence_gap", ""): 3 * (-math.log(0.8) + (0.64 + 0.25 - 1) / 2),
    }
    for key, value in truth.items():
        assert scores[key].value == pytest.approx(value, abs=4 * scores[key].mcse)
    # 1,000 draws of either side add about their sampling noise to the exact distance.
    assert math.hypot(0.5, 0.2) < scores["sliced_wasserstein", ""].value < math.hypot(0.5, 0.2) + 0.06


def test_floors_are_the_second_runs_scores(shifted, references):
    """A method of the same number of draws that is the second reference scores exactly the floor."""
    first, second = references
    floors = by_name(shifted[1])
    cut = dataclasses.replace(
        second,
        parameters={name: draws[:, :500] for name, draws in second.parameters.items()},
        unconstrained=second.unconstrained[:, :500],
        log_p=second.log_p[:, :500],
        # The first two of each chain's four batches.
        memberships={"membership": second.memberships["membership"][[0, 1, 4, 5, 8, 9, 12, 13]]},
    )
    for row in score_data_set(cut, (first, second), TRUTH, seed=1):
        floor = floors[row.metric, row.parameter].floor
        assert row.value == pytest.approx(floor, rel=1e-9, abs=1e-12) and row.floor == floor, row
    assert math.isnan(floors["pareto_k", ""].floor)
    for name in ("kl_to_reference", "evidence_gap"):
        assert 0 <= floors[name, ""].floor < 5 * floors[name, ""].mcse


def test_floors_are_of_probabilities_whatever_the_sizes_of_the_batches(shifted, references, normal_posterior):
    """Of a reference whose chains do not split evenly the first batches are the larger ones."""
    first, second = references
    sizes = np.where(np.arange(16) % 4 < 2, 1.02, 0.98)[:, None, None]
    uneven = dataclasses.replace(second, memberships={"membership": second.memberships["membership"] * sizes})
    scores = [by_name(score_data_set(shifted[0], (first, one), TRUTH, seed=1)) for one in (second, uneven)]
    for name in ("membership_excess_log_loss", "membership_log_loss", "membership_total_variation"):
        assert scores[1][name, ""].floor == pytest.approx(scores[0][name, ""].floor, abs=1e-12)


def test_references_may_differ_in_length(shifted, references, normal_posterior):
    """The shorter one's densities end in NaN, as the fit stage pads them."""
    first, second = references[0], normal_posterior(2, draws=300)
    method, _ = shifted
    at_second = normal_posterior(3, chains=1, draws=2000, shift=0.5, scale=0.8, references=[second]).proposal
    padded = np.full((2, 4000), np.nan)
    padded[0], padded[1, :1200] = method.proposal.log_q_reference[0], at_second.log_q_reference[0]
    ragged = dataclasses.replace(
        method, proposal=dataclasses.replace(method.proposal, log_q_reference=padded)
    )
    found = by_name(score_data_set(ragged, (first, second), TRUTH, seed=1))["kl_to_reference", ""]
    assert found.value == by_name(shifted[1])["kl_to_reference", ""].value
    assert 0 <= found.floor < 8 * found.mcse


def test_scoring_several_methods_is_scoring_each(shifted, references, normal_posterior):
    method, rows = shifted
    scorer = DataSetScorer(references, TRUTH, seed=1)
    scorer.score(normal_posterior(5, draws=250))
    np.testing.assert_equal(scorer.score(method), rows)  # NaN equals NaN here
    np.testing.assert_equal(scorer.score(method), rows)


def test_identical_draws_score_zero(references):
    first, second = references
    scores = by_name(score_data_set(first, (first, second), None, seed=1))
    for key in scores:
        if key[0] in ("mean_error_sd", "log_sd_ratio", "wasserstein1_sd", "sliced_wasserstein"):
            assert scores[key].value == 0
    assert scores["membership_total_variation", ""].value == 0


def test_hmm_memberships_are_scored_by_kind(references, normal_posterior):
    def as_hmm(posterior):
        p = posterior.memberships["membership"]
        return dataclasses.replace(posterior, memberships={"filtering": p, "smoothing": p[..., ::-1]})

    rows = score_data_set(as_hmm(normal_posterior(3)), tuple(map(as_hmm, references)), TRUTH, seed=1)
    names = [row.metric for row in rows if row.metric in METRICS and "sliced" not in row.metric][11:]
    assert names == [f"{kind}_{name}" for kind in ("filtering", "smoothing") for name in MEMBERSHIP]
    # The smoothing memberships have their components swapped.
    scores = by_name(rows)
    assert scores["smoothing_accuracy", ""].value == pytest.approx(1 - scores["filtering_accuracy", ""].value)


def test_unfit_draws_are_refused(references, normal_posterior):
    method = normal_posterior(3)
    broken = method.unconstrained.copy()
    broken[0, 3, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        score_data_set(dataclasses.replace(method, unconstrained=broken), references, None, seed=1)
    other = dataclasses.replace(method, parameters={"mu": method.parameters["mu"]})
    with pytest.raises(ValueError, match="parameters"):
        score_data_set(other, references, None, seed=1)


def test_posteriors_stay_unchanged(references, normal_posterior):
    method = normal_posterior(3, references=references)
    posteriors = (method, *references)

    def arrays():
        return [
            array.copy()
            for p in posteriors
            for array in (*p.parameters.values(), p.unconstrained, p.log_p, *p.memberships.values())
        ]

    before = arrays()
    score_data_set(method, references, TRUTH, seed=1)
    for old, new in zip(before, arrays(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_smallest_effective_size(normal_posterior):
    independent = ess_bulk_min(normal_posterior(1, chains=1, draws=4000))
    correlated = ess_bulk_min(normal_posterior(1, chains=4, draws=1000))
    assert 3000 < independent <= 4000
    assert correlated == pytest.approx(4000 / 3, rel=0.2)  # AR(1) with correlation 1/2


def test_slow_libraries_are_imported_when_used():
    code = (
        "import sys, pipeline.scores.evaluate; print({'arviz', 'sklearn', 'ot', 'pandas'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
