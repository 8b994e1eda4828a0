"""All checks of one trained network: a summary for the report, and a row for each data set."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.calibration import altered, bins, unlike
from pipeline.calibration.importance import Importance
from pipeline.calibration.recovery import mean_of
from pipeline.calibration.results import calibration, of_weights, recovery, shares, tabulate, with_se
from pipeline.calibration.settings import Checks
from pipeline.calibration.subject import N_CANDIDATES, Subject, flatten, parameters_of
from pipeline.scenarios.base import DataSet, Scenario

N_MEMBERSHIP = 2  # data sets for memberships, as a multiple of those for calibration
N_USUAL = 4  # the same of those that tell what is usual
N_PER_ALTERED = 4  # data sets for calibration for each one of a kind of altered data
N_AT_ONCE = 512


def check_network(
    subject: Subject,
    checks: Checks,
    seed_of: Callable[[int, str], int],
    say: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Check a network.

    Args:
        subject: the network.
        checks: how much is simulated.
        seed_of: gives the seed of a data set's simulation ("check") and of its draws ("draw").
        say: takes progress messages.

    Returns:
        Numbers by check, and a table with one row a data set of the calibration.
    """
    started = time.perf_counter()
    n = checks.n_datasets
    counts = np.cumsum([0, n, (N_MEMBERSHIP - 1) * n, N_USUAL * n])
    everything = subject.scenario.data_sets([seed_of(i, "check") for i in range(counts[-1])])
    seeds = [seed_of(i, "draw") for i in range(counts[-1])]
    say(f"draws for {n} simulated data sets")
    own, usual = everything[:n], everything[counts[2] :]
    answers = subject.answer(own, checks.draws, seeds[:n])
    compared = subject.compare(answers, parameters_of(own))
    say(f"memberships of {counts[2]} data sets")
    excess = subject.membership_excess(everything[: counts[2]])
    say(f"what is usual, from {len(usual)} data sets")
    flag = _learn_usual(subject, usual, seeds[counts[2] :])
    prior = flatten(parameters_of(usual))[1]

    columns = _sizes(own, subject.scenario.sd) | {f"{kind}_excess": v[:n] for kind, v in excess.items()}
    table = tabulate(columns, compared, seed_of(0, "ranks"))
    features = subject.features(own, answers)
    table["flagged"] = flag.flags(features)["any"]
    say("data sets unlike the simulations")

    def examine(some: Sequence[DataSet]) -> tuple[dict[str, np.ndarray], Importance]:
        answers = subject.answer(some, checks.draws, seeds[: len(some)])
        return subject.features(some, answers), subject.weigh(answers)

    strange, accuracy = alter_and_examine(subject.scenario, flag, own, seed_of, examine)
    summary = {
        "n_datasets": n,
        "draws": checks.draws,
        "calibration": calibration(table, compared.names, checks.draws),
        "recovery": recovery(table, compared, prior, checks.draws),
        "accuracy": of_weights(compared.importance),
        "bins": bins.by_bins(table, list(excess)),
        "memberships": [
            {"kind": kind, "n": len(values), **with_se("excess", mean_of(values))}
            for kind, values in excess.items()
        ],
        "unlike": shares("as simulated", flag.flags(features)) + strange,
        "altered": [{"data": "as simulated", **of_weights(compared.importance)}, *accuracy],
        "wall_s": time.perf_counter() - started,
    }
    return summary, table


def _learn_usual(subject: Subject, data_sets: Sequence[DataSet], seeds: Sequence[int]) -> unlike.Flag:
    """Calibrate the flag on simulated data sets, a few at a time: their draws are many and not kept."""
    parts = []
    for start in range(0, len(data_sets), N_AT_ONCE):
        some = data_sets[start : start + N_AT_ONCE]
        answers = subject.answer(some, N_CANDIDATES, seeds[start : start + N_AT_ONCE])
        parts.append(subject.features(some, answers))
    return unlike.calibrate({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _sizes(data_sets: Sequence[DataSet], sd: float) -> dict[str, np.ndarray]:
    n_obs = np.array([len(data.y) for data in data_sets])
    n_rep = np.array([data.y.shape[1] for data in data_sets])
    separation = np.diff(parameters_of(data_sets)["mu"], axis=1).min(axis=1) / sd
    return {"n_obs": n_obs, "n_rep": n_rep, "n_values": n_obs * n_rep, "separation": separation}


def alter_and_examine(
    scenario: Scenario,
    flag: unlike.Flag,
    data_sets: Sequence[DataSet],
    seed_of: Callable[[int, str], int],
    examine: Callable[[Sequence[DataSet]], tuple[dict[str, np.ndarray], Importance]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the share flagged, and the accuracy, on every kind of altered data.

    Args:
        scenario: theirs.
        flag: calibrated on usual data.
        data_sets: as simulated, of which the first few are altered.
        seed_of: as of `check_network`.
        examine: returns what the flag looks at, and importance weights.
    """
    some = data_sets[: max(len(data_sets) // N_PER_ALTERED, 2)]
    flagged, accuracy = [], []
    for i, kind in enumerate(altered.kinds_for(scenario)):
        try:
            features, weights = examine(altered.alter(kind, scenario, some, seed_of(i, "alter")))
        except RuntimeError as error:
            if "bs_model_construct" not in str(error):
                raise
            # A user's program may allow no such data.
            print(f"{kind}: not tried, since the Stan program refuses such data: {error}", file=sys.stderr)
            continue
        flagged += shares(kind, flag.flags(features))
        accuracy.append({"data": kind, **of_weights(weights)})
    return flagged, accuracy
