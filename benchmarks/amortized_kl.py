"""How far amortized posteriors are from the exact ones, by importance sampling: no Stan run is needed.

    python benchmarks/amortized_kl.py CHECKPOINT SCENARIO [--datasets 200] [--draws 20000] [--json FILE]

With w = p/q at draws of q, log Z is the log of the mean of w, KL(p || q) = E_p[log w] - log Z with the
expectation by self-normalised weights, and the efficiency is (sum w)^2 / (S sum w^2). Where q misses a mode
none of these can see it; bridge sampling with reference draws (``kl_to_reference``) can.
"""

import argparse
import json
from pathlib import Path

import jax
import numpy as np

from pipeline.amortized.checkpoints import read_header
from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture
from pipeline.amortized.simulators import get_simulator
from pipeline.amortized.training import load
from pipeline.scenarios import get_scenario

CHUNK = 4


def measure(amortized: Amortized, n_datasets: int, n_draws: int, seed: int = 90_000) -> dict:
    """Return KL, efficiency and memberships' excess log loss over simulated data sets."""
    simulator = amortized.simulator
    data_sets = simulator.scenario.data_sets(range(seed, seed + n_datasets))
    log_joint = jax.jit(simulator.log_joint_of_draws)
    kl, efficiency, largest = [], [], []
    for start in range(0, n_datasets, CHUNK):
        part = data_sets[start : start + CHUNK]
        observed = amortized.encode(part)
        draws = amortized.draw(observed, n_draws, range(1 + start, 1 + start + len(part)))
        log_p = np.asarray(log_joint(draws.theta, observed), dtype=float)
        log_w = log_p - draws.log_q
        w = np.exp(log_w - np.nanmax(log_w, axis=1, keepdims=True))
        log_z = np.log(w.mean(axis=1)) + log_w.max(axis=1)
        share = w / w.sum(axis=1, keepdims=True)
        kl.extend(np.sum(share * np.where(share > 0, log_w, 0), axis=1) - log_z)
        efficiency.extend(1 / (n_draws * np.sum(share**2, axis=1)))
        largest.extend(share.max(axis=1))
    return {"kl": np.array(kl), "efficiency": np.array(efficiency), "largest_weight": np.array(largest)}


def membership_excess(amortized: Amortized, n_datasets: int, seed: int = 200_000) -> dict[str, float]:
    """Return each kind's excess log loss over the exact membership, at the true theta, in nats."""
    simulator = amortized.simulator
    scenario = simulator.scenario
    data_sets = scenario.data_sets(range(seed, seed + n_datasets))
    total: dict[str, list[float]] = {}
    for data in data_sets:
        parameters = {name: value[None] for name, value in data.theta.items()}
        theta = np.asarray(simulator.unconstrain(parameters))[:, None]
        found = amortized.memberships(amortized.encode([data]), theta)
        for kind, exact in scenario.memberships(data, parameters).items():
            # The expected log loss under the exact probabilities: their KL divergence, without noise from z.
            ours = np.maximum(found[kind][0, : len(data.y)].astype(float), 1e-12)
            p = np.maximum(exact[0], 1e-300)
            total.setdefault(kind, []).append(float(np.sum(p * (np.log(p) - np.log(ours)), axis=1).mean()))
    return {kind: float(np.mean(values)) for kind, values in total.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("scenario")
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--membership-datasets", type=int, default=500)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    header = read_header(arguments.checkpoint)
    architecture = Architecture(**header["identity"]["architecture"])
    trained = load(get_simulator(get_scenario(arguments.scenario)), architecture, arguments.checkpoint)
    amortized = Amortized(trained.network)
    found = measure(amortized, arguments.datasets, arguments.draws)
    kl, efficiency = found["kl"], found["efficiency"]
    result = {
        "scenario": arguments.scenario,
        "architecture": header["identity"]["architecture"],
        "steps": trained.record["curve"][-1][0],
        "wall_s": trained.record["wall_s"],
        "cpu_s": trained.record["cpu_s"],
        "kl_mean": kl.mean(),
        "kl_mcse": kl.std() / np.sqrt(len(kl)),
        "kl_quantiles": np.quantile(kl, [0.5, 0.9, 0.99, 1.0]).tolist(),
        "efficiency_median": np.median(efficiency),
        "efficiency_quantiles": np.quantile(efficiency, [0.01, 0.05, 0.25]).tolist(),
        "largest_weight_max": found["largest_weight"].max(),
        "membership_excess": membership_excess(amortized, arguments.membership_datasets),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
