"""Checks of a network that learned from simulations alone: calibration, recovery and accuracy.

Its scenario's log joint is the Stan program's, through BridgeStan; labels, where exchangeable, are put in the
order of the means on both sides. It has no membership networks of its own.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.amortized.hosted import Hosted
from pipeline.calibration import bins, unlike
from pipeline.calibration.checks import N_USUAL, alter_and_examine
from pipeline.calibration.importance import Importance, importance
from pipeline.calibration.learned_flag import Learned
from pipeline.calibration.results import Compared, calibration, of_weights, recovery, shares, tabulate
from pipeline.calibration.settings import Checks
from pipeline.methods.base import Task
from pipeline.scenarios.base import DataSet, Scenario
from pipeline.stan.build import Built

LOG_JOINT = "log joint"
N_MESSAGES = 10


def check_learned(
    hosted: Hosted,
    built: Built,
    checks: Checks,
    seed_of: Callable[[int, str], int],
    say: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Check a network; arguments and result as of ``checks.check_network``.

    Args:
        hosted: the network.
        built: its scenario's Stan program.
        checks: how much is simulated.
        seed_of: gives the seed of the simulations ("check") and of a data set's draws ("draw").
        say: takes progress messages.
    """
    import arviz as az  # takes seconds to import

    started = time.perf_counter()
    scenario, learned = hosted.simulator.scenario, Learned(hosted, built)
    n, n_usual = checks.n_datasets, N_USUAL * checks.n_datasets
    everything = _simulate(scenario, n + n_usual, hosted.simulator.n_obs, seed_of(0, "check"))
    data_sets, usual = everything[:n], everything[n:]
    seeds = [seed_of(i, "draw") for i in range(n + n_usual)]
    names, rows = [], []
    for i, data in enumerate(data_sets):
        if i % max(1, len(data_sets) // N_MESSAGES) == 0 and i:
            left_s = (time.perf_counter() - started) / i * (len(data_sets) - i)
            say(f"{i} of {len(data_sets)} simulated data sets, about {left_s:.0f} s left")
        with learned.task(data, seeds[i]) as task:
            rows.append(_beside_the_truth(hosted, task, checks.draws))
            names = [_stan_name(name) for name in task.model.bridge.param_names()]
    truth, draws, log_q = (np.stack(parts) for parts in zip(*rows, strict=True))
    weights = importance(draws[:, -1], log_q)
    compared = Compared([*names, LOG_JOINT], truth, draws, weights)
    n_obs = np.array([len(data.y) for data in data_sets])
    pareto_k = np.array([float(az.psislw(one)[1]) for one in draws[:, -1] - log_q])
    columns = {"n_obs": n_obs, "n_values": n_obs, "pareto_k": pareto_k}
    table = tabulate(columns, compared, seed_of(0, "ranks"))
    say(f"what is usual, from {n_usual} data sets")
    flag = unlike.calibrate(learned.features(usual, seeds[n:]))
    flags = flag.flags(learned.features(data_sets, seeds[:n]))
    table["flagged"] = flags["any"]
    say("data sets unlike the simulations")

    def examine(some: Sequence[DataSet]) -> tuple[dict[str, np.ndarray], Importance]:
        own = seeds[: len(some)]
        return learned.features(some, own), learned.weigh(some, checks.draws, own)

    strange, accuracy = alter_and_examine(scenario, flag, data_sets, seed_of, examine)
    summary = {
        "n_datasets": n,
        "draws": checks.draws,
        "calibration": calibration(table, compared.names, checks.draws),
        "recovery": recovery(table, compared, truth[:, :-1], checks.draws),
        "accuracy": of_weights(weights),
        "bins": bins.by_bins(table, []),
        "memberships": [],
        "unlike": shares("as simulated", flags) + strange,
        "altered": [{"data": "as simulated", **of_weights(weights)}, *accuracy],
        "wall_s": time.perf_counter() - started,
    }
    return summary, table


def _simulate(scenario: Scenario, n: int, n_obs: tuple[int, int], seed: int) -> list[DataSet]:
    """Draw data sets of the sizes that the network knows; it saw all but a few in ten thousand."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < n:
        drawn = scenario.prior_predictive(rng, n - len(found))
        found += [data for data in drawn if n_obs[0] <= len(data.y) <= n_obs[1]]
    return found


def _beside_the_truth(hosted: Hosted, task: Task, n_draws: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true quantities, (quantity,); those of draws, (quantity, draw); and the draws' log density."""
    proposals, true = hosted.propose(task, n_draws), hosted.true_parameters(task)
    flat = task.model.constrain(np.concatenate([true[None], proposals.x]))
    log_p = np.append(task.model.log_density(true), proposals.log_p)
    quantities = np.column_stack([flat, log_p])
    return quantities[0], quantities[1:].T, proposals.log_q


def _stan_name(name: str) -> str:
    """Turn BridgeStan's "mu.1.2" into Stan's "mu[1,2]"."""
    own, *index = name.split(".")
    return f"{own}[{','.join(index)}]" if index else own
