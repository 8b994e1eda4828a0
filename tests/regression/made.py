"""Made-up runs with the files that the gate reads: numbers from a random generator, results of nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.posterior_io import write_data_sets
from pipeline.scenarios.base import DataSet
from tests.report.synthetic import SCENARIOS, write_run


def make_run(folder: Path, seed: int = 1, **settings) -> Path:
    """Write a run; its scores, failures and data sets follow from the seed, except for real data."""
    scenarios = settings.pop("scenarios", SCENARIOS)
    write_run(folder, scenarios=scenarios, seed=seed, with_examples=False, **settings)
    for made in scenarios:
        rng = np.random.default_rng([seed if made.has_truth else 0, len(made.name)])
        data = [DataSet(y=rng.normal(size=(6, 1))) for _ in range(made.n_datasets)]
        write_data_sets(folder / "data" / f"{made.name}.nc", data)
    methods = set(pd.read_csv(folder / "status.csv")["method"]) - {"reference-1", "reference-2"}
    config = {
        "run": folder.name,
        "seed": seed,
        "scenarios": {made.name: {"n_datasets": made.n_datasets} for made in scenarios},
        "methods": {method: {} for method in sorted(methods)},
    }
    edit_record(folder, seed=seed, config=config)
    return folder


def edit_record(folder: Path, **changes) -> None:
    """Change keys of provenance.json."""
    file = folder / "provenance.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def edit_scores(folder: Path, change) -> None:
    """Replace scores.parquet by what ``change`` makes of it."""
    file = folder / "scores.parquet"
    change(pd.read_parquet(file)).to_parquet(file)
