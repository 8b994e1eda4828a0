"""The metrics of draws and densities against the reference."""

from pipeline.scores.metric import INFINITY, SECOND_RUN, Metric

_JOINT = (
    "1,000 evenly thinned draws of either side, in unconstrained space, whitened by the reference's mean and "
    "covariance"
)

POSTERIOR_METRICS = [
    Metric(
        name="mean_error_sd",
        title="mean error",
        definition="Error of the posterior mean, in posterior standard deviations of the reference.",
        formula="(mean_method - mean_ref) / sd_ref",
        unit="posterior sd",
        minimum=-INFINITY,
        maximum=INFINITY,
        ideal=0,
        direction="toward zero",
        summary="root mean square",
        baseline="noise",
        floor=SECOND_RUN,
        source="Huggins, Kasprzak, Campbell and Broderick 2020, AISTATS (error of the mean in sds)",
        per_parameter=True,
        close=0.1,
    ),
    Metric(
        name="log_sd_ratio",
        title="log sd ratio",
        definition=(
            "Error of the posterior's spread: below 0 overconfident, above 0 too wide; -0.1 is 10% too "
            "narrow."
        ),
        formula="log(sd_method / sd_ref)",
        unit="nats",
        minimum=-INFINITY,
        maximum=INFINITY,
        ideal=0,
        direction="toward zero",
        summary="root mean square",
        baseline="noise",
        floor=SECOND_RUN,
        source="Giordano, Broderick and Jordan 2018, JMLR 19(51) (variational underestimation of spread)",
        per_parameter=True,
        close=0.1,
    ),
    Metric(
        name="wasserstein1_sd",
        title="Wasserstein-1",
        definition=(
            "How far, on average, probability mass of a marginal posterior must move to become the "
            "reference's, in posterior sds. A shift by 0.1 sd scores 0.1."
        ),
        formula="integral of |F_method - F_ref| / sd_ref",
        unit="posterior sd",
        minimum=0,
        maximum=INFINITY,
        ideal=0,
        direction="lower is better",
        summary="mean",
        baseline="noise",
        floor=SECOND_RUN,
        source="Vallender 1974, Theory of Probability and its Applications 18(4)",
        per_parameter=True,
        close=0.1,
    ),
    Metric(
        name="sliced_wasserstein",
        title="sliced Wasserstein",
        definition=(
            f"Wasserstein-2 distance averaged over 200 random directions, of {_JOINT}. A shift by 0.1 sd in "
            "every direction scores 0.1; sampling noise adds to that."
        ),
        formula="sqrt(mean over directions u of W2^2(u'x_method, u'x_ref))",
        unit="posterior sd",
        minimum=0,
        maximum=INFINITY,
        ideal=0,
        direction="lower is better",
        summary="mean",
        baseline="noise",
        floor=SECOND_RUN,
        source="Bonneel, Rabin, Peyré and Pfister 2015, Journal of Mathematical Imaging and Vision 51",
        close=0.15,
    ),
    Metric(
        name="c2st",
        title="two-sample classifier",
        definition=(
            "Accuracy of a classifier that tells the method's draws from the reference's, in 5-fold "
            f"cross-validation on {_JOINT}. At 0.5 it cannot tell them apart, at 1 the two never overlap. No "
            "single value proves a defect: it depends on classifier and sample size, so read it against its "
            "floor."
        ),
        formula="share of held-out draws classified correctly",
        unit="share",
        minimum=0,
        maximum=1,
        ideal=0.5,
        direction="lower is better",
        summary="mean",
        baseline="noise",
        floor=SECOND_RUN,
        source="Lopez-Paz and Oquab 2017, ICLR",
        close=0.6,
    ),
    Metric(
        name="c2st_auc",
        title="two-sample classifier, AUC",
        definition=(
            "The same classifier's area under the ROC curve: the chance that it gives a draw of the method "
            "the higher score than a draw of the reference."
        ),
        formula="mean over folds of P(score of a method's draw > score of a reference draw)",
        unit="probability",
        minimum=0,
        maximum=1,
        ideal=0.5,
        direction="lower is better",
        summary="mean",
        baseline="noise",
        floor=SECOND_RUN,
        source=(
            "Lopez-Paz and Oquab 2017, ICLR; error by DeLong, DeLong and Clarke-Pearson 1988, Biometrics "
            "44(3)"
        ),
    ),
    Metric(
        name="pareto_k",
        title="Pareto k-hat",
        definition=(
            "Tail shape of the importance ratios of the posterior to the approximation: up to 0.5 good, "
            "above 0.7 the draws cannot be corrected by reweighting, below 0 the ratios are bounded and "
            "differences say little. From a thousand draws its error is 0.1 to 0.2. It cannot see a mode "
            "that the approximation misses, so never read it without sliced Wasserstein and c2st."
        ),
        formula="shape of the generalised Pareto distribution fitted to the largest p/q at draws from q",
        unit="none",
        minimum=-INFINITY,
        maximum=INFINITY,
        ideal=0,
        direction="lower is better",
        summary="median",
        baseline="none",
        floor="None: exact draws have constant ratios and no tail.",
        source="Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR 25(72); Yao et al. 2018, ICML",
        threshold=0.7,
    ),
    Metric(
        name="kl_to_reference",
        title="KL divergence",
        definition=(
            "Kullback-Leibler divergence of the approximation from the posterior, for methods with a "
            "density: the mean log density ratio over reference draws, less the log evidence by bridge "
            "sampling. It sees missing modes and thin tails; where labels are exchangeable, also missing "
            "copies, since the reference's draws are then spread over all K! of them."
        ),
        formula="E_ref[log p - log q] - log Z",
        unit="nats",
        minimum=0,
        maximum=INFINITY,
        ideal=0,
        direction="lower is better",
        summary="mean",
        baseline="noise",
        floor=(
            "The difference between the estimates with the first and with the second reference run. Near "
            "it, estimates can be negative."
        ),
        source="Kullback and Leibler 1951; bridge sampling by Meng and Wong 1996, Statistica Sinica 6",
    ),
    Metric(
        name="evidence_gap",
        title="evidence gap",
        definition=(
            "By how much the evidence lower bound of an approximation with a density falls short of the log "
            "evidence, which bridge sampling gives: the divergence of the posterior from the approximation, "
            "which variational methods minimise. It forgives missing modes and thin tails: one copy alone of "
            "K! equal ones costs log K!."
        ),
        formula="log Z - E_q[log p - log q]",
        unit="nats",
        minimum=0,
        maximum=INFINITY,
        ideal=0,
        direction="lower is better",
        summary="mean",
        baseline="noise",
        floor=(
            "The difference between the estimates with the first and with the second reference run. Near "
            "it, estimates can be negative."
        ),
        source="Jordan, Ghahramani, Jaakkola and Saul 1999, Machine Learning 37; Meng and Wong 1996",
    ),
]
