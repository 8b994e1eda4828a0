"""The registry of metrics: what each number means, its direction, its source and how it is summarised.

The report's glossary and tooltips, the aggregation and docs/metrics.md all read this one table.
"""

from pipeline.scores.label_metrics import LABEL_METRICS
from pipeline.scores.membership_metrics import KINDS, membership_metrics
from pipeline.scores.metric import Metric
from pipeline.scores.posterior_metrics import POSTERIOR_METRICS

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in [
        *POSTERIOR_METRICS,
        *LABEL_METRICS,
        *(metric for kind in KINDS for metric in membership_metrics(kind)),
    ]
}
"""Every metric of scores.csv by name, in the order of a report."""
