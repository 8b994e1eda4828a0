"""The metrics of label switching, of scenarios whose labels are exchangeable."""

from pipeline.scores.metric import INFINITY, SECOND_RUN, Metric

_ALL_COPIES = "None: by symmetry the posterior has the same share in each of the K! copies."
MAX_R_HAT = 1.01
_R_HAT = "Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, Bayesian Analysis 16(2)"


def _r_hat(name: str, title: str, of: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        definition=f"Largest rank-normalised split R-hat {of} Only of methods with several chains.",
        formula="max over quantities of R-hat",
        unit="none",
        minimum=0,
        maximum=INFINITY,
        ideal=1,
        direction="lower is better",
        summary="median",
        baseline="noise",
        floor=SECOND_RUN,
        source=_R_HAT,
        threshold=MAX_R_HAT,
    )


LABEL_METRICS = [
    _r_hat(
        "rhat_raw",
        "R-hat, raw",
        "of the parameters as sampled. While chains sit in different copies of a mode it is large, however "
        "well each of them explored its own, so it says nothing about convergence.",
    ),
    _r_hat("rhat_relabelled", "R-hat, relabelled", "of the parameters after relabelling."),
    _r_hat(
        "rhat_invariant",
        "R-hat, invariant",
        "of quantities that no relabelling changes: log density, share of pairs together, sorted parameters.",
    ),
    Metric(
        name="switch_rate",
        title="switch rate",
        definition=(
            "Share of steps of a chain that end in another of the K! copies of a mode than they began in, a "
            "copy being known by the permutation that relabels it. 0 for a chain that stays in one; 1 - 1/K! "
            "for independent draws from all."
        ),
        formula="mean over chains and draws of 1[permutation_s != permutation_(s-1)]",
        unit="share",
        minimum=0,
        maximum=1,
        ideal=1,
        ideal_formula="1 - 1/K!",
        direction="higher is better",
        summary="mean",
        baseline="none",
        floor="None: it describes the sampler, and no posterior is better for it.",
        source="Jasra, Holmes and Stephens 2005, Statistical Science 20(1)",
    ),
    Metric(
        name="copies_visited",
        title="copies visited",
        definition=(
            "Share of the K! copies of the modes that hold at least one draw. A method that knows one copy "
            "well has lost nothing that relabelling cannot bring back."
        ),
        formula="number of different permutations / K!",
        unit="share",
        minimum=0,
        maximum=1,
        ideal=1,
        direction="higher is better",
        summary="mean",
        baseline="none",
        floor=_ALL_COPIES,
        source="Jasra, Holmes and Stephens 2005, Statistical Science 20(1)",
    ),
    Metric(
        name="copies_visited_by_chain",
        title="copies visited by a chain",
        definition=(
            "Share of the K! copies of the modes that one chain visits, the mean over chains. Chains that "
            "never leave theirs visit 1/K! each, however many copies all of them together have seen. Only of "
            "methods with several chains."
        ),
        formula="mean over chains of (number of different permutations / K!)",
        unit="share",
        minimum=0,
        maximum=1,
        ideal=1,
        direction="higher is better",
        summary="mean",
        baseline="none",
        floor=_ALL_COPIES,
        source="Jasra, Holmes and Stephens 2005, Statistical Science 20(1)",
    ),
    Metric(
        name="copy_imbalance",
        title="imbalance of copies",
        definition=(
            "Total variation distance of the draws' shares in the K! copies from 1/K! each; 1 - 1/K! where "
            "one copy has all."
        ),
        formula="sum over copies c of |share_c - 1/K!| / 2",
        unit="probability",
        minimum=0,
        maximum=1,
        ideal=0,
        direction="lower is better",
        summary="mean",
        baseline="none",
        floor=_ALL_COPIES,
        source="Levin, Peres and Wilmer 2017, Markov Chains and Mixing Times, ch. 4",
    ),
    Metric(
        name="missed_mass",
        title="missed mass",
        definition=(
            "Share of the reference's relabelled draws in whose neighbourhood (up to the fifth nearest draw "
            "of the reference) the method has none, of 1,000 of either side in whitened unconstrained space. "
            "Copies count as one here, so it is the mass of genuine modes, and of tails, that a method "
            "misses. About 0.03 for equal distributions."
        ),
        formula="mean over reference draws r of 1[distance to the method > distance to 5th neighbour]",
        unit="share",
        minimum=0,
        maximum=1,
        ideal=0,
        direction="lower is better",
        summary="mean",
        baseline="noise",
        floor=SECOND_RUN,
        source="Naeem, Oh, Uh, Choi and Yoo 2020, ICML (one less their coverage)",
    ),
    Metric(
        name="coclustering_error",
        title="co-clustering error",
        definition=(
            "Mean absolute error of the posterior similarity matrix, the probabilities that two observations "
            "share a component, over pairs of at most 50 observations. No relabelling changes it."
        ),
        formula="mean over n != m of |P(z_n = z_m | y)_method - P(z_n = z_m | y)_ref|",
        unit="probability",
        minimum=0,
        maximum=1,
        ideal=0,
        direction="lower is better",
        summary="mean",
        baseline="noise",
        floor=SECOND_RUN,
        source="Binder 1978, Biometrika 65(1); Fritsch and Ickstadt 2009, Bayesian Analysis 4(2)",
    ),
    Metric(
        name="invariant_wasserstein1_sd",
        title="Wasserstein-1, invariant",
        definition=(
            "Wasserstein-1 distance to the reference, in its sds, of quantities that no relabelling changes: "
            "log density, share of pairs together, sorted parameters."
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
    ),
    Metric(
        name="relabeller_agreement",
        title="agreement of relabellers",
        definition=(
            "Share of draws to which another relabeller gives the same labels as Stephens', whose labels all "
            "scores use, up to one permutation of all draws. Low where components overlap: then labels are "
            "no property of the posterior."
        ),
        formula="mean over draws of 1[permutation_other = permutation_Stephens]",
        unit="share",
        minimum=0,
        maximum=1,
        ideal=1,
        direction="higher is better",
        summary="mean",
        baseline="reference",
        floor="Not a noise level: the second reference run's own score.",
        source="Stephens 2000, J. R. Stat. Soc. B 62; Papastamoulis 2016, J. Stat. Softw. 69",
        per_parameter=True,
    ),
]
