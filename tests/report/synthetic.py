"""A made-up run for the report's tests: plausible numbers from a random generator, results of nothing."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.posterior import Posterior
from pipeline.report.examples import ExampleInput, write_examples
from pipeline.scenarios.base import DataSet

METHODS = ("nuts", "advi-meanfield", "advi-fullrank", "pathfinder", "laplace")
# By method: bias in sd, log of the sd's ratio, mean k-hat, seconds a data set.
CHARACTER = {
    "nuts": (0.0, 0.0, np.nan, 4.0),
    "advi-meanfield": (0.22, -0.45, 1.1, 0.9),
    "advi-fullrank": (0.12, -0.10, 0.75, 1.6),
    "pathfinder": (0.05, -0.03, 0.45, 0.35),
    "laplace": (0.03, -0.05, 0.55, 0.12),
}
PARAMETER_METRICS = ("mean_error_sd", "log_sd_ratio", "wasserstein1_sd")
MEMBERSHIP_METRICS = ("accuracy", "log_loss", "excess_log_loss", "brier", "ece", "total_variation")


@dataclass(frozen=True)
class Made:
    """A scenario of the made-up run."""

    name: str
    parameters: tuple[str, ...]
    kinds: tuple[str, ...]
    n_datasets: int
    n_components: int
    has_truth: bool = True
    difficulty: float = 1.0


SCENARIOS = (
    Made("gmm-ordered", ("pi[1]", "pi[2]", "pi[3]", "mu[1]", "mu[2]", "mu[3]"), ("membership",), 20, 3),
    Made("hmm-ordered", ("a11", "a22", "mu[1]", "mu[2]"), ("filtering", "smoothing"), 20, 2, difficulty=0.6),
    Made(
        "galaxies",
        tuple(f"{name}[{k}]" for name in ("pi", "mu", "sigma") for k in (1, 2, 3)),
        ("membership",),
        1,
        3,
        has_truth=False,
        difficulty=1.6,
    ),
)


@dataclass
class _Rows:
    scores: list = field(default_factory=list)
    timings: list = field(default_factory=list)
    status: list = field(default_factory=list)
    certificates: list = field(default_factory=list)


def write_run(
    folder: Path,
    *,
    scenarios: Iterable[Made] = SCENARIOS,
    methods: Iterable[str] = METHODS,
    failures: dict[tuple[str, str], float] | None = None,
    uncertified: dict[str, float] | None = None,
    unreferenced: dict[tuple[str, str], int] | None = None,
    with_examples: bool = True,
    seed: int = 1,
) -> Path:
    """Write a synthetic run to ``folder``.

    Args:
        folder: created where missing.
        scenarios: what to make up.
        methods: which methods take part.
        failures: share of data sets that fail, by (scenario, method); a plausible few by default.
        uncertified: share of data sets whose reference fails, by scenario.
        unreferenced: number of further data sets, without a reference, by (scenario, method).
        with_examples: whether to write examples.nc.
        seed: of the random generator.
    """
    rng = np.random.default_rng(seed)
    failures = {("gmm-ordered", "advi-fullrank"): 0.2} if failures is None else failures
    uncertified = {"gmm-ordered": 0.06} if uncertified is None else uncertified
    scenarios, methods = tuple(scenarios), tuple(methods)
    rows = _Rows()
    for made in scenarios:
        rows.timings.append((made.name, None, "stan", "build", 24 + rng.normal(), 23.5, None, None))
        for dataset in range(made.n_datasets):
            certified = rng.random() >= uncertified.get(made.name, 0.0)
            _reference(rows, made, dataset, certified, rng)
            for method in methods:
                failed = rng.random() < failures.get((made.name, method), 0.0)
                _fit(rows, made, dataset, method, certified, failed, rng)
        for (scenario, method), n_further in (unreferenced or {}).items():
            for dataset in range(
                made.n_datasets, made.n_datasets + n_further if scenario == made.name else 0
            ):
                _fit_without_reference(rows, made, dataset, method, rng)
    folder.mkdir(parents=True, exist_ok=True)
    _write_tables(folder, rows)
    _write_logs(folder / "logs")
    (folder / "provenance.json").write_text(json.dumps(_provenance(folder.name), indent=2))
    if with_examples:
        write_examples(
            folder / "examples.nc", {made.name: _example(made, methods, rng) for made in scenarios}
        )
    return folder


def _reference(rows: _Rows, made: Made, dataset: int, certified: bool, rng: np.random.Generator) -> None:
    for run in (1, 2):
        wall = 9 * made.difficulty * rng.lognormal(0, 0.2)
        name = f"reference-{run}"
        rows.timings.append((made.name, dataset, name, "warmup", wall * 0.5, wall * 0.9, None, None))
        rows.timings.append((made.name, dataset, name, "sample", wall, wall * 1.9, 10_000, 4200.0))
        rows.status.append(
            (
                made.name,
                dataset,
                name,
                "ok" if certified else "uncertified",
                "" if certified else "R-hat 1.050",
            )
        )
        attempts = 1 if certified else 3
        for attempt in range(1, attempts + 1):
            r_hat = 1.002 if certified else 1.05
            reason = "" if certified else f"R-hat {r_hat:.3f} (must be < 1.01); bulk ESS 180 (must be > 400)"
            rows.certificates.append(
                (made.name, dataset, run, attempt, r_hat, 4100.0 if certified else 180.0, 3900.0, 0, 0.91, 0,
                 certified, reason)
            )  # fmt: skip


def _fit(
    rows: _Rows,
    made: Made,
    dataset: int,
    method: str,
    certified: bool,
    failed: bool,
    rng: np.random.Generator,
) -> None:
    bias, log_sd, k_hat, wall_s = CHARACTER.get(method, (0.1, 0.1, 0.6, 1.0))
    wall_s *= made.difficulty * rng.lognormal(0, 0.15)
    if failed:
        reason = "ADVI: All proposed step-sizes failed. Your model may be either severely ill-conditioned."
        rows.status.append((made.name, dataset, method, "failed", reason))
        return
    if method == "nuts":
        rows.timings.append((made.name, dataset, method, "warmup", wall_s * 0.45, wall_s * 0.8, None, None))
        rows.timings.append((made.name, dataset, method, "sample", wall_s * 0.55, wall_s, 4000, 1700.0))
    else:
        rows.timings.append((made.name, dataset, method, "infer", wall_s, wall_s * 1.02, 4000, 4000.0))
    if not certified:
        rows.status.append((made.name, dataset, method, "uncertified", "the reference has no certificate"))
        return
    rows.status.append((made.name, dataset, method, "ok", ""))

    def add(metric: str, parameter: str, value: float, mcse: float, floor: float) -> None:
        rows.scores.append((made.name, dataset, method, metric, parameter, value, mcse, floor))

    size = made.difficulty * rng.lognormal(0, 0.5)
    for parameter in made.parameters:
        floor = abs(rng.normal(0, 0.012)) + 0.004
        shift = bias * size * rng.normal(1, 0.4) + rng.normal(0, 0.02)
        scale = log_sd * made.difficulty * rng.normal(1, 0.25) + rng.normal(0, 0.015)
        add("mean_error_sd", parameter, shift, 0.015, rng.choice([-1, 1]) * floor)
        add("log_sd_ratio", parameter, scale, 0.012, floor)
        add("wasserstein1_sd", parameter, abs(shift) + 0.7 * abs(scale) + 0.01, 0.008, floor + 0.012)
    add("sliced_wasserstein", "", (bias + abs(log_sd) / 2) * size + 0.03, 0.006, 0.03 + rng.normal(0, 0.003))
    add("c2st", "", min(0.98, 0.5 + 0.4 * (bias + abs(log_sd)) * size), 0.008, 0.503 + rng.normal(0, 0.006))
    if method != "nuts":
        add("pareto_k", "", k_hat * size**0.3 + rng.normal(0, 0.08), np.nan, np.nan)
        add("kl_to_reference", "", (bias**2 + log_sd**2) * 2 * size + abs(rng.normal(0, 0.002)), 0.003, 0.0)
    for kind in made.kinds:
        hard = 0.22 if kind == "filtering" else 0.16
        exact = {"accuracy": 1 - hard, "log_loss": hard * 2.1, "brier": hard * 1.3, "ece": 0.03}
        loss = 0.05 * (bias + abs(log_sd)) * size
        for metric in MEMBERSHIP_METRICS:
            if metric == "total_variation":
                add(f"{kind}_{metric}", "", loss + 0.004, 0.001, 0.004)
            else:
                sign = -0.3 if metric == "accuracy" else 1.0
                floor = exact.get(metric, 0.0005)
                value = loss + floor if metric == "excess_log_loss" else floor + sign * loss
                add(f"{kind}_{metric}", "", value + rng.normal(0, 0.001), 0.02, floor)


def _fit_without_reference(
    rows: _Rows, made: Made, dataset: int, method: str, rng: np.random.Generator
) -> None:
    wall_s = 0.05 * rng.lognormal(0, 0.1)
    rows.timings.append((made.name, dataset, method, "infer", wall_s, wall_s, 1000, 900.0))
    rows.status.append((made.name, dataset, method, "ok", ""))
    scores = {"pareto_k": 0.5 + 0.4 * (dataset % 2)}
    scores |= {f"{kind}_accuracy": 0.8 + rng.normal(0, 0.02) for kind in made.kinds}
    for metric, value in scores.items():
        rows.scores.append((made.name, dataset, method, metric, "", value, np.nan, np.nan))


def _write_tables(folder: Path, rows: _Rows) -> None:
    scores = ["scenario", "dataset", "method", "metric", "parameter", "value", "mcse", "floor"]
    timings = ["scenario", "dataset", "method", "phase", "wall_s", "cpu_s", "n_draws", "ess_bulk_min"]
    status = ["scenario", "dataset", "method", "status", "reason"]
    certificates = [
        "scenario", "dataset", "run", "attempt", "r_hat_max", "ess_bulk_min", "ess_tail_min", "divergences",
        "e_bfmi_min", "treedepth_saturated", "certified", "reason",
    ]  # fmt: skip
    pd.DataFrame(rows.scores, columns=scores).to_parquet(folder / "scores.parquet")
    timing = pd.DataFrame(rows.timings, columns=timings).astype({"dataset": "Int64", "n_draws": "Int64"})
    timing.to_csv(folder / "timings.csv", index=False)
    pd.DataFrame(rows.status, columns=status).to_csv(folder / "status.csv", index=False)
    pd.DataFrame(rows.certificates, columns=certificates).to_csv(folder / "certificates.csv", index=False)


def _write_logs(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    end = 1_735_700_000.0
    for rule, threads, work_s in (("build_model", 1, 24.0), ("reference", 1, 290.0), ("fit", 2, 60.0)):
        end += 0.5 + 0.9 + work_s
        cost = {"rule": rule, "threads": threads, "ended": end, "startup_s": 0.9, "work_s": work_s}
        cost |= {"cpu_s": 1.1 * work_s, "peak_mib": 410.0}
        (folder / f"{rule}.log").write_text(f"what {rule} said\n{json.dumps(cost)}\n")


def _provenance(name: str) -> dict:
    return {
        "run": name,
        "command": f"snakemake --cores all --configfile config/{name}.yaml",
        "seed": 20250101,
        "git_commit": "0123456789abcdef (synthetic)",
        "git_changes": False,
        "finished": "2025-01-01T09:17:42+00:00",
        "machine": {
            "cpu": "Synthetic CPU, made up by tests/report",
            "cores": 2,
            "memory_gib": 8,
            "system": "none",
        },
        "python": "3.11.9",
        "packages": {"numpy": "2.4.6", "pandas": "3.1.1", "httpstan": "4.13.0"},
        "toolchain": {
            "kind": "embedded",
            "stan": "2.35.0",
            "compiler": "g++ 12.2.0",
            "flags": "-O3 -march=native",
        },
        "config": {
            "run": name,
            "seed": 20250101,
            "stan": {"toolchain": "auto"},
            "scenarios": {"gmm-ordered": {"datasets": 20}, "hmm-ordered": {"datasets": 20}, "galaxies": {}},
            "methods": {method: {} for method in METHODS},
        },
    }


def _example(made: Made, methods: Iterable[str], rng: np.random.Generator) -> ExampleInput:
    n_obs, n_components = (82 if made.name == "galaxies" else 120), made.n_components
    z = rng.integers(0, n_components, n_obs)
    if "smoothing" in made.kinds:
        z = (np.cumsum(rng.random(n_obs) < 0.15) % n_components).astype(int)
    y = (2.0 * z[:, None] - 2 + rng.normal(0, 1, (n_obs, 3))).round(3)
    sizes = Counter(name.split("[")[0] for name in made.parameters)
    shapes = {name: () if name in made.parameters else (size,) for name, size in sizes.items()}
    truth = {name: rng.normal(0.5, 0.1, shape) for name, shape in shapes.items()}
    theta = {name: np.asarray(value) for name, value in truth.items()} if made.has_truth else None
    data = DataSet(y=y, theta=theta, z=z if made.has_truth else None)

    def posterior(method: str) -> Posterior:
        bias, log_sd, *_ = CHARACTER.get(method, (0.0, 0.0))
        noise = {name: rng.normal(size=(4, 300, *shape)) for name, shape in shapes.items()}
        draws = {name: truth[name] + 0.05 * (bias + np.exp(log_sd) * noise[name]) for name in truth}
        logits = -0.5 * (y.mean(axis=1)[:, None] - 2.0 * np.arange(n_components) + 2 - 0.3 * bias) ** 2 * 3
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        memberships = {kind: np.repeat(probabilities[None], 4, axis=0) for kind in made.kinds}
        return Posterior(draws, np.zeros((4, 300, 1)), np.zeros((4, 300)), memberships)

    kinds = "hmm" if "smoothing" in made.kinds else "mixture"
    chosen = {method: posterior(method) for method in methods}
    return ExampleInput(0, kinds, data, data.y.mean(axis=1), posterior("reference"), chosen)
