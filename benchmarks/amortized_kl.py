"""How far amortized posteriors are from the exact ones, by importance sampling: no Stan run is needed.

    python benchmarks/amortized_kl.py CHECKPOINT SCENARIO [--datasets 200] [--draws 20000] [--json FILE]

The estimators are those of `pipeline.calibration`: KL(p || q) and the efficiency from the weights p/q of the
network's draws, and the membership networks' excess log loss at the true parameters.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from pipeline.amortized.checkpoints import read_header
from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture
from pipeline.amortized.simulators import get_simulator
from pipeline.amortized.training import load
from pipeline.calibration.importance import Importance, importance
from pipeline.calibration.subject import Subject
from pipeline.importance import smoothed
from pipeline.methods.amortized_psis import AmortizedFlowPsis
from pipeline.pareto_k import accepted_pareto_k
from pipeline.scenarios import get_scenario

CHUNK = 16


def measure(
    subject: Subject, n_datasets: int, n_draws: int, seed: int = 90_000
) -> tuple[Importance, dict[int, float]]:
    """Return KL, efficiency and largest weight of simulated data sets; the share that PSIS accepts.

    The share is by the number of proposals that may be drawn, the first attempt's and the last one's.
    """
    data_sets = subject.scenario.data_sets(range(seed, seed + n_datasets))
    method = AmortizedFlowPsis
    sizes = sorted({min(n * method.proposals, n_draws) for n in (1, method.most_batches)})
    parts, accepted = [], {size: 0 for size in sizes}
    for start in range(0, n_datasets, CHUNK):
        some = data_sets[start : start + CHUNK]
        observed = subject.amortized.encode(some)
        drawn = subject.amortized.draw(observed, n_draws, range(1 + start, 1 + start + len(some)))
        log_p = subject.densities(observed, drawn.theta)[0]
        parts.append(importance(log_p, drawn.log_q))
        for log_ratio in log_p - drawn.log_q:
            enough = [smoothed(log_ratio[:size])[1] < accepted_pareto_k(size) for size in sizes]
            for i, size in enumerate(sizes):
                accepted[size] += any(enough[: i + 1])
    shares = {size: count / n_datasets for size, count in accepted.items()}
    return Importance(*(np.concatenate(part) for part in zip(*parts, strict=True))), shares


def membership_excess(subject: Subject, n_datasets: int, seed: int = 200_000) -> dict[str, float]:
    """Return each kind's excess log loss over the exact membership, at the true theta, in nats."""
    found = subject.membership_excess(subject.scenario.data_sets(range(seed, seed + n_datasets)))
    return {kind: float(values.mean()) for kind, values in found.items()}


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
    subject = Subject(Amortized(trained.network))
    found, accepted = measure(subject, arguments.datasets, arguments.draws)
    kl, efficiency = found.kl, found.efficiency
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
        "largest_weight_max": found.largest_weight.max(),
        "accepted_by_psis_with_up_to_proposals": accepted,
        "membership_excess": membership_excess(subject, arguments.membership_datasets),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
