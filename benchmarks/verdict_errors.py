"""How often do the verdicts err? The table of docs/metrics.md, from posteriors that are known.

    python benchmarks/verdict_errors.py [--datasets 20] [--runs 8] [--cores 2]

Each data set has a Gaussian posterior of six parameters and 200 observations whose memberships depend on the
draws, two autocorrelated references of 4 x 2,500 draws, and the methods below with 1,000 independent draws
(`nuts`: 4 x 1,000 autocorrelated ones), scored by the suite's own scoring. A repetition is a scenario.
"""

import argparse
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from pipeline.batches import batches_of
from pipeline.posterior import Posterior
from pipeline.scores.evaluate import DataSetScorer
from pipeline.scores.verdict import verdicts
from pipeline.scoring import COLUMNS

DIM, N_OBS, CORRELATION = 6, 200, 0.5
# Shift and scale of each method's draws, in sds of the posterior.
METHODS: Mapping[str, tuple[float, float]] = {
    "nuts": (0.0, 1.0),
    "independent draws": (0.0, 1.0),
    "means off by 0.05 sd": (0.05, 1.0),
    "means off by 0.1 sd": (0.1, 1.0),
    "means off by 0.3 sd": (0.3, 1.0),
    "sds 5% too small": (0.0, 0.95),
    "sds 10% too small": (0.0, 0.9),
    "sds 20% too small": (0.0, 0.8),
}


def drawn(
    rng: np.random.Generator, chains: int, length: int, shift: float, scale: float, correlation: float
) -> Posterior:
    """Return draws of N(shift, scale^2) with their memberships."""
    noise = rng.normal(size=(chains, length + 50, DIM))
    x = np.asarray(lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], noise, axis=1))[:, 50:]
    x = shift + scale * x
    y = np.linspace(-3, 3, N_OBS)
    first = 1 / (1 + np.exp(-(y + x.reshape(-1, DIM)[:, :1] / 5)))
    by_draw = np.stack([first, 1 - first], axis=-1)
    memberships = np.stack([by_draw[batch].mean(axis=0) for batch in batches_of(x[..., 0])])
    return Posterior({"theta": x}, x, -0.5 * (x**2).sum(axis=-1), {"membership": memberships})


def scored(run_and_dataset: tuple[int, int]) -> list[tuple]:
    """Score every method on one data set of one repetition."""
    run, dataset = run_and_dataset
    rng = np.random.default_rng([7, run, dataset])
    first, second = (drawn(rng, 4, 2500, 0.0, 1.0, CORRELATION) for _ in range(2))
    scorer = DataSetScorer((first, second), None, seed=dataset)
    rows = []
    for name, (shift, scale) in METHODS.items():
        shape = (4, 1000, shift, scale, CORRELATION) if name == "nuts" else (1, 1000, shift, scale, 0.0)
        found = scorer.score(drawn(rng, *shape))
        rows += [
            (f"run {run}", dataset, name, s.metric, s.parameter, s.value, s.mcse, s.floor) for s in found
        ]
    return rows


def main() -> None:
    """Score and judge all repetitions, and print how often each verdict was given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=int, default=20)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    every = [(run, dataset) for run in range(options.runs) for dataset in range(options.datasets)]
    with ProcessPoolExecutor(options.cores) as pool:
        rows = [row for part in pool.map(scored, every) for row in part]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    status = scores[["scenario", "dataset", "method"]].drop_duplicates().assign(status="ok", reason="")
    found = verdicts(scores, status)
    print(found.groupby(["method", "verdict"], sort=False).size().unstack(fill_value=0).to_string())


if __name__ == "__main__":
    main()
