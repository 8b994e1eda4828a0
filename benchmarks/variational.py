"""Variational inference on Stan's densities against Stan's own: bounds, divergence, k-hat, copies of modes.

    python benchmarks/variational.py ordered [--datasets 10] [--only flow-vi ...]
    python benchmarks/variational.py copies [--datasets 10] [--components 2 3] [--first 1]

``ordered`` fits the simulated scenarios with identified labels by ADVI, by mixtures of 1, 2 and 3 Gaussians
and by a flow; ``copies`` fits well-separated mixtures with exchangeable components by ADVI and by a mixture
of as many Gaussians as the posterior has copies of its mode. Wall times are ratios to full-rank ADVI's.
"""

import argparse
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.calibration.importance import importance
from pipeline.labels.permuting import numbers
from pipeline.methods import get_method
from pipeline.methods.base import Fit, MethodFailed, Task
from pipeline.methods.mixture_vi import PROPOSALS_EACH
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import STAN_FOLDER
from pipeline.scores.density import divergences, pareto_k
from pipeline.stan.build import build
from pipeline.stan.model import BoundModel

N_RAW = 16_000  # draws behind k-hats in ``copies``
ADVI = {"advi-meanfield": ("advi-meanfield", {}), "advi-fullrank": ("advi-fullrank", {})}
ORDERED = {
    **ADVI,
    "one, mean-field": ("mixture-vi", {"components": 1, "rank": "meanfield"}),
    "one": ("mixture-vi", {"components": 1}),
    "two": ("mixture-vi", {"components": 2}),
    "three": ("mixture-vi", {"components": 3}),
    "flow-vi": ("flow-vi", {}),
}


def fitted(task: Task, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fit one method; NaN where it failed."""
    try:
        fit = get_method(name, settings).fit(task)
    except MethodFailed as error:
        print(f"  {name} {dict(settings)}: {error}")
        return {"elbo": math.nan, "k_hat": math.nan, "wall_s": math.nan}
    assert fit.approximation is not None
    log_ratio = task.model.log_density(fit.approximation.raw) - fit.approximation.density.log_density(
        fit.approximation.raw
    )
    return {
        "elbo": float(log_ratio.mean()),
        "k_hat": pareto_k(log_ratio).value,
        "wall_s": sum(phase.wall_s for phase in fit.phases if phase.phase != "build"),
        "log_ratio": log_ratio,
        "fit": fit,
    }


def tasks(name: str, block: Mapping[str, Any], chosen: range):
    """Yield a task for each data set."""
    scenario = get_scenario(name, block)
    built = build(STAN_FOLDER / scenario.stan_program)
    for data in scenario.data_sets(chosen):
        with tempfile.TemporaryDirectory() as folder:
            model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, Path(folder))
            yield Task(scenario, data, model, 1, 2)


def ordered(count: int, only: list[str]) -> None:
    """Compare on identified labels, with the divergence from a long run of NUTS."""
    chosen = {label: how for label, how in ORDERED.items() if label in (*ADVI, *(only or ORDERED))}
    for scenario in ("hmm-ordered", "gmm-ordered"):
        rows = []
        for i, task in enumerate(tasks(scenario, {}, range(1, 1 + count))):
            reference = get_method("nuts", {"draws": 2500}).fit(task).flat
            at = task.model.unconstrain(reference.reshape(-1, reference.shape[-1]))
            log_p = task.model.log_density(at)
            for label, (name, settings) in chosen.items():
                found = fitted(task, name, settings)
                fit, log_ratio = found.pop("fit", None), found.pop("log_ratio", None)
                kl = math.nan
                if fit is not None and fit.approximation is not None:
                    ratio = (log_p - fit.approximation.density.log_density(at)).reshape(reference.shape[:2])
                    kl = divergences(ratio, log_ratio).kl_to_reference.value
                rows.append({"dataset": i, "method": label, "kl": kl, **found})
                words = ", ".join(f"{key} {value:.4g}" for key, value in list(rows[-1].items())[2:])
                print(f"  {scenario}, data set {i}, {label}: {words}", flush=True)
        print_ordered(scenario, pd.DataFrame(rows))


def print_ordered(scenario: str, rows: pd.DataFrame) -> None:
    """Print medians over data sets, and how often a method is ahead of full-rank ADVI, or of both."""
    by = {key: rows.pivot(index="dataset", columns="method", values=key) for key in ("kl", "elbo", "k_hat")}
    wall = rows.pivot(index="dataset", columns="method", values="wall_s")
    advi_k = by["k_hat"][list(ADVI)].min(axis=1)
    table = pd.DataFrame(
        {
            "median KL": by["kl"].median(),
            "KL below full-rank ADVI's": by["kl"].lt(by["kl"]["advi-fullrank"], axis=0).mean(),
            "k-hat below both ADVI's": by["k_hat"].lt(advi_k, axis=0).mean(),
            "median k-hat": by["k_hat"].median(),
            "bound over full-rank ADVI's": by["elbo"].sub(by["elbo"]["advi-fullrank"], axis=0).median(),
            "wall / full-rank ADVI's": wall.div(wall["advi-fullrank"], axis=0).median(),
            "fitted": by["elbo"].notna().mean(),
        }
    )
    print(f"\n{scenario}, {len(by['kl'])} data sets\n{table.round(3).to_string()}")


def furthest_mass(task: Task, fit: Fit, n_copies: int) -> float:
    """Return how far the share of draws of a copy lies from its own, as a part of that."""
    mu = task.model.by_name(fit.flat[0])["mu"]
    share = np.bincount(numbers(np.argsort(mu, axis=1)), minlength=n_copies) / len(mu)
    return float(np.abs(share * n_copies - 1).max())


def copies(chosen: range, sizes: list[int]) -> None:
    """Print the mass that mixtures of K! components give to each of K! copies, and k-hats beside ADVI's.

    All k-hats are from N_RAW draws: from a thousand they have errors of .1 to .2, and the less of two such
    numbers is lower than either.
    """
    for n_components in sizes:
        n_copies = math.factorial(n_components)
        block = {"n_components": n_components, "separation": [3.0, 8.0]}
        methods = {
            "best bound": ("mixture-vi", {"components": n_copies, "draws": N_RAW, "refine": False}),
            "refined": ("mixture-vi", {"components": n_copies, "draws": N_RAW // PROPOSALS_EACH}),
            **{name: (method, {**settings, "draws": N_RAW}) for name, (method, settings) in ADVI.items()},
        }
        rows = []
        for i, task in zip(chosen, tasks("gmm-exchangeable", block, chosen), strict=True):
            for name, method in methods.items():
                found = fitted(task, *method)
                row = {"dataset": i, "method": name, "k-hat": found["k_hat"]}
                if "fit" in found:
                    weights = importance(found["log_ratio"][None], np.zeros(1))
                    row["efficiency"] = float(weights.efficiency[0])
                    row["furthest mass"] = furthest_mass(task, found["fit"], n_copies)
                    row["KL of its copies"] = float(weights.kl[0])
                words = ", ".join(f"{key} {value:.3g}" for key, value in list(row.items())[2:])
                note = found["fit"].note if "fit" in found else "failed"
                print(f"  K = {n_components}, data set {i}, {name}: {words}; {note}", flush=True)
                rows.append(row)
        print_copies(n_components, pd.DataFrame(rows))


def print_copies(n_components: int, rows: pd.DataFrame) -> None:
    """Print medians over data sets, and on how many each method does better than both of ADVI."""
    by = {key: rows.pivot(index="dataset", columns="method", values=key) for key in rows.columns[2:]}
    advi = list(ADVI)
    table = pd.DataFrame({f"median {key}": values.median() for key, values in by.items()})
    table["fitted"] = by["efficiency"].notna().sum()
    table["masses within 20%"] = by["furthest mass"].le(0.2).sum()
    table["k-hat below both ADVI's"] = by["k-hat"].lt(by["k-hat"][advi].min(axis=1), axis=0).sum()
    table["efficiency above both"] = by["efficiency"].gt(by["efficiency"][advi].max(axis=1), axis=0).sum()
    table["k-hat below .7"] = by["k-hat"].lt(0.7).sum()
    print(f"K = {n_components}, {len(by['k-hat'])} data sets\n{table.round(3).T.to_string()}", flush=True)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("ordered", "copies"))
    parser.add_argument("--datasets", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=[], choices=list(ORDERED))
    parser.add_argument("--components", nargs="*", type=int, default=[2, 3], help="K, for copies")
    parser.add_argument("--first", type=int, default=1, help="number of the first data set, for copies")
    arguments = parser.parse_args()
    if arguments.what == "ordered":
        ordered(arguments.datasets, arguments.only)
    else:
        chosen = range(arguments.first, arguments.first + arguments.datasets)
        copies(chosen, arguments.components)


if __name__ == "__main__":
    main()
