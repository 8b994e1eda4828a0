"""An approximation against the one that its cost must be worth: how often it is nearer, for what time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.report.cells import short
from pipeline.scores.timing import costs, geometric_mean

OPPONENTS = {"flow-vi": "advi-fullrank"}
METRIC = "kl_to_reference"
COPIES = "copies_visited"  # a score of scenarios with exchangeable labels


@dataclass(frozen=True)
class Duel:
    """One method against its opponent on one scenario.

    Attributes:
        scenario, opponent: their names.
        n_nearer: data sets on which the method's divergence from the reference is the smaller one.
        n_scored: data sets on which the opponent has a divergence; the method is not nearer without one.
        wall_ratio: geometric mean of the wall time over the opponent's; NaN where no data set has both.
    """

    scenario: str
    opponent: str
    n_nearer: int
    n_scored: int
    wall_ratio: float


def duel(scores: pd.DataFrame, timings: pd.DataFrame, scenario: str, method: str) -> Duel | None:
    """Compare a method with its opponent; None where it has none, or none that was scored on the scenario.

    Args:
        scores: the columns of scores.parquet.
        timings: the columns of timings.csv.
        scenario: its name.
        method: its name.
    """
    opponent = OPPONENTS.get(method)
    if opponent is None or _is_exchangeable(scores, scenario):
        return None
    chosen = scores[(scores["scenario"] == scenario) & (scores["metric"] == METRIC)]
    own, theirs = (
        chosen[chosen["method"] == name].set_index("dataset")["value"].dropna() for name in (method, opponent)
    )
    if theirs.empty:
        return None
    nearer = own.reindex(theirs.index).lt(theirs)
    cost = costs(timings[timings["scenario"] == scenario])
    walls = [cost[cost["method"] == name].set_index("dataset")["wall_s"] for name in (method, opponent)]
    ratio = (walls[0] / walls[1]).dropna().to_numpy(float)
    wall_ratio = geometric_mean(np.log(ratio))[0] if ratio.size else math.nan
    return Duel(scenario, opponent, int(nearer.sum()), len(theirs), wall_ratio)


def _is_exchangeable(scores: pd.DataFrame, scenario: str) -> bool:
    """Say whether labels are exchangeable: there a divergence counts the copies of a mode that are known."""
    return bool(((scores["scenario"] == scenario) & (scores["metric"] == COPIES)).any())


def duel_sentence(duels: Sequence[Duel]) -> str:
    """Say on how many data sets a method is nearer to the reference than its opponent, and at what cost."""
    if not duels:
        return ""
    parts = []
    for one in duels:
        cost = f", at {short(one.wall_ratio)} times its wall time" if math.isfinite(one.wall_ratio) else ""
        parts.append(f"on {one.n_nearer} of {one.n_scored} data sets of {one.scenario}{cost}")
    return f"Nearer to the reference (KL divergence) than {duels[0].opponent} {'; '.join(parts)}."
