"""How often does the regression gate fail a run in which nothing has changed?

    python benchmarks/gate_errors.py toy [--runs 20] [--pairs 400] [--scores FILE]
    python benchmarks/gate_errors.py bootstrap results/default [--pairs 200]
    python benchmarks/gate_errors.py reruns results/one results/two ...

toy: runs with seeds of their own. Each has twenty data sets whose posterior is known (normal, with
memberships that depend on the draws), two autocorrelated references each, and five methods, scored by the
suite's own scoring (c2st, which does not gate, left out for speed). Every run is compared with the first one,
then runs in disjoint pairs, then random halves: forty data sets drawn from those of all runs, twenty
for the baseline and twenty for the run.

bootstrap: baseline and run are drawn, by data set and with replacement, from one real run's scores. It
cannot show what all data sets of a run share, such as a network's training; toy's `retrained` has that.

reruns: finished runs of one configuration that differ in nothing but their seeds, each held against each.
"""

import argparse
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from pipeline.posterior import Posterior, Proposal
from pipeline.regression.gate import judge
from pipeline.regression.settings import Regression
from pipeline.regression.snapshot import CELL, Snapshot, per_data_set, snapshot
from pipeline.scores import evaluate
from pipeline.scoring import COLUMNS

DIM, N_OBS, N_DATASETS, BATCHES = 4, 60, 20, 20
METHODS = ("nuts", "independent", "retrained", "overconfident", "flaky")
FAILS = 0.15  # chance that a fit of `flaky` fails
RETRAINED_SD = 0.15  # of the log of what all data sets of a run share


def draws_of(
    rng: np.random.Generator, chains: int, length: int, shift, scale, correlation: float
) -> Posterior:
    """Return draws of N(shift, scale^2) with autocorrelation, and their memberships."""
    noise = rng.normal(size=(chains, length + 50, DIM))
    x = np.asarray(lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], noise, axis=1))[:, 50:]
    x = shift + scale * x
    y = np.linspace(-3, 3, N_OBS)
    first = 1 / (1 + np.exp(-(y + x.reshape(-1, DIM)[:, :1] / 5)))
    both = np.stack([first, 1 - first], axis=-1).reshape(BATCHES, -1, N_OBS, 2).mean(axis=1)
    return Posterior({"theta": x}, x, -0.5 * (x**2).sum(axis=-1), {"membership": both})


def with_density(rng: np.random.Generator, found: Posterior, references, shift, scale) -> Posterior:
    """Add the density N(shift, scale^2), which is where the draws come from."""

    def log_q(x):
        z = (x - shift) / scale
        return -0.5 * (z**2).sum(axis=-1) - DIM * np.log(scale) - DIM / 2 * np.log(2 * np.pi)

    raw = shift + scale * rng.normal(size=(found.log_p.size, DIM))
    at = np.stack([log_q(run.unconstrained.reshape(-1, DIM)) for run in references])
    proposal = Proposal(-0.5 * (raw**2).sum(axis=-1), log_q(raw), at)
    return Posterior(found.parameters, found.unconstrained, found.log_p, found.memberships, proposal)


def one_data_set(rng: np.random.Generator, training: float) -> dict[str, list[evaluate.ScoreRow]]:
    """Score all methods on one data set; how hard it is for the biased ones is its own, skewed luck."""
    references = tuple(draws_of(rng, 4, 600, 0.0, 1.0, 0.5) for _ in range(2))
    scorer = evaluate.DataSetScorer((references[0], references[1]), None, seed=1)
    direction = rng.normal(size=DIM) / np.sqrt(DIM)
    hard = rng.lognormal(0, 1)
    shift, tight = 0.1 * hard * direction, np.exp(-0.25 * rng.lognormal(0, 0.5))
    off, little = 0.05 * training * hard * direction, np.exp(-0.05 * training * rng.lognormal(0, 0.7))
    exact = draws_of(rng, 4, 250, 0.0, 1.0, 0.5)
    independent = draws_of(rng, 1, 1000, 0.0, 1.0, 0.0)
    found = {
        "nuts": exact,
        "independent": independent,
        "retrained": with_density(rng, draws_of(rng, 1, 1000, off, little, 0.0), references, off, little),
        "overconfident": with_density(
            rng, draws_of(rng, 1, 1000, shift, tight, 0.0), references, shift, tight
        ),
    }
    if rng.random() >= FAILS:
        found["flaky"] = draws_of(rng, 1, 1000, 0.5 * shift, tight, 0.0)
    return {method: scorer.score(posterior) for method, posterior in found.items()}


def toy_runs(n_runs: int, file: Path | None) -> pd.DataFrame:
    """Return the scores of all runs, data sets numbered through; run r has r * 20 to r * 20 + 19.

    Runs that ``file`` holds are not made again.
    """
    evaluate.c2st = lambda *_, **__: {}
    table = pd.read_parquet(file) if file and file.exists() else pd.DataFrame(columns=COLUMNS)
    done = 0 if table.empty else 1 + int(table["dataset"].max()) // N_DATASETS
    for run in range(done, n_runs):
        rows = []
        training = float(np.random.default_rng([run, 1]).lognormal(0, RETRAINED_SD))
        for i in range(run * N_DATASETS, (run + 1) * N_DATASETS):
            for method, scored in one_data_set(np.random.default_rng([i, 2]), training).items():
                rows += [("toy", i, method, s.metric, s.parameter, s.value, s.mcse, s.floor) for s in scored]
        made = pd.DataFrame(rows, columns=COLUMNS)
        table = made if table.empty else pd.concat([table, made], ignore_index=True)
        if file:
            table.to_parquet(file)
        print(f"run {run + 1} of {n_runs}", flush=True)
    return table[table["dataset"] < n_runs * N_DATASETS]


def snapshot_of(scores: pd.DataFrame, fits: pd.DataFrame, chosen: np.ndarray, seed: int) -> Snapshot:
    """Return a run of the chosen data sets, which may repeat; none is shared with another run.

    Args:
        scores: of ``per_data_set``.
        fits: scenario, dataset, method, status.
        chosen: numbers of data sets.
        seed: the run's.
    """
    place = pd.DataFrame({"dataset": chosen, "place": np.arange(len(chosen))})

    def numbered(table: pd.DataFrame) -> pd.DataFrame:
        return table.merge(place, on="dataset").drop(columns="dataset").rename(columns={"place": "dataset"})

    fits = numbered(fits)
    data = fits[["scenario", "dataset"]].drop_duplicates()
    data = data.assign(data=[f"{seed}-{i}" for i in data["dataset"]])
    speed = pd.DataFrame(columns=["scenario", "method", "n_datasets", "slowdown", "low", "high"])
    record = {"run": "errors", "seed": seed, "config": {"methods": {}}}
    return Snapshot(record, pd.DataFrame(columns=CELL), numbered(scores), fits, data, speed)


def tell(name: str, outcomes: list) -> None:
    """Print how many runs failed, and by what."""
    failed = [outcome for outcome in outcomes if outcome.failed]
    by = [
        f"{f.method}/{f.subject}" for outcome in failed for f in outcome.findings if f.verdict == "regression"
    ]
    n_tests = outcomes[0].n_tests
    counts = pd.Series(by, dtype=object).value_counts().to_dict()
    print(
        f"{name}: {len(failed)} of {len(outcomes)} failed ({n_tests} comparisons each); {counts}", flush=True
    )


def toy(n_runs: int, n_pairs: int, file: Path | None) -> None:
    """Measure false alarms on runs whose truth is known."""
    scores = toy_runs(n_runs, file)
    table = per_data_set(scores)
    n_all = int(scores["dataset"].max()) + 1
    fits = pd.DataFrame(
        [("toy", i, m) for i in range(n_all) for m in METHODS], columns=["scenario", "dataset", "method"]
    )
    scored = set(zip(scores["dataset"], scores["method"], strict=True))
    fits["status"] = [
        "ok" if key in scored else "failed" for key in zip(fits["dataset"], fits["method"], strict=True)
    ]
    groups = np.arange(n_all).reshape(-1, N_DATASETS)
    runs = [snapshot_of(table, fits, group, seed) for seed, group in enumerate(groups)]
    tell("every other run against the first", [judge(runs[0], run, Regression()) for run in runs[1:]])
    pairs = zip(runs[::2], runs[1::2], strict=False)
    tell("runs in disjoint pairs", [judge(old, new, Regression()) for old, new in pairs])
    rng, outcomes = np.random.default_rng(0), []
    for _ in range(n_pairs):
        chosen = rng.permutation(n_all)[: 2 * N_DATASETS]
        old = snapshot_of(table, fits, chosen[:N_DATASETS], 0)
        outcomes.append(judge(old, snapshot_of(table, fits, chosen[N_DATASETS:], 1), Regression()))
    tell("data sets of all runs mixed", outcomes)


def bootstrap(run: Path, n_pairs: int) -> None:
    """Measure false alarms on resampled data sets of a real run, scenarios of one data set left out."""
    scores = pd.read_parquet(run / "scores.parquet")
    fits = pd.read_csv(run / "status.csv")[["scenario", "dataset", "method", "status"]]
    counts = fits.groupby("scenario")["dataset"].nunique()
    several = counts[counts > 1].index
    table = per_data_set(scores[scores["scenario"].isin(several)])
    fits = fits[fits["scenario"].isin(several)]
    numbers = np.unique(fits["dataset"])
    rng, outcomes = np.random.default_rng(0), []
    for _ in range(n_pairs):
        old, new = (snapshot_of(table, fits, rng.choice(numbers, len(numbers)), seed) for seed in (0, 1))
        outcomes.append(judge(old, new, Regression()))
    tell(f"bootstrap of {run}", outcomes)


def reruns(folders: list[Path]) -> None:
    """Measure false alarms on real runs with seeds of their own."""
    found = [snapshot(folder) for folder in folders]
    tell("every other run against the first", [judge(found[0], run, Regression()) for run in found[1:]])
    both = [judge(old, new, Regression()) for old, new in permutations(found, 2)]
    tell("every run against every other", both)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_toy, of_bootstrap, of_reruns = (commands.add_parser(name) for name in ("toy", "bootstrap", "reruns"))
    of_toy.add_argument("--runs", type=int, default=20)
    of_toy.add_argument("--pairs", type=int, default=400)
    of_toy.add_argument("--scores", type=Path, help="keep the runs' scores here, and go on from there")
    of_bootstrap.add_argument("run", type=Path)
    of_bootstrap.add_argument("--pairs", type=int, default=200)
    of_reruns.add_argument("run", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "toy":
        toy(arguments.runs, arguments.pairs, arguments.scores)
    elif arguments.command == "bootstrap":
        bootstrap(arguments.run, arguments.pairs)
    else:
        reruns(arguments.run)


if __name__ == "__main__":
    main()
