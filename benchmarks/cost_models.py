"""What a fit costs by the size of its problem, for each method: measured, fitted by power laws, drawn.

    python benchmarks/cost_models.py OUTPUT_FOLDER [--methods laplace pathfinder] [--repeats 3]

N is the number of observations of ``gmm-ordered``, T that of times of ``hmm-ordered``, K that of components
of ``gmm-ordered``; K and N stay at their defaults (3 and 200) while the other grows. Each point is the median
over data sets of the time that timings.csv would have, compiling and training left out. ``data sets``
counts what a trained network takes for many data sets in batches; one after the other it is, for every
method, their number times what one costs. The power law goes through the larger half of the sizes, where
start-up no longer hides growth; ``60 s at`` is where it says that a fit, or all data sets, take a minute.

Untrained networks serve as trained ones, since their weights do not change what a pass costs. Writes
cost-models.csv, where what it holds of other methods stays, and cost-models.svg. Absolute times are of the
machine; the exponents travel. On a machine that others use, ``--measure cpu_s`` takes processor time, which
they disturb less, for wall time.
"""

import argparse
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import vl_convert

from pipeline.amortized.inference import Amortized
from pipeline.amortized.network import Architecture, initial_network
from pipeline.amortized.posteriors import InJax
from pipeline.amortized.simulators import get_simulator
from pipeline.methods import get_method
from pipeline.methods.amortized import _Ready
from pipeline.methods.base import Method, Task
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import STAN_FOLDER, Scenario
from pipeline.stan.build import Built, build
from pipeline.stan.model import BoundModel
from pipeline.timing import Stopwatch

STAN_METHODS = ("nuts", "advi-meanfield", "advi-fullrank", "pathfinder", "laplace", "mixture-vi", "flow-vi")
AMORTIZED: dict[str, Literal["flow", "mdn"]] = {"amortized-flow": "flow", "amortized-mdn": "mdn"}
N_DRAWS = 1000
PRACTICAL_S = 60.0
LAST_S = 10.0  # no larger size is tried once a fit takes so long
MEASURES = ("wall_s", "cpu_s")
SIZES = {
    "N": (50, 100, 200, 400, 800, 1600, 3200),
    "T": (25, 50, 100, 200, 400, 800, 1600),
    "K": (2, 3, 4, 6, 8),
}
DATA_SETS = (1, 10, 100, 1000, 10_000)


def problem(variable: str, size: int) -> Scenario:
    """Return the scenario in which one variable has a size and the others their defaults."""
    if variable == "T":
        return get_scenario("hmm-ordered", {"n_times": size})
    if variable == "N":
        return get_scenario("gmm-ordered", {"n_obs": [size, size]})
    means = np.linspace(-size + 1, size - 1, size).tolist()
    settings = {"mu_mean": means, "pi_concentration": [2.0] * size, "n_obs": [200, 200]}
    return get_scenario("gmm-ordered", settings)


def prepared(name: str, scenario: Scenario) -> Method:
    """Return a method, ready to fit."""
    if name not in AMORTIZED:
        return get_method(name, {})
    return _Ready(N_DRAWS, InJax(untrained(scenario, name)))


def untrained(scenario: Scenario, name: str) -> Amortized:
    """Return a network as before its training."""
    return Amortized(initial_network(get_simulator(scenario), Architecture(head=AMORTIZED[name]), seed=1))


def seconds(method: Method, scenario: Scenario, built: Built, repeats: int) -> Iterator[tuple[float, float]]:
    """Yield wall and processor time of fits to different data sets; the first warms up and does not count."""
    for seed, data in enumerate(scenario.data_sets(range(1, repeats + 2))):
        with tempfile.TemporaryDirectory() as folder:
            model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, Path(folder))
            try:
                fit = method.fit(Task(scenario, data, model, seed + 1, cores=2))
            except Exception as error:  # what fails has no time to show
                print(f"    {type(error).__name__}: {str(error).splitlines()[0][:80]}")
                continue
            if seed:
                phases = [phase for phase in fit.phases if phase.phase != "build"]
                yield sum(phase.wall_s for phase in phases), sum(phase.cpu_s for phase in phases)


def measure(methods: list[str], repeats: int) -> Iterator[dict]:
    """Yield a row for each method, variable and size, up to the first that takes long."""
    for variable, sizes in SIZES.items():
        for name in methods:
            for size in sizes:
                scenario = problem(variable, size)
                built = build(STAN_FOLDER / scenario.stan_program)
                found = list(seconds(prepared(name, scenario), scenario, built, repeats))
                if not found:
                    break
                wall_s, cpu_s = np.median(found, axis=0)
                print(f"  {name}, {variable} = {size}: wall {wall_s:.4f} s, CPU {cpu_s:.4f} s", flush=True)
                yield {"variable": variable, "method": name, "size": size, "wall_s": wall_s, "cpu_s": cpu_s}
                if wall_s > LAST_S:
                    break


def throughput(one_by_one: dict[str, dict], many: int) -> Iterator[dict]:
    """Yield a row for each number of data sets: one after the other by each method, and in batches."""
    for name, each in one_by_one.items():
        for count in DATA_SETS:
            times = {measure: count * each[measure] for measure in MEASURES}
            yield {"variable": "data sets", "method": name, "size": count, **times}
    scenario = get_scenario("gmm-ordered")
    data_sets = scenario.data_sets(range(1, many + 1))
    for name in (name for name in one_by_one if name in AMORTIZED):
        amortized = untrained(scenario, name)
        amortized.infer(amortized.encode(data_sets[:17]), N_DRAWS, range(1, 18))  # compiles both batch sizes
        for count in (count for count in DATA_SETS if count <= many):
            with Stopwatch() as watch:
                for first in range(0, count, 1000):
                    part = data_sets[first : min(first + 1000, count)]
                    amortized.infer(amortized.encode(part), N_DRAWS, range(1, len(part) + 1))
            print(f"  {name} in batches, {count} data sets: {watch.wall_s:.3f} s", flush=True)
            times = {"wall_s": watch.wall_s, "cpu_s": watch.cpu_s}
            yield {"variable": "data sets", "method": f"{name}, batches", "size": count, **times}


def power_laws(points: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return, by variable and method, the exponent, the cost at the largest size, and the practical limit."""
    rows = []
    for (variable, method), own in points.groupby(["variable", "method"], sort=False):
        own = own.sort_values("size").tail(max(2, math.ceil(len(own) / 2)))
        if len(own) < 2:
            continue
        exponent, constant = np.polyfit(np.log(own["size"]), np.log(own[measure]), 1)
        limit = math.exp((math.log(PRACTICAL_S) - constant) / exponent) if exponent > 0.1 else math.inf
        last = own.iloc[-1]
        rows.append((variable, method, exponent, int(last["size"]), last[measure], limit))
    return pd.DataFrame(
        rows, columns=["variable", "method", "exponent", "largest", measure, f"{PRACTICAL_S:.0f} s at"]
    )


def draw(points: pd.DataFrame, measure: str, target: Path) -> None:
    """Write one small chart a variable, both axes logarithmic."""
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": points.to_dict("records")},
        "facet": {
            "field": "variable",
            "type": "nominal",
            "title": None,
            "sort": ["data sets", "N", "T", "K"],
        },
        "columns": 2,
        "spec": {
            "width": 300,
            "height": 220,
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {"field": "size", "type": "quantitative", "scale": {"type": "log"}, "title": "size"},
                "y": {"field": measure, "type": "quantitative", "scale": {"type": "log"}},
                "color": {"field": "method", "type": "nominal", "title": None},
            },
        },
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    target.write_text(vl_convert.vegalite_to_svg(chart))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--methods", nargs="+", default=[*STAN_METHODS, *AMORTIZED])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--datasets", type=int, default=10_000, help="the most that go through in batches")
    parser.add_argument("--measure", choices=MEASURES, default="wall_s")
    arguments = parser.parse_args()
    rows = list(measure(arguments.methods, arguments.repeats))
    each = {row["method"]: row for row in rows if (row["variable"], row["size"]) == ("N", 200)}
    rows += throughput(each, arguments.datasets)
    points, file = pd.DataFrame(rows), arguments.folder / "cost-models.csv"
    if file.exists():
        kept = pd.read_csv(file)
        points = pd.concat([kept[~kept["method"].isin(points["method"])], points], ignore_index=True)
    points.to_csv(file, index=False, float_format="%.4g")
    draw(points, arguments.measure, arguments.folder / "cost-models.svg")
    print(power_laws(points, arguments.measure).to_string(index=False, float_format=lambda x: f"{x:.3g}"))


if __name__ == "__main__":
    main()
