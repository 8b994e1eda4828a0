"""Scores of label switching on draws whose copies and modes are known."""

import dataclasses
import math

import numpy as np
import pytest

from pipeline.labels.permuting import permute
from pipeline.labels.runs import USED
from pipeline.scores import label_switching
from pipeline.scores.evaluate import DataSetScorer, score_data_set
from pipeline.scores.metrics import METRICS
from tests.labels.posteriors import AXES, exchangeable, stuck, wandering


@pytest.fixture(scope="module")
def references():
    return exchangeable(1, stuck, n_draws=500), exchangeable(2, wandering, n_draws=500)


def scores(method, references):
    return {(row.metric, row.parameter): row for row in score_data_set(method, references, None, seed=1)}


def test_chains_that_stay_in_their_copies(references):
    found = scores(exchangeable(3, stuck), references)
    assert found["switch_rate", ""].value == 0
    assert found["copies_visited", ""].value == pytest.approx(4 / 6)
    by_chain = found["copies_visited_by_chain", ""]
    assert (by_chain.value, by_chain.mcse) == (pytest.approx(1 / 6), 0)
    assert found["copy_imbalance", ""].value == pytest.approx(2 / 6)
    assert found["rhat_raw", ""].value > 1.5
    assert found["rhat_relabelled", ""].value < 1.02 and found["rhat_invariant", ""].value < 1.02


def test_shares_of_copies_by_chain(references):
    """Each chain stays in one copy; together they hold what the copies' shares say."""
    posterior = exchangeable(3, stuck)
    chains = label_switching.copies_by_chain(posterior.labels)
    assert [chain["chain"] for chain in chains] == [1, 2, 3, 4]
    assert all(chain["switch_rate"] == 0 and list(chain["shares"].values()) == [1] for chain in chains)
    assert len({next(iter(chain["shares"])) for chain in chains}) == 4
    name = next(iter(chains[1]["shares"]))
    assert [int(c) - 1 for c in name.split("-")] == list(posterior.labels.permutations[USED][1, 0])
    wanders = label_switching.copies_by_chain(exchangeable(3, wandering).labels)
    assert all(len(chain["shares"]) == 6 and chain["switch_rate"] == 1 for chain in wanders)
    assert all(sum(chain["shares"].values()) == pytest.approx(1) for chain in wanders)


def test_independent_draws_from_all_copies(references):
    found = scores(exchangeable(3, wandering), references)
    assert found["switch_rate", ""].value == 1
    assert found["copies_visited", ""].value == found["copies_visited_by_chain", ""].value == 1
    assert found["copy_imbalance", ""].value < 0.01
    assert found["rhat_raw", ""].value < 1.02


def test_one_copy_is_told_from_a_missed_mode(references):
    """One copy of the right mode is as good as all; half the mass in another mode is missed."""
    both = (
        exchangeable(1, wandering, n_draws=500, second_mode=0.5),
        exchangeable(2, stuck, n_draws=500, second_mode=0.5),
    )
    one_copy = scores(exchangeable(5, lambda c, d: 0, n_chains=1, n_draws=1000, second_mode=0.5), both)
    one_mode = scores(exchangeable(5, wandering, n_chains=4, n_draws=250), both)
    assert one_copy["copies_visited", ""].value == pytest.approx(1 / 6)
    assert one_copy["missed_mass", ""].value < 0.06 > one_copy["missed_mass", ""].floor
    assert one_mode["copies_visited", ""].value == 1
    assert one_mode["missed_mass", ""].value == pytest.approx(0.5, abs=0.06)
    assert one_mode["coclustering_error", ""].value > 5 * one_copy["coclustering_error", ""].value
    assert one_mode["invariant_wasserstein1_sd", "sorted mu(2)"].value > 0.5
    assert one_copy["invariant_wasserstein1_sd", "sorted mu(2)"].value < 0.15
    assert ("rhat_raw", "") not in one_copy, "one chain has none"
    assert ("copies_visited_by_chain", "") not in one_copy


def test_every_metric_is_registered_and_has_its_kind_of_floor(references):
    for (metric, _), row in scores(exchangeable(3, wandering), references).items():
        assert math.isnan(row.floor) == (METRICS[metric].baseline == "none"), metric


def test_relabellers_are_compared_up_to_one_permutation(references):
    found = exchangeable(3, wandering)
    assert label_switching.relabeller_agreement(found.labels, "same", found.log_p).value == 1
    assert label_switching.relabeller_agreement(found.labels, "fixed", found.log_p).value == pytest.approx(
        1 / 6, abs=0.01
    )


def test_raw_draws_come_back():
    posterior = exchangeable(3, wandering)
    raw = posterior.labels.raw(posterior.parameters)
    np.testing.assert_array_equal(
        permute(raw, AXES, posterior.labels.permutations[USED])["mu"], posterior.parameters["mu"]
    )
    assert not np.array_equal(raw["mu"], posterior.parameters["mu"])


def test_coclustering_errors_are_calibrated(references, check_calibration):
    """Between two posteriors that differ, the estimate's spread is as reported."""
    reference = exchangeable(1, stuck, n_draws=2500).labels
    estimates = [
        label_switching.coclustering_error(
            exchangeable(10 + i, stuck, second_mode=0.3).labels, reference, seed=i
        )
        for i in range(40)
    ]
    check_calibration(estimates, factor=1.5)


def test_missed_mass_of_equal_distributions_is_small_and_of_a_missing_half_a_half():
    rng = np.random.default_rng(4)
    reference, method = rng.normal(size=(2, 1, 1000, 5))
    assert label_switching.missed_mass(method, reference).value == pytest.approx(2**-5, abs=0.02)
    reference[0, rng.random(1000) < 0.5] += 10
    found = label_switching.missed_mass(method, reference)
    assert found.value == pytest.approx(0.5, abs=0.06) and 0.005 < found.mcse < 0.03


def test_what_does_not_fit_is_refused(references):
    bare = dataclasses.replace(exchangeable(3, stuck), labels=None)
    with pytest.raises(ValueError, match="relabelled"):
        DataSetScorer(references, None, seed=1).score(bare)
    labels = dataclasses.replace(references[0].labels, observed=np.arange(1, 16))
    with pytest.raises(ValueError, match="other observations"):
        label_switching.coclustering_error(labels, references[0].labels, seed=1)
