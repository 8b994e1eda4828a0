"""Certified references: long NUTS runs that passed every check, or say which check they failed."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.certificates import Certificate, certify
from pipeline.errors import UserError
from pipeline.files import fingerprint, hash_of_file
from pipeline.fitting import complete, scenario_block, timing_rows
from pipeline.methods.base import Fit, Task
from pipeline.methods.nuts import Nuts
from pipeline.pareto_k import MAX_PARETO_K
from pipeline.pieces import Piece, fit_all, write_pieces
from pipeline.posterior import Posterior
from pipeline.posterior_io import read_data_sets, read_posteriors
from pipeline.published import adopted, disagreement
from pipeline.scenarios import get_scenario
from pipeline.seeds import derive_seed
from pipeline.settings import construct
from pipeline.sources import hash_of
from pipeline.stan.record import read_built
from pipeline.timing import time_limit

if TYPE_CHECKING:
    from pipeline.second_opinion import SecondOpinion


@dataclass(frozen=True)
class Reference:
    """How references are made: one block of the configuration.

    Attributes:
        chains, warmup, draws: of the first attempt; every attempt hands over ``draws`` a chain.
        adapt_delta: target acceptance of the first attempt; .99 and then .999 afterwards.
        max_attempts: 1 to 3; each further attempt doubles the warm-up and, evenly thinned, the draws.
        timeout_s: of one attempt, and again of the importance sampling that it is held against.
    """

    chains: int = 4
    warmup: int = 1000
    draws: int = 2500
    adapt_delta: float = 0.9
    max_attempts: int = 3
    timeout_s: float = 1800.0

    def sampler(self, attempt: int) -> Nuts:
        """Return the sampler of an attempt, counted from 1."""
        first = Nuts(self.chains, self.warmup, self.draws, self.adapt_delta, timeout_s=self.timeout_s)
        if attempt == 1:
            return first
        factor = 2 ** (attempt - 1)
        return replace(
            first,
            warmup=self.warmup * factor,
            draws=self.draws * factor,
            adapt_delta=0.99 if attempt == 2 else 0.999,
            max_treedepth=12,
        )

    def run(self, task: Task, completed: Callable[[Fit], Posterior] | None = None) -> tuple[Fit, list[dict]]:
        """Sample until certified or out of attempts; return the last draws and a row for every try.

        Where labels are exchangeable, every run is held against importance sampling, whose draws take its
        place where it fails its checks or missed some of the mass. Elsewhere importance sampling is the last
        resort. Without ``completed``, which adds to draws what follows from them, there is none.
        """
        from pipeline.second_opinion import second_opinion  # imports ArviZ, which takes seconds

        rows: list[dict] = []
        is_exchangeable = completed is not None and bool(task.scenario.label_axes)
        for attempt in range(1, self.max_attempts + 1):
            sampler = self.sampler(attempt)
            fit = sampler.fit(replace(task, seed=derive_seed(task.seed, "", attempt, "", "attempt")))
            posterior = completed(fit) if completed and is_exchangeable else None
            certificate = certify(fit, sampler.max_treedepth, posterior)
            rows.append(_row(attempt, certificate, fit))
            # Genuine modes end it: another attempt might miss one by luck, and be certified.
            is_last = bool(certificate.modes) or attempt == self.max_attempts
            if completed and (is_exchangeable or (is_last and not certificate.certified)):
                own = posterior or completed(fit)
                opinion = None
                try:
                    with time_limit(self.timeout_s):
                        opinion = second_opinion(task, fit, own, completed, self.draws)
                except UserError:
                    raise
                except Exception as error:  # then the run is judged by its own checks, and the record says so
                    rows[-1]["weighed"] = f"unusable: {type(error).__name__}: {error}"
                stand_in = _weighed(rows, opinion)
                if stand_in is not None:
                    return stand_in, rows
            if is_last or rows[-1]["certified"]:
                break
        kept = slice(None, None, fit.flat.shape[1] // self.draws)
        return replace(
            fit, flat=fit.flat[:, kept], sampler={k: v[:, kept] for k, v in fit.sampler.items()}
        ), rows


def _weighed(rows: list[dict], opinion: "SecondOpinion | None") -> Fit | None:
    """Hold the run of the last row against importance sampling, and say in the rows what came out.

    Returns:
        Draws to take its place; None where it stands, or where the weights cannot be trusted.
    """
    if opinion is None:
        from pipeline.weighing import MAX_COPIES

        rows[-1]["weighed"] = rows[-1]["weighed"] or f"not tried: more than {MAX_COPIES} labellings"
        return None
    found = opinion.certificate
    # Weights with a finite mean tell of other modes even where they are too few to take the run's place.
    if rows[-1]["certified"] and opinion.disagreement and (found.pareto_k or 0) < MAX_PARETO_K:
        rows[-1] |= {"certified": False, "reason": f"importance sampling: {opinion.disagreement}"}
    rows[-1]["weighed"] = opinion.disagreement or "agrees"
    if not found.certified:
        rows[-1]["weighed"] = f"unusable: {found.reason}"
        return None
    if rows[-1]["certified"] and not opinion.disagreement:
        return None
    why = rows[-1]["reason"]
    rows.append(_row(len(rows) + 1, opinion.certificate, opinion.fit))
    rows[-1]["reason"] = f"{opinion.remark}, since NUTS had: {why}"
    return opinion.fit


def _row(attempt: int, certificate: Certificate, fit: Fit) -> dict:
    return {
        "attempt": attempt,
        **asdict(certificate),
        "certified": certificate.certified,
        "reason": certificate.reason,
        "weighed": "",
        "wall_s": sum(phase.wall_s for phase in fit.phases),
    }


def run_references(
    scenario_name: str,
    scenario_settings: str,
    reference_settings: str,
    number: int,
    data_sets: range,
    data_file: Path,
    model_file: Path,
    pieces: Path,
    draws_file: Path,
    record_file: Path,
    cores: int,
    first_file: Path | None = None,
) -> None:
    """Make one reference run (``number`` 1 or 2) of some data sets; write draws, certificates, timings.

    Where labels are exchangeable, the second run takes the names of its labels from the first one's file.
    Where a reference was published with the data, it is the first run, and the second must agree with it.
    """
    scenario = get_scenario(scenario_name, scenario_block(scenario_settings))
    reference: Reference = construct(Reference, json.loads(reference_settings), "reference")
    root_seed = json.loads(scenario_settings)["seed"]
    data = read_data_sets(data_file, data_sets)
    label = f"reference-{number}"
    first = {} if first_file is None else read_posteriors(first_file, data_sets)
    published = scenario.published_reference()

    def fit_one(i: int, task: Task) -> Piece:
        def completed(fit: Fit) -> Posterior:
            return complete(task, fit, [first[i]] if i in first else [])

        if published is not None and number == 1:
            return adopted(published, task, completed)
        fit, attempts = reference.run(task, completed)
        posterior, last = completed(fit), attempts[-1]
        if last["certified"] and i in first and (published is not None or last["pareto_k"] is not None):
            whose = "published with the data" if published is not None else "of the first reference"
            # Both runs were weighed then, or the first had no need of it.
            inflation = 1 + posterior.log_p.size / last["ess_weights"] if last["ess_weights"] else 1.0
            if reason := disagreement(first[i], posterior, whose, inflation):
                last |= {"certified": False, "reason": reason}
        status = "ok" if last["certified"] else "uncertified"
        return Piece(status, last["reason"], posterior, timing_rows(fit), tuple(attempts))

    code = hash_of("pipeline.reference", type(scenario).__module__)
    own_code = [hash_of_file(file) for file in scenario.code_files]
    done = fit_all(
        scenario,
        data,
        read_built(model_file),
        fit_one,
        seeds={i: derive_seed(root_seed, scenario_name, i, label, "fit") for i in data},
        cores=cores,
        pieces=pieces,
        keys={
            i: fingerprint(
                scenario.stan_data(one),
                reference_settings,
                root_seed,
                model_file.read_text(),
                [first[i].unconstrained.sum()] if i in first else [],
                asdict(published) if published is not None and number == 1 else {},
                [code, *own_code],
            )
            for i, one in data.items()
        },
        label=f"{scenario_name} / {label}",
    )
    write_pieces(done, draws_file, record_file, pieces, cores)
