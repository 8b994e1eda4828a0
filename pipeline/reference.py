"""Certified references: long NUTS runs that passed every check, or say which check they failed."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline.certificates import certify
from pipeline.files import fingerprint, hash_of_file
from pipeline.fitting import complete, scenario_block, timing_rows
from pipeline.methods.base import Fit, Task
from pipeline.methods.nuts import Nuts
from pipeline.pieces import Piece, fit_all, write_pieces
from pipeline.posterior import Posterior
from pipeline.posterior_io import read_data_sets, read_posteriors
from pipeline.published import adopted, disagreement
from pipeline.scenarios import get_scenario
from pipeline.seeds import derive_seed
from pipeline.settings import construct
from pipeline.sources import hash_of
from pipeline.stan.record import read_built


@dataclass(frozen=True)
class Reference:
    """How references are made: one block of the configuration.

    Attributes:
        chains, warmup, draws: of the first attempt; every attempt hands over ``draws`` a chain.
        adapt_delta: target acceptance of the first attempt; .99 and then .999 afterwards.
        max_attempts: 1 to 3; each further attempt doubles the warm-up and, evenly thinned, the draws.
        timeout_s: of one attempt.
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

    def run(self, task: Task, relabelled: Callable[[Fit], Posterior] | None = None) -> tuple[Fit, list[dict]]:
        """Sample until certified or out of attempts; return the last run and a row for every attempt.

        ``relabelled`` turns a run into its relabelled posterior, where labels are exchangeable.
        """
        rows: list[dict] = []
        for attempt in range(1, self.max_attempts + 1):
            sampler = self.sampler(attempt)
            fit = sampler.fit(replace(task, seed=derive_seed(task.seed, "", attempt, "", "attempt")))
            certificate = certify(fit, sampler.max_treedepth, relabelled and relabelled(fit))
            rows.append(
                {
                    "attempt": attempt,
                    **asdict(certificate),
                    "certified": certificate.certified,
                    "reason": certificate.reason,
                    "wall_s": sum(phase.wall_s for phase in fit.phases),
                }
            )
            # Genuine modes end it: another attempt might miss one by luck, and be certified.
            if certificate.certified or certificate.modes:
                break
        kept = slice(None, None, fit.flat.shape[1] // self.draws)
        return replace(
            fit, flat=fit.flat[:, kept], sampler={k: v[:, kept] for k, v in fit.sampler.items()}
        ), rows


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
        fit, attempts = reference.run(task, completed if scenario.label_axes else None)
        posterior, reason = completed(fit), attempts[-1]["reason"]
        if published is not None and not reason and i in first:
            reason = disagreement(first[i], posterior)
            attempts[-1] |= {"certified": not reason, "reason": reason}
        status = "uncertified" if reason else "ok"
        return Piece(status, reason, posterior, timing_rows(fit), tuple(attempts))

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
