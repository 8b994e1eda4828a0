"""All checks of one trained network: a summary for the report, and a row for each data set."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.calibration import altered, bins, unlike
from pipeline.calibration.importance import Importance
from pipeline.calibration.ranks import examine, rank
from pipeline.calibration.recovery import LEVELS, Share, coverage, mean_of, recover
from pipeline.calibration.settings import Checks
from pipeline.calibration.subject import (
    LOG_LIKELIHOOD,
    N_CANDIDATES,
    Compared,
    Subject,
    flatten,
    parameters_of,
)
from pipeline.scenarios.base import DataSet

N_MEMBERSHIP = 2  # data sets for memberships, as a multiple of those for calibration
N_USUAL = 4  # the same of those that tell what is usual
N_PER_ALTERED = 4  # data sets for calibration for each one of a kind of altered data
N_AT_ONCE = 512
TAILS = (0.159, 0.5, 0.841)  # a normal's mean less one sd, mean, and mean plus one sd
FAR = 10.0  # prior sds from the prior mean, where no posterior has mass


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

    table = _table(own, compared, {kind: values[:n] for kind, values in excess.items()}, seed_of(0, "ranks"))
    table["separation"] /= subject.scenario.sd  # pyright: ignore[reportAttributeAccessIssue]
    features = subject.features(own, answers)
    table["flagged"] = flag.flags(features)["any"]
    say("data sets unlike the simulations")
    strange, accuracy = _strange(
        subject, flag, own[: max(n // N_PER_ALTERED, 2)], checks.draws, seeds, seed_of
    )
    summary = {
        "n_datasets": n,
        "draws": checks.draws,
        "calibration": _calibration(table, compared.names, checks.draws),
        "recovery": _recovery(table, compared, prior, checks.draws),
        "accuracy": _of_weights(compared.importance),
        "bins": bins.by_bins(table, list(excess)),
        "memberships": [
            {"kind": kind, "n": len(values), **_with_se("excess", mean_of(values))}
            for kind, values in excess.items()
        ],
        "unlike": _shares("as simulated", flag.flags(features)) + strange,
        "altered": [{"data": "as simulated", **_of_weights(compared.importance)}, *accuracy],
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


def _table(
    data_sets: Sequence[DataSet], compared: Compared, excess: dict[str, np.ndarray], seed: int
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    mu = parameters_of(data_sets)["mu"]
    n_obs = np.array([len(data.y) for data in data_sets])
    n_rep = np.array([data.y.shape[1] for data in data_sets])
    columns: dict[str, np.ndarray] = {
        "n_obs": n_obs,
        "n_rep": n_rep,
        "n_values": n_obs * n_rep,
        "separation": np.diff(mu, axis=1).min(axis=1),
        "kl": compared.importance.kl,
        "efficiency": compared.importance.efficiency,
        "largest_weight": compared.importance.largest_weight,
    }
    columns |= {f"{kind}_excess": values for kind, values in excess.items()}
    for i, name in enumerate(compared.names):
        columns[f"rank {name}"] = rank(compared.truth[:, i], compared.draws[:, i], rng)
        if name != LOG_LIKELIHOOD:
            columns[f"truth {name}"] = compared.truth[:, i]
            low, middle, high = np.quantile(compared.draws[:, i], TAILS, axis=1)
            columns[f"median {name}"] = middle
            columns[f"sd {name}"] = (high - low) / 2
    return pd.DataFrame(columns)


def _calibration(table: pd.DataFrame, names: Sequence[str], n_draws: int) -> list[dict[str, Any]]:
    return [
        {"quantity": name, **examine(table[f"rank {name}"].to_numpy(), n_draws)._asdict()} for name in names
    ]


def _recovery(
    table: pd.DataFrame, compared: Compared, prior: Float[np.ndarray, "dataset parameter"], n_draws: int
) -> list[dict[str, Any]]:
    rows = []
    for i in range(prior.shape[1]):
        name, mean, sd = compared.names[i], float(prior[:, i].mean()), float(prior[:, i].std())
        truth, median, own_sd = (table[f"{what} {name}"].to_numpy() for what in ("truth", "median", "sd"))
        far = 1 - (np.abs(compared.draws[:, i] - mean) <= FAR * sd).mean()  # counts what is not a number
        row: dict[str, Any] = {"quantity": name, "prior_sd": sd, "far": float(far)}
        for key, share in recover(truth, median, own_sd, sd)._asdict().items():
            row |= _with_se(key, share)
        for level in LEVELS:
            share = coverage(table[f"rank {name}"].to_numpy(), n_draws, level)
            row |= _with_se(f"coverage_{100 * level:.0f}", share)
        rows.append(row)
    return rows


def _of_weights(weights: Importance) -> dict[str, Any]:
    kl, efficiency = weights.kl, weights.efficiency
    return {
        "n": len(kl),
        **_with_se("kl", mean_of(kl)),
        "kl_median": float(np.median(kl)),
        "kl_largest": float(kl.max()),
        "efficiency_median": float(np.median(efficiency)),
        "efficiency_5": float(np.quantile(efficiency, 0.05)),
    }


def _strange(
    subject: Subject,
    flag: unlike.Flag,
    data_sets: Sequence[DataSet],
    n_draws: int,
    seeds: Sequence[int],
    seed_of: Callable[[int, str], int],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the share flagged, and the accuracy, on every kind of altered data."""
    shares, accuracy = [], []
    for i, kind in enumerate(altered.KINDS):
        strange = altered.alter(kind, subject.scenario, data_sets, seed_of(i, "alter"))
        answers = subject.answer(strange, n_draws, seeds[: len(strange)])
        features = subject.features(strange, answers)
        shares += _shares(kind, flag.flags(features))
        accuracy.append({"data": kind, **_of_weights(subject.weigh(answers))})
    return shares, accuracy


def _shares(data: str, flags: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    return [
        {"data": data, "by": name, "n": len(found), **_with_se("flagged", mean_of(found.astype(float)))}
        for name, found in flags.items()
    ]


def _with_se(name: str, share: Share) -> dict[str, float]:
    return {name: share.value, f"{name}_se": share.se}
