"""Certified references in posteriordb's layout, for its readers in Python, R and Julia.

A posterior is a Stan program with its data (Magnusson et al. 2025, "posteriordb", AISTATS). Each data set
with a certificate becomes one, with the draws of its first reference run and what was checked.
"""

import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.files import whole, write_json
from pipeline.labels.permuting import all_permutations, permute
from pipeline.posterior import Posterior
from pipeline.reference import Reference
from pipeline.scenarios.base import DataSet, Scenario

_SYMMETRISED = (
    "Nothing identifies the labels of the components. Draws were relabelled, the diagnostics are of "
    "relabelled draws, and the draws given here go through all permutations of the labels in turn."
)


def write_database(
    folder: Path,
    name: str,
    scenario: Scenario,
    data_sets: Mapping[int, DataSet],
    references: Mapping[int, Posterior],
    certificates: Mapping[int, Mapping[str, Any]],
    reference: Reference,
    seed: int,
) -> list[str]:
    """Add a scenario's certified data sets to a database, and return the names of its posteriors.

    A scenario whose reference was published with its data adds none: they are somebody else's.

    Args:
        folder: root of the database.
        name: of the scenario in the configuration.
        scenario: its class, for the Stan program and its data.
        data_sets: by number.
        references: first reference runs; those without a passed certificate are left out.
        certificates: of the last attempt at each reference.
        reference: how references are sampled.
        seed: the run's root seed.
    """
    if scenario.published_reference() is not None:
        return []
    program = scenario.stan_program.removesuffix(".stan")
    _write_model(folder, program, scenario)
    written = []
    for number, data in data_sets.items():
        if number not in references or not certificates[number]["certified"]:
            continue
        data_name = f"{name}-{number}".replace("-", "_")
        posterior_name = f"{data_name}-{program}"
        _write_data(folder, data_name, name, number, scenario.stan_data(data))
        _write_draws(folder, posterior_name, scenario, references[number])
        write_json(
            folder / "reference_posteriors/draws/info" / f"{posterior_name}.info.json",
            _information(posterior_name, scenario, references[number], certificates[number], reference, seed),
        )
        write_json(
            folder / "posteriors" / f"{posterior_name}.json",
            {
                "name": posterior_name,
                "keywords": ["mixture" if scenario.family == "mixture" else "hidden markov model"],
                "model_name": program,
                "data_name": data_name,
                "reference_posterior_name": posterior_name,
                "dimensions": {key: int(np.prod(s)) for key, s in scenario.parameter_shapes.items()},
                **_added(),
            },
        )
        written.append(posterior_name)
    return written


def _write_model(folder: Path, program: str, scenario: Scenario) -> None:
    code = f"models/stan/{program}.stan"
    with whole(folder / code) as temporary:
        temporary.write_bytes(scenario.stan_file.read_bytes())
    write_json(
        folder / "models/info" / f"{program}.info.json",
        {
            "name": program,
            "keywords": [scenario.family],
            "title": f"Program of the scenario {scenario.name}",
            "description": (type(scenario).__doc__ or "").split("\n")[0],
            "urls": [],
            "references": [],
            "model_implementations": {"stan": {"model_code": code}},
            **_added(),
        },
    )


def _write_data(folder: Path, data_name: str, name: str, number: int, values: Mapping[str, Any]) -> None:
    file = f"data/data/{data_name}.json"
    _write_zipped(folder / file, values)
    write_json(
        folder / "data/info" / f"{data_name}.info.json",
        {
            "name": data_name,
            "keywords": [],
            "title": f"Data set {number} of the scenario {name}",
            "description": "Data block of the Stan program, numbers of the prior included.",
            "urls": [],
            "references": [],
            "data_file": file,
            **_added(),
        },
    )


def _write_draws(folder: Path, posterior_name: str, scenario: Scenario, posterior: Posterior) -> None:
    parameters: Mapping[str, Float[np.ndarray, "chain draw *shape"]] = posterior.parameters
    if scenario.label_axes:
        cycle = all_permutations(scenario.n_components)
        turns = np.arange(posterior.log_p.size) % len(cycle)
        permutations = cycle[turns].reshape(*posterior.log_p.shape, -1)
        parameters = permute(parameters, scenario.label_axes, permutations)
    each = Posterior(dict(parameters), posterior.unconstrained, posterior.log_p, {}).scalars()
    chains = [
        {name: draws[chain].tolist() for name, draws in each.items()}
        for chain in range(posterior.log_p.shape[0])
    ]
    _write_zipped(folder / "reference_posteriors/draws/draws" / f"{posterior_name}.json", chains)


def _information(
    posterior_name: str,
    scenario: Scenario,
    posterior: Posterior,
    certificate: Mapping[str, Any],
    reference: Reference,
    seed: int,
) -> dict[str, Any]:
    import arviz as az  # takes seconds to import

    scalars = posterior.scalars()
    table = az.convert_to_dataset({"x": np.stack(list(scalars.values()), axis=-1)})
    n_chains, n_draws = posterior.log_p.shape
    is_weighed = certificate.get("pareto_k") is not None
    comments = [_SYMMETRISED] if scenario.label_axes else []
    comments += [f"{certificate['reason']}."] if is_weighed else []
    return {
        "name": posterior_name,
        "inference": _weighing(certificate, seed)
        if is_weighed
        else _sampling(reference, certificate, n_draws, seed),
        "diagnostics": {
            "diagnostic_information": {"names": list(scalars)},
            "ndraws": n_chains * n_draws,
            "nchains": n_chains,
            "effective_sample_size_bulk": az.ess(table, method="bulk")["x"].values,
            "effective_sample_size_tail": az.ess(table, method="tail")["x"].values,
            "r_hat": az.rhat(table)["x"].values,  # pyright: ignore[reportIndexIssue]
            # A certificate counts those of all chains together, and allows none.
            "divergent_transitions": [certificate["divergences"]] * n_chains,
            "expected_fraction_of_missing_information_min": certificate["e_bfmi_min"],
        },
        "checks_made": {
            "ndraws_is_10k": n_chains * n_draws == 10_000,
            "nchains_is_gte_4": n_chains >= 4,
            "ess_above_400": min(certificate["ess_bulk_min"], certificate["ess_tail_min"]) > 400,
            "r_hat_below_1_01": certificate["r_hat_max"] < 1.01,
            # Importance sampling has neither energies nor trajectories.
            "efmi_above_0_2": None if is_weighed else certificate["e_bfmi_min"] > 0.2,
            "no_divergent_transitions": None if is_weighed else certificate["divergences"] == 0,
            "treedepth_not_saturated": None if is_weighed else certificate["treedepth_saturated"] == 0,
        },
        "comments": " ".join(comments) or None,
        "versions": {name: metadata.version(name) for name in ("latentbench", "cmdstanpy", "arviz")},
        **_added(),
    }


def _sampling(
    reference: Reference, certificate: Mapping[str, Any], n_draws: int, seed: int
) -> dict[str, Any]:
    sampler = reference.sampler(certificate["attempt"])
    return {
        "method": "stan_sampling",
        "method_arguments": {
            "chains": sampler.chains,
            "iter": sampler.warmup + sampler.draws,
            "warmup": sampler.warmup,
            "thin": sampler.draws // n_draws,
            "seed": seed,
            "control": {"adapt_delta": sampler.adapt_delta, "max_treedepth": sampler.max_treedepth},
        },
    }


def _weighing(certificate: Mapping[str, Any], seed: int) -> dict[str, Any]:
    kept = {name: certificate[name] for name in ("pareto_k", "ess_weights")}
    return {"method": "importance_sampling", "method_arguments": {**kept, "seed": seed}}


def _added() -> dict[str, str]:
    return {"added_by": "latentbench", "added_date": datetime.now(UTC).date().isoformat()}


def _write_zipped(path: Path, value: Any) -> None:
    """Write JSON as the only member of a zip file that bears its name."""
    with (
        whole(path.with_name(path.name + ".zip")) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(path.name, json.dumps(value))
