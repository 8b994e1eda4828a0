"""All scores of one data set: a method's posterior against two independent certified reference runs."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from pipeline.posterior import Posterior
from pipeline.scores.agreement import (
    Whitening,
    log_sd_ratio,
    mean_error_sd,
    sliced_wasserstein,
    wasserstein1_sd,
)
from pipeline.scores.c2st import c2st
from pipeline.scores.classification import membership_scores, truth_scores
from pipeline.scores.density import divergences, pareto_k
from pipeline.scores.label_switching import label_scores, missed_mass
from pipeline.scores.metrics import METRICS
from pipeline.scores.monte_carlo import Estimate, effective_size, thin, thinned_size

# The joint scores depend on the sample size, so that every comparison takes the same number of draws.
N_JOINT_DRAWS = 1000


class ScoreRow(NamedTuple):
    """One score, as a row of scores.csv.

    Attributes:
        metric: name in ``pipeline.scores.metrics.METRICS``.
        parameter: Stan name of the scalar parameter; empty for a score of the whole posterior.
        value: the score.
        mcse: its Monte Carlo standard error; NaN where unknown.
        floor: what the second reference run scores in the method's place; NaN where that has no meaning.
    """

    metric: str
    parameter: str
    value: float
    mcse: float
    floor: float


_Scores = dict[tuple[str, str], Estimate]


class DataSetScorer:
    """Scores the methods of one data set; what depends on the references alone is computed once."""

    def __init__(
        self,
        reference: tuple[Posterior, Posterior],
        truth_z: Int[np.ndarray, " obs"] | None,
        seed: int,
    ):
        """Take the two reference runs, the first to score against and the second for the floor."""
        self._first, self._second = reference
        self._truth_z = truth_z
        self._seed = seed
        self._scalars = self._first.scalars()
        self._whitening = Whitening.fit(self._first.unconstrained)
        self._floors: dict[int, _Scores] = {}

    def score(self, method: Posterior) -> list[ScoreRow]:
        """Return every score that the method's posterior allows, each with its floor.

        The floor is the second reference run's score after cutting it to the method's number of draws: the
        first ones of each of its chains, and as many batches of memberships as hold so many draws, the first
        ones of each chain too.

        Raises:
            ValueError: draws that are not finite, or parameters other than the reference's.
        """
        n_draws = method.log_p.size
        if n_draws not in self._floors:
            self._floors[n_draws] = self._against_reference(_cut(self._second, n_draws))
        floors = self._floors[n_draws]
        rows = [
            ScoreRow(metric, parameter, *estimate, floor=_floor(floors, metric, parameter))
            for (metric, parameter), estimate in self._against_reference(method).items()
        ]
        return rows + self._density_scores(method)

    def _against_reference(self, method: Posterior) -> _Scores:
        scalars = method.scalars()
        if scalars.keys() != self._scalars.keys():
            raise ValueError(f"parameters {sorted(scalars)} against the reference's {sorted(self._scalars)}")
        if not all(np.isfinite(draws).all() for draws in (*scalars.values(), method.unconstrained)):
            raise ValueError("some draws are not finite")

        scores: _Scores = {}
        for function in (mean_error_sd, log_sd_ratio, wasserstein1_sd):
            for name, draws in scalars.items():
                scores[function.__name__, name] = function(draws, self._scalars[name])

        size = thinned_size(N_JOINT_DRAWS, method.unconstrained.shape, self._first.unconstrained.shape)
        of_method = self._whitening(thin(method.unconstrained, size))
        of_reference = self._whitening(thin(self._first.unconstrained, size))
        scores["sliced_wasserstein", ""] = sliced_wasserstein(of_method, of_reference, seed=self._seed)
        for metric, estimate in c2st(of_method, of_reference, seed=self._seed).items():
            scores[metric, ""] = estimate
        if self._first.labels is not None:
            scores["missed_mass", ""] = missed_mass(of_method, of_reference)
            scores |= label_scores(method, self._first, seed=self._seed)

        for kind in (kind for kind in self._first.memberships if kind in method.memberships):
            for name, estimate in membership_scores(
                method.memberships[kind],
                self._first.memberships[kind],
                self._truth_z,
                seed=self._seed,
                chains=(len(method.log_p), len(self._first.log_p)),
            ).items():
                scores[f"{kind}_{name}", ""] = estimate
        return scores

    def _density_scores(self, method: Posterior) -> list[ScoreRow]:
        """Return the scores that need a density; their reference counterparts would need one as well.

        The floor of a divergence is how far the estimates with the two runs lie apart.
        """
        proposal = method.proposal
        if proposal is None:
            return []
        log_ratio = proposal.log_p - proposal.log_q
        first, second = (
            divergences(run.log_p - log_q[: run.log_p.size].reshape(run.log_p.shape), log_ratio)
            for run, log_q in zip((self._first, self._second), proposal.log_q_reference, strict=True)
        )
        rows = [ScoreRow("pareto_k", "", *pareto_k(log_ratio), floor=math.nan)]
        for metric, one, again in zip(first._fields, first, second, strict=True):
            apart = abs(one.value - again.value) if math.isfinite(one.value) else math.nan
            rows.append(ScoreRow(metric, "", *one, floor=apart))
        return rows


def score_data_set(
    method: Posterior,
    reference: tuple[Posterior, Posterior],
    truth_z: Int[np.ndarray, " obs"] | None,
    seed: int,
) -> list[ScoreRow]:
    """Return every score of one method on one data set; ``DataSetScorer`` does several methods faster.

    Args:
        method: the method's posterior.
        reference: two independent certified reference runs.
        truth_z: true component of each observation, from 0; None where unknown.
        seed: seed of directions, folds and bootstraps.

    Raises:
        ValueError: as ``DataSetScorer.score``.
    """
    return DataSetScorer(reference, truth_z, seed).score(method)


def score_without_reference(
    method: Posterior, truth_z: Int[np.ndarray, " obs"] | None, seed: int
) -> list[ScoreRow]:
    """Return the scores that need no reference: memberships against the truth where it is known, and k-hat.

    None of them has a floor.

    Raises:
        ValueError: draws that are not finite.
    """
    if not all(np.isfinite(draws).all() for draws in method.parameters.values()):
        raise ValueError("some draws are not finite")
    rows = []
    if method.proposal is not None:
        estimate = pareto_k(method.proposal.log_p - method.proposal.log_q)
        rows.append(ScoreRow("pareto_k", "", *estimate, floor=math.nan))
    if truth_z is not None:
        for kind, batches in method.memberships.items():
            found = truth_scores(batches, truth_z, seed=seed, chains=len(method.log_p))
            rows += [ScoreRow(f"{kind}_{name}", "", *one, floor=math.nan) for name, one in found.items()]
    return rows


def ess_bulk_min(posterior: Posterior) -> float:
    """Return the smallest effective sample size among the scalar parameters (Vehtari et al. 2021, bulk).

    For independent draws it is close to their number, for resampled ones at most Kish's size; NaN with
    fewer than four draws a chain.
    """
    return min(effective_size(draws, "bulk") for draws in posterior.scalars().values())


def _floor(floors: _Scores, metric: str, parameter: str) -> float:
    """Return the second reference run's score; NaN where that is no yardstick."""
    return math.nan if METRICS[metric].baseline == "none" else floors[metric, parameter].value


def _cut(posterior: Posterior, n_draws: int) -> Posterior:
    """Return the posterior with its first draws, ``n_draws`` in all where it has so many."""
    chains, length = posterior.log_p.shape
    kept = min(length, math.ceil(n_draws / chains))

    def first(batches: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Return the first batches, of which ``shares`` are the sizes over the mean size of all."""
        n_batches = min(len(batches), max(2, round(len(batches) * kept / length)))
        chosen = np.arange(n_batches)
        if len(batches) % chains == 0:
            # The first batch of each chain, then the second of each.
            by_turn = np.arange(len(batches)).reshape(chains, -1).T.ravel()
            chosen = np.sort(by_turn[:n_batches])
        return batches[chosen] / shares[chosen].mean()

    return dataclasses.replace(
        posterior,
        parameters={name: draws[:, :kept] for name, draws in posterior.parameters.items()},
        unconstrained=posterior.unconstrained[:, :kept],
        log_p=posterior.log_p[:, :kept],
        memberships={
            kind: first(p, shares=p[:, 0].sum(axis=-1)) for kind, p in posterior.memberships.items()
        },
        labels=posterior.labels
        and dataclasses.replace(
            posterior.labels,
            permutations={name: p[:, :kept] for name, p in posterior.labels.permutations.items()},
            together=posterior.labels.together[:, :kept],
            coclustering=first(posterior.labels.coclustering, posterior.labels.coclustering[:, 0, 0]),
        ),
    )
