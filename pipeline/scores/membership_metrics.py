"""The metrics of memberships, once for each kind of membership."""

from pipeline.scores.metric import INFINITY, SECOND_RUN, Metric

KINDS = {
    "membership": ("membership", "P(z_n = k | y)"),
    "filtering": ("filtering", "P(z_t = k | y_1..t)"),
    "smoothing": ("smoothing", "P(z_t = k | y_1..T)"),
}
_TRUTH_FLOOR = (
    "Not a noise level but the goal: the second reference run's own score, cut to the method's number of "
    "draws. Read the difference to it."
)
_EXPECTED = (
    "Against the truth where it is known; else its expected value under the reference's probabilities."
)


def membership_metrics(kind: str) -> list[Metric]:
    """Return the metrics of one of ``KINDS``."""
    title, symbol = KINDS[kind]
    of = f"of {symbol}"

    def metric(
        name: str,
        words: str,
        definition: str,
        formula: str,
        unit: str,
        maximum: float,
        source: str,
        *,
        noise: bool,
        close: float | None = None,
    ) -> Metric:
        higher = name == "accuracy"
        return Metric(
            name=f"{kind}_{name}",
            title=f"{title} {words}",
            definition=definition,
            formula=formula,
            unit=unit,
            minimum=0,
            maximum=maximum,
            ideal=1 if higher else 0,
            direction="higher is better" if higher else "lower is better",
            summary="mean",
            baseline="noise" if noise else "reference",
            floor=SECOND_RUN if noise else _TRUTH_FLOOR,
            source=source,
            close=close,
        )

    return [
        metric(
            "accuracy",
            "accuracy",
            f"Share of observations whose most probable component, by the maximum {of}, is the true one. "
            f"{_EXPECTED}",
            "mean over n of 1[argmax_k p_n = z_n]",
            "share",
            1,
            "Hastie, Tibshirani and Friedman 2009, The Elements of Statistical Learning, 2.4",
            noise=False,
        ),
        metric(
            "log_loss",
            "log loss",
            f"Mean negative log probability of the true component {of}. {_EXPECTED}",
            "-mean over n of log p_n(z_n)",
            "nats per observation",
            INFINITY,
            "Good 1952, Journal of the Royal Statistical Society B 14(1)",
            noise=False,
        ),
        metric(
            "brier",
            "Brier score",
            f"Mean squared distance {of} to the indicator of the true component. {_EXPECTED}",
            "mean over n of sum_k (p_n(k) - 1[z_n = k])^2",
            "none",
            2,
            "Brier 1950, Monthly Weather Review 78(1)",
            noise=False,
        ),
        metric(
            "ece",
            "calibration error",
            f"Expected calibration error {of}: by how much the largest probability differs from the "
            f"share of correct assignments, in 10 bins of equal width. {_EXPECTED}",
            "sum over bins b of (n_b / N) |share correct in b - mean largest probability in b|",
            "probability",
            1,
            "Guo, Pleiss, Sun and Weinberger 2017, ICML",
            noise=False,
        ),
        metric(
            "excess_log_loss",
            "excess log loss",
            f"How much log loss the probabilities {of} cost beyond the reference's own, if the reference "
            "is right: their mean KL divergence. Probabilities below 2e-308 count as that.",
            "mean over n of sum_k p_ref(k) log(p_ref(k) / p(k))",
            "nats per observation",
            INFINITY,
            "Kullback and Leibler 1951, Annals of Mathematical Statistics 22(1)",
            noise=True,
            close=0.01,
        ),
        metric(
            "total_variation",
            "total variation",
            f"Mean share of the probability {of} that stands at another component than in the reference.",
            "mean over n of sum_k |p(k) - p_ref(k)| / 2",
            "probability",
            1,
            "Levin, Peres and Wilmer 2017, Markov Chains and Mixing Times, ch. 4",
            noise=True,
            close=0.02,
        ),
    ]
