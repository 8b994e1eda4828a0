"""Latency and throughput of a trained network against Stan's NUTS on the same data sets, in one run.

    python benchmarks/amortized_speed.py CHECKPOINT SCENARIO [--nuts 5] [--datasets 10000]

Latency is the median time of one data set by itself, as timings.csv counts it: encoding, 1,000 draws,
memberships and constrained parameters; throughput the same for all data sets in batches. The corrected
method adds importance weights and resampling. NUTS is the suite's own: 4 chains of 1,000 draws, on all cores.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.amortized.checkpoints import read_header
from pipeline.amortized.posteriors import InJax, load_posterior
from pipeline.methods.amortized import AmortizedFlow, AmortizedMdn
from pipeline.methods.amortized_psis import AmortizedFlowPsis
from pipeline.methods.base import Task
from pipeline.methods.nuts import Nuts
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import STAN_FOLDER, DataSet
from pipeline.stan.build import build
from pipeline.stan.model import BoundModel

HEADS = {"flow": AmortizedFlow, "mdn": AmortizedMdn}
N_DRAWS = 1000


def fit_all(posterior: InJax, data_sets: list[DataSet]) -> None:
    """Draw, classify and constrain, in batches."""
    observed = posterior.amortized.encode(data_sets)
    x, _ = posterior.amortized.infer(observed, N_DRAWS, range(1, 1 + len(data_sets)))
    posterior.simulator.constrain_draws(x.astype(float))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("scenario")
    parser.add_argument("--nuts", type=int, default=5, help="data sets for NUTS")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--datasets", type=int, default=10_000)
    arguments = parser.parse_args()
    scenario = get_scenario(arguments.scenario)
    head = read_header(arguments.checkpoint)["identity"]["architecture"]["head"]
    methods = {"direct": HEADS[head](draws=N_DRAWS)}
    if head == AmortizedFlowPsis.head:
        methods["corrected"] = AmortizedFlowPsis(draws=N_DRAWS)
    ready = {name: method.load(scenario, arguments.checkpoint)[0] for name, method in methods.items()}
    built = build(STAN_FOLDER / scenario.stan_program)
    times: dict[str, list[float]] = {name: [] for name in ("nuts", *ready)}
    for data in scenario.data_sets(range(1, 1 + arguments.nuts)):
        with tempfile.TemporaryDirectory() as folder:
            model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, Path(folder))
            task = Task(scenario, data, model, 1, arguments.cores)
            times["nuts"].append(sum(phase.wall_s for phase in Nuts().fit(task).phases))
            for name, method in ready.items():
                for again in range(12):  # the first two warm up
                    fit = method.fit(task)
                    if again > 1 and not fit.note:
                        times[name].append(sum(phase.wall_s for phase in fit.phases))
    nuts_s = statistics.median(times["nuts"])
    print(f"{arguments.scenario}, NUTS's median over {arguments.nuts} data sets is 1:")
    for name in ready:
        low, middle, high = np.quantile(times[name], [0.1, 0.5, 0.9])
        print(f"  latency, {name}: 1/{nuts_s / middle:.0f} (1/{nuts_s / high:.0f} to 1/{nuts_s / low:.0f})")

    posterior = load_posterior(scenario, head, arguments.checkpoint)
    assert isinstance(posterior, InJax)
    many = scenario.data_sets(range(1000, 1000 + arguments.datasets))
    fit_all(posterior, many[:1000])  # compiles
    started = time.perf_counter()
    for first in range(0, len(many), 1000):
        fit_all(posterior, many[first : first + 1000])
    batch_s = time.perf_counter() - started
    print(f"  throughput: 1/{nuts_s * len(many) / batch_s:.0f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(many)} data sets took {batch_s / 60:.2f} minutes; peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
