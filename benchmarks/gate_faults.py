"""Does the regression gate catch planted faults? Each is planted in posteriors of a finished run.

    python benchmarks/gate_faults.py results/default [--datasets 20] [--json FILE]

The baseline holds the run's own `nuts`. The run to judge has, in the place of nuts, draws of the second
reference run with a fault in them, scored by the suite's own scoring: its noise is its own, the fault all
that differs. Without a fault the gate must pass. Beside the paired comparison (same data sets) stands the
unpaired one, for which the data sets are declared to be others: what is found then is what would be found at
about the middle of the luck of drawing other data sets.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.posterior import Posterior
from pipeline.posterior_io import read_data_sets, read_posteriors
from pipeline.regression.gate import judge
from pipeline.regression.settings import Regression
from pipeline.regression.snapshot import Snapshot, per_data_set
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import DataSet
from pipeline.scenarios.gmm_ordered import GmmOrdered
from pipeline.scenarios.hmm_ordered import HmmOrdered
from pipeline.scenarios.memberships import hmm_memberships
from pipeline.scenarios.sufficient import summarise
from pipeline.scores.evaluate import DataSetScorer
from pipeline.scores.monte_carlo import thin
from pipeline.scoring import COLUMNS
from pipeline.stan.model import BoundModel
from pipeline.stan.record import read_built

CHAINS, DRAWS, BATCHES = 4, 1000, 20
Draws = Float[np.ndarray, "draw dim"]


@dataclass(frozen=True)
class Subject:
    """One data set and correct posterior draws in which to plant a fault.

    Attributes:
        scenario, data: the problem.
        folder: for files of models with other data.
        built: record of the Stan program.
        model: the program, bound to the data.
        draws: correct unconstrained draws, more than a method returns.
        rng: for resampling.
    """

    scenario: GmmOrdered | HmmOrdered
    data: DataSet
    folder: Path
    built: Path
    model: BoundModel
    draws: Draws
    rng: np.random.Generator

    def parameters(self) -> dict[str, np.ndarray]:
        """Return the draws in constrained space by name."""
        return self.model.by_name(self.model.constrain(self.draws))

    def posterior(self, draws: Draws) -> Posterior:
        """Return what the suite would store of a method with these draws."""
        flat = self.model.constrain(draws)
        parts = [
            self.scenario.memberships(self.data, self.model.by_name(batch))
            for batch in np.array_split(flat, BATCHES)
        ]
        memberships = {kind: np.stack([part[kind].mean(axis=0) for part in parts]) for kind in parts[0]}
        shape = (CHAINS, len(draws) // CHAINS, -1)
        return Posterior(
            self.model.by_name(flat.reshape(shape)),
            draws.reshape(shape),
            np.zeros(shape[:2]),  # no score of draws without a density asks for it
            memberships,
        )

    def correct(self) -> Posterior:
        """Return as many draws as nuts, evenly thinned."""
        chains = self.draws.reshape(CHAINS, -1, self.draws.shape[1])
        return self.posterior(thin(chains, CHAINS * DRAWS).reshape(-1, self.draws.shape[1]))

    def reweighted(self, log_weight: Float[np.ndarray, " draw"]) -> Posterior:
        """Return draws of the posterior whose density is exp(log_weight) times the correct one."""
        weight = np.exp(log_weight - log_weight.max())
        places = (self.rng.uniform() + np.arange(CHAINS * DRAWS)) / (CHAINS * DRAWS)
        chosen = np.minimum(np.searchsorted(np.cumsum(weight) / weight.sum(), places), len(weight) - 1)
        return self.posterior(self.draws[self.rng.permutation(chosen)])

    def moved(self, move: Callable[[Draws], Draws]) -> Posterior:
        """Return the correct draws after a map of the unconstrained space."""
        return self.posterior(move(self.correct().unconstrained.reshape(-1, self.draws.shape[1])))


def wider_prior(subject: Subject) -> Posterior:
    """Prior sd of the component means 1.2 where it is 1."""
    scaled = (subject.parameters()["mu"] - np.array(subject.scenario.mu_mean)) / 1.0
    return subject.reweighted(np.sum(scaled**2 - (scaled / 1.2) ** 2, axis=1) / 2)


def no_ordering_jacobian(subject: Subject) -> Posterior:
    """The log Jacobian of the ordered means left out of the density."""
    return subject.reweighted(-np.log(np.diff(subject.parameters()["mu"], axis=1)).sum(axis=1))


def no_probability_jacobian(subject: Subject) -> Posterior:
    """The log Jacobian of the weights (of the probabilities to stay) left out of the density."""
    parameters = subject.parameters()
    if "pi" in parameters:
        return subject.reweighted(-np.log(parameters["pi"]).sum(axis=1))
    stay = parameters["p_stay"]
    return subject.reweighted(-np.log(stay * (1 - stay)).sum(axis=1))


def wrong_log_density(subject: Subject) -> Posterior:
    """Importance weights from a log density with observation sd 1.05 where it is 1."""
    block = subject.scenario.stan_data(subject.data)
    wrong = BoundModel(
        read_built(subject.built), {**block, "sd": 1.05 * block["sd"]}, subject.model.shapes, subject.folder
    )
    return subject.reweighted(wrong.log_density(subject.draws) - subject.model.log_density(subject.draws))


def overconfident(subject: Subject) -> Posterior:
    """All draws 15% nearer to their mean."""
    return subject.moved(lambda x: x.mean(axis=0) + 0.85 * (x - x.mean(axis=0)))


def biased(subject: Subject) -> Posterior:
    """The mean of every unconstrained parameter off by 0.2 posterior sd."""
    return subject.moved(lambda x: x + 0.2 * x.std(axis=0))


def no_correlation(subject: Subject) -> Posterior:
    """Right marginals, independent of each other."""
    return subject.moved(lambda x: np.column_stack([subject.rng.permutation(column) for column in x.T]))


def stuck_chain(subject: Subject) -> Posterior:
    """One of four chains stands still for its second half."""

    def stop(x: Draws) -> Draws:
        x = x.copy()
        x[DRAWS // 2 : DRAWS] = x[DRAWS // 2]
        return x

    return subject.moved(stop)


def clipped_tails(subject: Subject) -> Posterior:
    """Nothing beyond 1.5 posterior sd of the mean: bounds in the wrong place."""

    def clip(x: Draws) -> Draws:
        mean, sd = x.mean(axis=0), x.std(axis=0)
        return np.clip(x, mean - 1.5 * sd, mean + 1.5 * sd)

    return subject.moved(clip)


def swapped_labels(subject: Subject) -> Posterior:
    """First and second component exchanged in the memberships of one chain of four."""
    good = subject.correct()
    memberships = {}
    for kind, batches in good.memberships.items():
        memberships[kind] = batches.copy()
        first = slice(0, BATCHES // CHAINS)
        memberships[kind][first, :, :2] = batches[first, :, 1::-1]
    return replace(good, memberships=memberships)


def plugged_in(subject: Subject) -> Posterior:
    """Memberships at the mean parameters instead of their mean over draws."""
    good = subject.correct()
    flat = subject.model.constrain(good.unconstrained.reshape(-1, good.unconstrained.shape[-1]))
    at_mean = subject.scenario.memberships(subject.data, subject.model.by_name(flat.mean(axis=0)[None]))
    memberships = {kind: np.repeat(values, BATCHES, axis=0) for kind, values in at_mean.items()}
    return replace(good, memberships=memberships)


def off_by_one(subject: Subject) -> Posterior:
    """Memberships of the neighbouring observation."""
    good = subject.correct()
    memberships = {kind: np.roll(batches, 1, axis=1) for kind, batches in good.memberships.items()}
    return replace(good, memberships=memberships)


def filtering_for_smoothing(subject: Subject) -> Posterior:
    """Filtering handed over as smoothing."""
    good = subject.correct()
    memberships = {**good.memberships, "smoothing": good.memberships["filtering"]}
    return replace(good, memberships=memberships)


def transposed_transition(subject: Subject) -> Posterior:
    """Forward and backward recursions with columns for rows of the transition matrix."""
    assert isinstance(subject.scenario, HmmOrdered)
    good = subject.correct()
    draws = {name: values.reshape(-1, *values.shape[2:]) for name, values in good.parameters.items()}
    stay, leave = draws["p_stay"], 1 - draws["p_stay"]
    transposed = np.stack(
        [np.stack([stay[:, 0], leave[:, 1]], axis=-1), np.stack([leave[:, 0], stay[:, 1]], axis=-1)], axis=-2
    )
    sd = np.full_like(draws["mu"], subject.scenario.sd)
    initial = np.array(subject.scenario.initial)
    wrong = hmm_memberships(summarise(subject.data.y), initial, transposed, draws["mu"], sd)
    memberships = {
        kind: values.reshape(BATCHES, -1, *values.shape[1:]).mean(axis=1) for kind, values in wrong.items()
    }
    return replace(good, memberships=memberships)


EVERYWHERE: dict[str, Callable[[Subject], Posterior]] = {
    "none": Subject.correct,
    "prior scale off by 20%": wider_prior,
    "Jacobian of the ordering missing": no_ordering_jacobian,
    "Jacobian of the probabilities missing": no_probability_jacobian,
    "wrong log density in the correction (sd 1.05 for 1)": wrong_log_density,
    "overconfident by 15%": overconfident,
    "mean off by 0.2 sd": biased,
    "correlations lost": no_correlation,
    "one chain stuck halfway": stuck_chain,
    "tails cut at 1.5 sd": clipped_tails,
    "labels swapped in one chain of four": swapped_labels,
    "memberships at the mean parameters": plugged_in,
    "memberships off by one observation": off_by_one,
}
OF_HMMS = {
    "smoothing replaced by filtering": filtering_for_smoothing,
    "transition matrix transposed": transposed_transition,
}


def score_faults(
    run: Path, name: str, n_datasets: int, faults: dict, folder: Path
) -> dict[str, pd.DataFrame]:
    """Return rows of scores.csv for each fault in one scenario, the method being nuts."""
    config = json.loads((run / "provenance.json").read_text())["config"]["scenarios"]
    scenario = get_scenario(name, {k: v for k, v in config[name].items() if k != "n_datasets"})
    built = run / "models" / f"{scenario.stan_program.removesuffix('.stan')}.json"
    first, second = (read_posteriors(run / "draws" / name / f"reference-{i}.nc") for i in (1, 2))
    rows: dict[str, list] = {fault: [] for fault in faults}
    for i, data in list(read_data_sets(run / "data" / f"{name}.nc").items())[:n_datasets]:
        model = BoundModel(
            read_built(built), scenario.stan_data(data), dict(scenario.parameter_shapes), folder
        )
        scorer = DataSetScorer((first[i], second[i]), data.z, seed=1 + i)
        draws = second[i].unconstrained.reshape(-1, model.dim)
        other = folder / "other"
        other.mkdir(exist_ok=True)
        assert isinstance(scenario, GmmOrdered | HmmOrdered)
        subject = Subject(scenario, data, other, built, model, draws, np.random.default_rng(i))
        for fault, plant in faults.items():
            scored = scorer.score(plant(subject))
            rows[fault] += [
                (name, i, "nuts", s.metric, s.parameter, s.value, s.mcse, s.floor) for s in scored
            ]
    return {fault: pd.DataFrame(found, columns=COLUMNS) for fault, found in rows.items()}


def snapshots(scores: pd.DataFrame, seed: int, data: str) -> Snapshot:
    """Return a snapshot of scores alone, with data sets of a given name."""
    table = per_data_set(scores)
    cells = table[["scenario", "dataset", "method"]].drop_duplicates()
    speed = pd.DataFrame(columns=["scenario", "method", "n_datasets", "slowdown", "low", "high"])
    record = {"run": "faults", "seed": seed, "config": {"scenarios": {}, "methods": {}}}
    fits = cells.assign(status="ok")
    return Snapshot(
        record, table, table, fits, cells.drop_duplicates(["scenario", "dataset"]).assign(data=data), speed
    )


def main() -> None:
    """Plant every fault, gate it, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--scenarios", nargs="+", default=["gmm-ordered", "hmm-ordered"])
    parser.add_argument("--datasets", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--scores", type=Path, help="folder to keep the faulty scores in, or read them from")
    arguments = parser.parse_args()
    whole_run = pd.read_parquet(arguments.run / "scores.parquet")
    results = []
    for name in arguments.scenarios:
        faults = EVERYWHERE | (OF_HMMS if name.startswith("hmm") else {})
        kept = arguments.scores / f"{name}.parquet" if arguments.scores else None
        if kept and kept.exists():
            scored = {str(fault): rows for fault, rows in pd.read_parquet(kept).groupby("fault", sort=False)}
        else:
            with tempfile.TemporaryDirectory() as folder:
                scored = score_faults(arguments.run, name, arguments.datasets, faults, Path(folder))
            if kept:
                pd.concat([rows.assign(fault=fault) for fault, rows in scored.items()]).to_parquet(kept)
        for fault, faulty in scored.items():
            of_nuts = (whole_run["scenario"] == name) & (whole_run["method"] == "nuts")
            shown = of_nuts & (whole_run["dataset"] < arguments.datasets)
            # All other cells of the run are there, unchanged: they count in the correction.
            old = pd.concat([whole_run[~of_nuts], whole_run[shown]])
            new = pd.concat([whole_run[~of_nuts], faulty])
            for design, seed, data in (("paired", 1, "same"), ("unpaired", 2, "other")):
                outcome = judge(snapshots(old, 1, "same"), snapshots(new, seed, data), Regression())
                caught = [f for f in outcome.findings if f.verdict == "regression"]
                worst = caught[0] if caught else None
                results.append(
                    {
                        "scenario": name,
                        "fault": fault,
                        "design": design,
                        "caught by": ", ".join(f.subject for f in caught),
                        "largest ratio": max((f.ratio for f in caught), default=float("nan")),
                        "smallest p": worst.p_value if worst else float("nan"),
                        "comparisons": outcome.n_tests,
                    }
                )
    table = pd.DataFrame(results)
    with pd.option_context("display.width", 250, "display.max_colwidth", 120, "display.max_rows", 200):
        print(table.to_string(index=False, float_format="{:.2g}".format))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
