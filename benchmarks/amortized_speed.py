"""Latency and throughput of a trained network against Stan's NUTS on the same data sets, in one run.

    python benchmarks/amortized_speed.py CHECKPOINT SCENARIO [--nuts 5] [--datasets 10000]

Latency is the median time of one data set by itself, encoding, 1,000 draws and memberships included;
throughput the time per data set when all go through in batches. The corrected method adds importance
weights and resampling. NUTS is the suite's own: 4 chains of 1,000 draws, on all cores.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.amortized.checkpoints import read_header
from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture
from pipeline.amortized.simulators import get_simulator
from pipeline.amortized.training import load
from pipeline.methods.amortized_psis import _InJax as Corrected
from pipeline.methods.base import Task
from pipeline.methods.nuts import Nuts
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import STAN_FOLDER
from pipeline.stan.build import build
from pipeline.stan.model import BoundModel

N_DRAWS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("scenario")
    parser.add_argument("--nuts", type=int, default=5, help="data sets for NUTS")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--datasets", type=int, default=10_000)
    arguments = parser.parse_args()
    scenario = get_scenario(arguments.scenario)
    architecture = Architecture(**read_header(arguments.checkpoint)["identity"]["architecture"])
    amortized = Amortized(load(get_simulator(scenario), architecture, arguments.checkpoint).network)
    corrected = Corrected(4000, N_DRAWS, amortized)
    built = build(STAN_FOLDER / scenario.stan_program)
    times: dict[str, list[float]] = {"nuts": [], "amortized": [], "corrected": []}
    data_sets = scenario.data_sets(range(1, 1 + arguments.nuts))
    for data in data_sets:
        with tempfile.TemporaryDirectory() as folder:
            model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, Path(folder))
            task = Task(scenario, data, model, 1, arguments.cores)
            times["nuts"].append(sum(phase.wall_s for phase in Nuts().fit(task).phases))
            for again in range(12):  # the first two compile and warm up
                started = time.perf_counter()
                amortized.infer(amortized.encode([data]), N_DRAWS, [1])
                direct_s = time.perf_counter() - started
                fit = corrected.fit(task)
                if again > 1:
                    times["amortized"].append(direct_s)
                    if not fit.note:
                        times["corrected"].append(sum(phase.wall_s for phase in fit.phases))
    many = scenario.data_sets(range(1000, 1000 + arguments.datasets))
    amortized.infer(amortized.encode(many[:128]), N_DRAWS, range(1, 129))  # compiles
    started = time.perf_counter()
    for first in range(0, len(many), 1000):
        part = many[first : first + 1000]
        amortized.infer(amortized.encode(part), N_DRAWS, range(1, 1 + len(part)))
    batch_s = time.perf_counter() - started
    nuts_s = statistics.median(times["nuts"])
    print(f"{arguments.scenario}, NUTS's median over {arguments.nuts} data sets is 1:")
    for name in ("amortized", "corrected"):
        if times[name]:
            low, middle, high = np.quantile(times[name], [0.1, 0.5, 0.9])
            print(
                f"  latency, {name}: 1/{nuts_s / middle:.0f} (1/{nuts_s / high:.0f} to 1/{nuts_s / low:.0f})"
            )
    print(f"  throughput: 1/{nuts_s * len(many) / batch_s:.0f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(many)} data sets took {batch_s / 60:.2f} minutes; peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
