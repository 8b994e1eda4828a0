"""Made-up checks and trainings of networks, beside a made-up run; the statistics are the real code's."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.calibration.altered import KINDS
from pipeline.calibration.bins import by_bins
from pipeline.calibration.ranks import examine
from tests.report.synthetic import METHODS, SCENARIOS, Made, write_run

NETWORKS = ("amortized-flow", "amortized-mdn")
TRAINED = tuple(made for made in SCENARIOS if made.has_truth)
DRAWS = 199


def write_run_with_networks(folder: Path, *, n: int = 300, narrow: float = 1.0, seed: int = 1) -> Path:
    """Write a made-up run whose methods include trained ones.

    Args:
        folder: created where missing.
        n: data sets of each check.
        narrow: factor of the spread of the draws of the second network.
        seed: of the random generator.
    """
    write_run(folder, scenarios=TRAINED, methods=(*METHODS, *NETWORKS), failures={}, uncertified={})
    rng = np.random.default_rng(seed)
    timings = pd.read_csv(folder / "timings.csv")
    rows = []
    for made in TRAINED:
        for method in NETWORKS:
            scale = narrow if method == NETWORKS[1] else 1.0
            _write_checks(folder / "checks" / made.name / method, made, n, scale, rng)
            _write_training(folder / "networks" / made.name / f"{method}.json", rng)
            rows += [(made.name, None, method, "train", 600.0, 1100.0, None, None)]
            rows += [(made.name, None, method, "build", 9.0, 9.0, None, None)]
    fast = timings["method"].isin(NETWORKS)
    timings.loc[fast, "wall_s"] /= 100
    more = pd.DataFrame(rows, columns=timings.columns)
    joined = pd.concat([timings, more.astype(timings.dtypes.to_dict(), errors="ignore")], ignore_index=True)
    joined.astype({"dataset": "Int64", "n_draws": "Int64"}).to_csv(folder / "timings.csv", index=False)
    return folder


def _write_checks(stem: Path, made: Made, n: int, scale: float, rng: np.random.Generator) -> None:
    names = [*made.parameters, "log likelihood"]
    table = pd.DataFrame({"n_values": rng.integers(300, 1000, n), "separation": rng.gamma(4, 0.3, n)})
    table["kl"] = rng.gamma(0.5, 0.1, n) * np.exp(-table["separation"])
    table["efficiency"] = np.exp(-2 * table["kl"])
    for kind in made.kinds:
        table[f"{kind}_excess"] = rng.gamma(1, 1e-4, n)
    for name in names:
        truth, noise = rng.normal(size=(2, n))
        draws = scale * rng.normal(size=(n, DRAWS))
        table[f"rank {name}"] = (draws < noise[:, None]).sum(axis=1)
        table[f"truth {name}"] = truth
        table[f"median {name}"] = truth - 0.3 * noise
        table[f"sd {name}"] = 0.3 * scale
    weights = {"n": n, "kl": 0.03, "kl_se": 0.004, "kl_median": 0.01, "kl_largest": 0.9}
    weights |= {"efficiency_median": 0.97, "efficiency_5": 0.6}
    kinds = ["as simulated", *KINDS]
    recovery = [
        {"quantity": name, "prior_sd": 1.0, "far": 0.0, "rmse": 0.3, "rmse_se": 0.01}
        | {"correlation": 0.95, "correlation_se": 0.01, "contraction": 0.9, "contraction_se": 0.002}
        | {f"coverage_{level}": level / 100 + rng.normal(0, 0.02) for level in (50, 80, 95)}
        | {f"coverage_{level}_se": 0.02 for level in (50, 80, 95)}
        for name in made.parameters
    ]
    summary = {
        "n_datasets": n,
        "draws": DRAWS,
        "calibration": [
            {"quantity": name, **examine(table[f"rank {name}"].to_numpy(), DRAWS)._asdict()} for name in names
        ],
        "recovery": recovery,
        "accuracy": weights,
        "bins": by_bins(table, list(made.kinds)),
        "memberships": [{"kind": kind, "n": 2 * n, "excess": 1e-4, "excess_se": 1e-5} for kind in made.kinds],
        "unlike": [
            {
                "data": data,
                "by": by,
                "n": n,
                "flagged": 0.01 if data == "as simulated" else 0.7,
                "flagged_se": 0.01,
            }
            for data in kinds
            for by in ("context", "residuals", "shape", "any")
        ],
        "altered": [{"data": data, **weights} for data in kinds],
        "wall_s": 60.0,
    }
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".json").write_text(json.dumps(summary))
    table.to_parquet(stem.with_suffix(".parquet"))


def _write_training(file: Path, rng: np.random.Generator) -> None:
    steps = np.arange(100, 40_001, 100)
    losses = -3 + 8 * np.exp(-steps / 3000) + rng.normal(0, 0.05, len(steps))
    curve = [[int(s), s * 0.015, loss, 1.0, 0.2 + 1 / s] for s, loss in zip(steps, losses, strict=True)]
    columns = ["step", "wall_s", "posterior", "guess", "membership"]
    phases = [{"phase": "train", "wall_s": 600.0, "cpu_s": 1100.0}]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"phases": phases, "steps": 40_000, "curve": curve, "curve_columns": columns}))
