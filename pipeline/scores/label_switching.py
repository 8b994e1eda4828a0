"""How a method deals with the K! copies of each mode that exchangeable labels give a posterior.

Labels say nothing, so a method that knows one copy knows the posterior; one that misses a mode which is no
permutation of those it knows does not. The first is seen by what labels the raw draws bear, the second by
relabelled draws and by quantities that no relabelling changes.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from pipeline.labels.invariants import invariants
from pipeline.labels.permuting import all_permutations, compose, inverse, numbers
from pipeline.labels.runs import USED, Labels
from pipeline.posterior import Posterior
from pipeline.scores.agreement import wasserstein1_sd
from pipeline.scores.batch_variance import batch_variance
from pipeline.scores.monte_carlo import Estimate, discrete_mcse

NEIGHBOURS = 5

Copies = Int[np.ndarray, "chain draw"]
Chains = Float[np.ndarray, "chain draw"]


def label_scores(method: Posterior, reference: Posterior, *, seed: int) -> dict[tuple[str, str], Estimate]:
    """Return every score of label switching, by metric and parameter.

    Args:
        method: relabelled draws with their labels.
        reference: the same of a certified reference.
        seed: of the bootstrap.

    Raises:
        ValueError: draws without labels, or co-clustering of other observations.
    """
    labels, of_reference = method.labels, reference.labels
    if labels is None or of_reference is None:
        raise ValueError("draws of an exchangeable scenario must have been relabelled")
    copies, n_copies = numbers(labels.permutations[USED]), math.factorial(_n_components(labels))
    own, other = of_posterior(method, labels), of_posterior(reference, of_reference)
    scores = {
        ("switch_rate", ""): switch_rate(copies, method.log_p),
        ("copies_visited", ""): copies_visited(copies, n_copies),
        ("copy_imbalance", ""): copy_imbalance(copies, n_copies, method.log_p),
        ("coclustering_error", ""): coclustering_error(labels, of_reference, seed=seed),
    }
    for name, values in own.items():
        scores["invariant_wasserstein1_sd", name] = wasserstein1_sd(values, other[name])
    for name in labels.permutations:
        if name != USED:
            scores["relabeller_agreement", name] = relabeller_agreement(labels, name, method.log_p)
    if method.log_p.shape[0] > 1:
        raw = Posterior(labels.raw(method.parameters), method.unconstrained, method.log_p, {})
        scores["rhat_raw", ""] = r_hat_max(raw.scalars())
        scores["rhat_relabelled", ""] = r_hat_max(method.scalars())
        scores["rhat_invariant", ""] = r_hat_max(own)
        scores["copies_visited_by_chain", ""] = copies_visited_by_chain(copies, n_copies)
    return scores


def of_posterior(posterior: Posterior, labels: Labels) -> dict[str, Float[np.ndarray, "chain draw"]]:
    """Return what no relabelling changes in a posterior's draws."""
    return invariants(posterior.parameters, labels.axes, posterior.log_p, labels.together)


def switch_rate(copies: Copies, log_p: Chains) -> Estimate:
    """Return the share of steps of a chain that end in another copy than they began; 0 for one draw.

    Independent draws from all copies score 1 - 1/K!.
    """
    switched = (np.diff(copies, axis=1) != 0).astype(float)
    if switched.size == 0:
        return Estimate(0.0, math.nan)
    return Estimate(float(switched.mean()), discrete_mcse(switched, log_p[:, 1:]))


def copies_visited(copies: Copies, n_copies: int) -> Estimate:
    """Return the share of the K! copies that hold any draw; its error is unknown."""
    return Estimate(len(np.unique(copies)) / n_copies, math.nan)


def copies_visited_by_chain(copies: Copies, n_copies: int) -> Estimate:
    """Return the mean over chains of the share of the copies that a chain visits, with the chains' error."""
    each = np.array([len(np.unique(chain)) for chain in copies]) / n_copies
    return Estimate(float(each.mean()), float(each.std(ddof=1)) / math.sqrt(len(each)))


def copy_shares(copies: Copies, n_copies: int) -> Float[np.ndarray, " copy"]:
    """Return the share of draws in each copy."""
    return np.bincount(copies.ravel(), minlength=n_copies) / copies.size


def copy_imbalance(copies: Copies, n_copies: int, log_p: Chains) -> Estimate:
    """Return the total variation distance of the copies' shares from equality, in 0 .. 1 - 1/K!."""
    excess = copy_shares(copies, n_copies) - 1 / n_copies
    influence = 0.5 * np.sign(excess)[copies]
    return Estimate(0.5 * float(np.abs(excess).sum()), discrete_mcse(influence, log_p))


def copies_by_chain(labels: Labels) -> list[dict[str, Any]]:
    """Return, for each chain, its switch rate and its shares of draws by copy, those without draws left out.

    A copy is named by the components, from 1, that bear the labels 1, 2, .. of the reference in it: "2-1".
    """
    every = all_permutations(_n_components(labels)) + 1
    out = []
    for chain, copies in enumerate(numbers(labels.permutations[USED]), start=1):
        shares = copy_shares(copies, len(every))
        named = {"-".join(map(str, every[c])): float(shares[c]) for c in np.flatnonzero(shares)}
        rate = float((np.diff(copies) != 0).mean()) if copies.size > 1 else 0.0
        out.append({"chain": chain, "switch_rate": rate, "shares": named})
    return out


def relabeller_agreement(labels: Labels, name: str, log_p: Chains) -> Estimate:
    """Return the share of draws to which a relabeller gives the labels that were used.

    The two may name components differently throughout, so the most frequent difference counts as none.
    """
    difference = numbers(compose(inverse(labels.permutations[USED]), labels.permutations[name]))
    same = (difference == np.bincount(difference.ravel()).argmax()).astype(float)
    return Estimate(float(same.mean()), discrete_mcse(same, log_p))


def coclustering_error(method: Labels, reference: Labels, *, seed: int) -> Estimate:
    """Return the mean absolute difference of P(z_n = z_m | y) over pairs of different observations.

    Raises:
        ValueError: the two are about other observations.
    """
    if not np.array_equal(method.observed, reference.observed):
        raise ValueError("co-clustering of other observations than the reference's")
    n = len(method.observed)
    if n < 2:
        return Estimate(0.0, 0.0)
    mean, mean_reference = method.coclustering.mean(axis=0), reference.coclustering.mean(axis=0)

    def error(similarity: np.ndarray, other: np.ndarray) -> np.ndarray:
        # On the diagonal stands the share of draws, which differs where batches do.
        known = similarity / similarity[..., :1, :1]
        return np.abs(known - other).sum(axis=(-2, -1)) / (n * (n - 1))

    rng = np.random.default_rng(seed)
    variance = batch_variance(
        method.coclustering, lambda s: error(s, mean_reference), rng, len(method.together)
    )
    variance += batch_variance(reference.coclustering, lambda s: error(s, mean), rng, len(reference.together))
    return Estimate(float(error(mean, mean_reference)), math.sqrt(variance))


def missed_mass(
    method: Float[np.ndarray, "chain draw dim"], reference: Float[np.ndarray, "chain draw dim"]
) -> Estimate:
    """Return the share of reference draws in whose neighbourhood the method has no draw.

    One less coverage as Naeem et al. (2020, ICML, eq. 9) define it: a reference draw's neighbourhood reaches
    to its fifth nearest reference draw. Draws of equal distributions and number score about 2^-5 = 0.03.

    Args:
        method: whitened, relabelled draws.
        reference: as many draws of the reference, whitened and relabelled alike.
    """
    x, y = (draws.reshape(-1, draws.shape[-1]) for draws in (method, reference))
    radius = KDTree(y).query(y, k=NEIGHBOURS + 1)[0][:, -1]  # the nearest one is the draw itself
    nearest = KDTree(x).query(y)[0]
    missed = (nearest > radius).astype(float).reshape(reference.shape[:2])
    return Estimate(float(missed.mean()), discrete_mcse(missed, reference[..., 0]))


def r_hat_max(scalars: dict[str, Float[np.ndarray, "chain draw"]]) -> Estimate:
    """Return the largest rank-normalised split R-hat (Vehtari et al. 2021); infinite for constant chains."""
    import arviz as az  # costs most of a second

    stacked = np.stack(list(scalars.values()), axis=-1)
    found = np.asarray(az.rhat(az.convert_to_dataset({"x": stacked}))["x"])  # pyright: ignore[reportIndexIssue]
    return Estimate(float(np.where(np.isnan(found), np.inf, found).max()), math.nan)


def _n_components(labels: Labels) -> int:
    return labels.permutations[USED].shape[-1]
