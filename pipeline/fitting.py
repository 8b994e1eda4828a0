"""The fit stage: all data sets of a scenario through one method, with what scoring needs beside draws."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.batches import batches_of, share
from pipeline.exchangeable import relabel_run, with_all_copies
from pipeline.files import fingerprint, hash_of_file
from pipeline.methods import get_method
from pipeline.methods.base import Fit, Task, TrainedMethod, check_fit
from pipeline.pieces import Piece, fit_all, write_pieces
from pipeline.posterior import Posterior, Proposal
from pipeline.posterior_io import read_data_sets, read_posteriors
from pipeline.scenarios import get_scenario
from pipeline.seeds import derive_seed
from pipeline.sources import hash_of
from pipeline.stan.record import read_built
from pipeline.unreferenced import slimmed

DEFAULT_LIMIT_S = 1800.0  # for methods without a setting timeout_s


def run_fits(
    scenario_name: str,
    scenario_settings: str,
    method_name: str,
    method_settings: str,
    data_sets: range,
    n_references: int,
    data_file: Path,
    model_file: Path,
    reference_files: tuple[Path, Path],
    pieces: Path,
    draws_file: Path,
    record_file: Path,
    cores: int,
    checkpoint: Path | None = None,
) -> None:
    """Fit some data sets of a scenario by one method and write their draws and records.

    Settings come as the JSON text that the workflow compares between runs, the root seed among the method's.
    Only data sets with numbers under ``n_references`` have references; of fits to the others less is kept.
    """
    settings = json.loads(method_settings)
    root_seed = settings.pop("seed")
    scenario = get_scenario(scenario_name, scenario_block(scenario_settings))
    method = get_method(method_name, settings)
    fitted, one_off = method, []
    if isinstance(method, TrainedMethod):
        assert checkpoint is not None
        fitted, one_off = method.load(scenario, checkpoint)
    data = read_data_sets(data_file, data_sets)
    references = [read_posteriors(file, data_sets) for file in reference_files]

    def fit_one(number: int, task: Task) -> Piece:
        fit = fitted.fit(task)
        posterior = complete(task, fit, [run[number] for run in references if number in run])
        kept = posterior if number < n_references else slimmed(posterior)
        return Piece("ok", fit.note, kept, timing_rows(fit))

    code = hash_of("pipeline.fitting", type(method).__module__, type(scenario).__module__)
    own_code = [hash_of_file(file) for file in scenario.code_files]
    done = fit_all(
        scenario,
        data,
        read_built(model_file),
        fit_one,
        seeds={i: derive_seed(root_seed, scenario_name, i, method_name, "fit") for i in data},
        cores=cores,
        pieces=pieces,
        keys={
            i: fingerprint(
                scenario.stan_data(one),
                method_settings,
                model_file.read_text(),
                checkpoint and hash_of_file(checkpoint),
                [run[i].unconstrained.sum() for run in references if i in run],
                i < n_references,
                [code, *own_code],
            )
            for i, one in data.items()
        },
        label=f"{scenario_name} / {method_name}",
        # Above a method's own limit, with time to read what its programs wrote.
        limit_s=60 + 2 * getattr(method, "timeout_s", DEFAULT_LIMIT_S),
    )
    write_pieces(done, draws_file, record_file, pieces, cores, [asdict(phase) for phase in one_off])


def scenario_block(settings: str) -> dict:
    """Return a scenario's own settings from the workflow's JSON text."""
    block = json.loads(settings)
    return {key: value for key, value in block.items() if key != "seed"}


def complete(task: Task, fit: Fit, references: Sequence[Posterior] = ()) -> Posterior:
    """Add to a fit what scoring needs: unconstrained draws, log target, memberships, densities.

    Draws of an exchangeable scenario are relabelled first. None of it is timed: it serves the comparison,
    not the user of the method.

    Args:
        task: the data set.
        fit: what a method found.
        references: reference runs that are there already: none, the first, or both.

    Raises:
        ValueError: memberships of the method's own where labels are exchangeable; means over draws of other
            labels cannot be relabelled. Or draws that ``check_fit`` refuses.
        TypeError: as ``check_fit``.
    """
    check_fit(task, fit)
    chains, draws, _ = fit.flat.shape
    flat = fit.flat.reshape(chains * draws, -1)
    unconstrained = fit.unconstrained
    if unconstrained is None:
        unconstrained = task.model.unconstrain(flat)
    unconstrained = unconstrained.reshape(chains * draws, -1)
    log_p = task.model.log_density(unconstrained).reshape(chains, draws)
    parameters, labels = task.model.by_name(fit.flat), None
    if task.scenario.label_axes:
        if fit.memberships:
            raise ValueError("memberships that are means over draws cannot be relabelled")
        parameters, labels = relabel_run(task, parameters, log_p, references[0] if references else None)
        flat = task.model.flatten(parameters).reshape(chains * draws, -1)
        unconstrained = task.model.unconstrain(flat)
    return Posterior(
        parameters=parameters,
        unconstrained=unconstrained.reshape(chains, draws, -1),
        log_p=log_p,
        memberships=fit.memberships or _membership_batches(task, flat, log_p),
        proposal=_proposal(task, fit, references, log_p),
        labels=labels,
    )


def _proposal(
    task: Task, fit: Fit, references: Sequence[Posterior], log_p: Float[np.ndarray, "chain draw"]
) -> Proposal | None:
    """Evaluate a method's density, where it has one, at its own draws and at those of the references.

    ``log_p`` is the log target at the fit's draws, which are often the density's own.
    """
    if fit.approximation is None:
        return None
    density, raw = fit.approximation.density, fit.approximation.raw
    at = [
        with_all_copies(task, reference)
        if task.scenario.label_axes
        else reference.unconstrained.reshape(-1, raw.shape[1])
        for reference in references
    ]
    same = fit.unconstrained is not None and np.array_equal(raw, fit.unconstrained.reshape(-1, raw.shape[1]))
    return Proposal(
        log_p=log_p.reshape(-1) if same else task.model.log_density(raw),
        log_q=density.log_density(raw),
        log_q_reference=_padded([density.log_density(draws) for draws in at]),
    )


def _padded(runs: Sequence[Float[np.ndarray, " reference_draw"]]) -> Float[np.ndarray, "run reference_draw"]:
    """Stack runs, the shorter ones filled up with NaN: published references have lengths of their own."""
    out = np.full((len(runs), max(map(len, runs), default=0)), np.nan)
    for row, values in zip(out, runs, strict=True):
        row[: len(values)] = values
    return out


def _membership_batches(
    task: Task, flat: Float[np.ndarray, "draw flat"], log_p: Float[np.ndarray, "chain draw"]
) -> dict[str, Float[np.ndarray, "batch obs component"]]:
    """Average memberships over batches of draws, one batch in memory at a time."""
    means, batches = [], batches_of(log_p)
    for batch in batches:
        draws, repeats = np.unique(flat[batch], axis=0, return_counts=True)
        weight = repeats / len(batch) * share(batch, batches)
        memberships = task.scenario.memberships(task.data, task.model.by_name(draws))
        means.append({kind: np.tensordot(weight, p, axes=1) for kind, p in memberships.items()})
    return {kind: np.stack([batch[kind] for batch in means]) for kind in means[0]}


def timing_rows(fit: Fit) -> tuple[dict, ...]:
    """Return a fit's phases as rows of timings.csv."""
    n_draws = fit.flat.shape[0] * fit.flat.shape[1]
    return tuple({**asdict(phase), "n_draws": n_draws} for phase in fit.phases)
