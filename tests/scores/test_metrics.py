import itertools

import pytest

from pipeline.scores.glossary import DOCUMENT, updated
from pipeline.scores.metrics import METRICS

CONTRACT = ["mean_error_sd", "log_sd_ratio", "wasserstein1_sd", "sliced_wasserstein", "c2st", "pareto_k"]
CONTRACT += ["kl_to_reference", "evidence_gap"]
OF_LABELS = ["rhat_raw", "rhat_relabelled", "rhat_invariant", "switch_rate", "copies_visited"]
OF_LABELS += ["copies_visited_by_chain"]
OF_LABELS += ["copy_imbalance", "missed_mass", "coclustering_error", "invariant_wasserstein1_sd"]
OF_LABELS += ["relabeller_agreement"]
KINDS = ["membership", "filtering", "smoothing"]
OF_MEMBERSHIPS = ["accuracy", "log_loss", "excess_log_loss", "brier", "ece", "total_variation"]
CONTRACT += ["_".join(pair) for pair in itertools.product(KINDS, OF_MEMBERSHIPS)]


def test_every_metric_of_the_contract_is_registered():
    assert set(METRICS) == {*CONTRACT, "c2st_auc", *OF_LABELS}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_entries_are_consistent(metric):
    assert metric.minimum <= metric.ideal <= metric.maximum
    texts = [metric.title, metric.definition, metric.formula, metric.unit, metric.floor, metric.source]
    assert all(text.strip() == text != "" for text in texts)
    assert (metric.minimum < 0 < metric.maximum) or not metric.signed
    if metric.close is not None:
        assert metric.baseline == "noise" and metric.ideal < metric.close < metric.maximum
    if metric.direction == "higher is better":
        assert metric.ideal == metric.maximum


def test_document_lists_the_registry():
    text = DOCUMENT.read_text()
    assert updated(text) == text, "run python -m pipeline.scores.glossary"
    assert all(f"`{name}`" in text for name in METRICS)
