"""A tiny database in posteriordb's layout: one mixture of two Gaussians, 40 observations."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

NAME = "tiny_data-tiny_mixture"
PROGRAM = """\
data {
  int<lower=1> N;
  int<lower=2> K; // a comment with { and ;
  vector[N] y;
}
parameters {
  simplex[K] pi;
  ordered[K] mu;
  array[K] real<lower=0> sd;
}
model {
  mu ~ normal(0, 5);
  sd ~ lognormal(0, 1);
  for (n in 1 : N) {
    vector[K] lp = log(pi);
    for (k in 1 : K) {
      lp[k] += normal_lpdf(y[n] | mu[k], sd[k]);
    }
    target += log_sum_exp(lp);
  }
}
"""
ROLES = {"weights": "pi", "mean": "mu", "sd": "sd"}
SCALARS = [f"{name}[{k}]" for name in ("pi", "mu", "sd") for k in (1, 2)]


def tiny_data() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    y = np.concatenate([rng.normal(-2, 0.7, 25), rng.normal(2, 0.5, 15)])
    return {"N": 40, "K": 2, "y": y.tolist()}


def tiny_draws(chains: int = 10, draws: int = 100, seed: int = 2) -> list[dict[str, list[float]]]:
    """Independent draws somewhere near the posterior, in another order than the program's."""
    rng = np.random.default_rng(seed)
    pi = rng.beta(25, 15, (chains, draws))
    by_name = {
        "mu[1]": rng.normal(-2, 0.14, (chains, draws)),
        "mu[2]": rng.normal(2, 0.13, (chains, draws)),
        "sd[1]": rng.uniform(0.6, 0.8, (chains, draws)),
        "sd[2]": rng.uniform(0.4, 0.6, (chains, draws)),
        "pi[1]": pi,
        "pi[2]": 1 - pi,
        "lp__": rng.normal(size=(chains, draws)),
    }
    return [{name: values[chain].tolist() for name, values in by_name.items()} for chain in range(chains)]


def write_tiny_database(root: Path, *, with_draws: bool = True) -> Path:
    """Write a checkout with the database in it, as posteriordb's own has it, and return the checkout."""
    base = root / "posterior_database"
    write(
        base / f"posteriors/{NAME}.json",
        {
            "name": NAME,
            "keywords": ["mixture model"],
            "model_name": "tiny_mixture",
            "data_name": "tiny_data",
            "reference_posterior_name": NAME if with_draws else None,
            "dimensions": {"pi": 2, "mu": 2, "sd": 2},
        },
    )
    write(
        base / "models/info/tiny_mixture.info.json",
        {
            "name": "tiny_mixture",
            "keywords": "stan_examples",
            "title": "Two Gaussians",
            "model_implementations": {"stan": {"model_code": "models/stan/tiny_mixture.stan"}},
        },
    )
    write(
        base / "data/info/tiny_data.info.json", {"name": "tiny_data", "data_file": "data/data/tiny_data.json"}
    )
    (base / "models/stan").mkdir(parents=True)
    (base / "models/stan/tiny_mixture.stan").write_text(PROGRAM)
    write_zipped(base / "data/data/tiny_data.json", tiny_data())
    if with_draws:
        write_zipped(base / f"reference_posteriors/draws/draws/{NAME}.json", tiny_draws())
        write(
            base / f"reference_posteriors/draws/info/{NAME}.info.json",
            {
                "name": NAME,
                "inference": {"method": "stan_sampling"},
                "diagnostics": {
                    "divergent_transitions": [0] * 10,
                    "expected_fraction_of_missing_information": [1.5, 0.9, *[1.1] * 8],
                },
                "versions": {"rstan_version": "rstan 2.19.2"},
                "added_date": "2020-05-25",
            },
        )
    return root


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_zipped(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path.with_name(f"{path.name}.zip"), "w") as archive:
        archive.writestr(path.name, json.dumps(value))
