"""Certified references: long NUTS runs that passed every check, or say which check they failed."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.files import fingerprint, hash_of_file
from pipeline.fitting import complete, scenario_block, timing_rows
from pipeline.labels.invariants import invariants
from pipeline.labels.modes import describe_modes
from pipeline.methods.base import Fit, Task
from pipeline.methods.nuts import Nuts
from pipeline.pieces import Piece, fit_all, write_pieces
from pipeline.posterior import Posterior
from pipeline.posterior_io import read_data_sets, read_posteriors
from pipeline.scenarios import get_scenario
from pipeline.seeds import derive_seed
from pipeline.settings import construct
from pipeline.sources import hash_of
from pipeline.stan.record import read_built


@dataclass(frozen=True)
class Certificate:
    """What the checks found in one run; the thresholds are Vehtari et al. (2021) and Betancourt (2016).

    Where labels are exchangeable, R-hat and effective sizes are of relabelled parameters and of quantities
    that no relabelling changes.

    Attributes:
        r_hat_max: largest rank-normalised split R-hat over parameters and lp; must be < 1.01.
        ess_bulk_min, ess_tail_min: smallest effective sample sizes over the same; must be > 400.
        divergences: divergent transitions after warm-up; must be 0.
        e_bfmi_min: smallest energy Bayesian fraction of missing information of a chain; must be > 0.2.
        treedepth_saturated: iterations that reached the maximal tree depth; must be 0.
        r_hat_raw: R-hat before relabelling, for the record; None where labels are identified.
        modes: where chains sit in modes that no permutation turns into one another, which; must be none.
    """

    r_hat_max: float
    ess_bulk_min: float
    ess_tail_min: float
    divergences: int
    e_bfmi_min: float
    treedepth_saturated: int
    r_hat_raw: float | None = None
    modes: str = ""

    @property
    def reason(self) -> str:
        """Return which checks failed, in words; empty where none did."""
        checks = [
            (not self.modes, self.modes),
            (self.r_hat_max < 1.01, f"R-hat {self.r_hat_max:.3f} (must be < 1.01)"),
            (self.ess_bulk_min > 400, f"bulk ESS {self.ess_bulk_min:.0f} (must be > 400)"),
            (self.ess_tail_min > 400, f"tail ESS {self.ess_tail_min:.0f} (must be > 400)"),
            (self.divergences == 0, f"{self.divergences} divergences (must be 0)"),
            (self.e_bfmi_min > 0.2, f"E-BFMI {self.e_bfmi_min:.2f} (must be > 0.2)"),
            (
                self.treedepth_saturated == 0,
                f"{self.treedepth_saturated} iterations at maximal tree depth (must be 0)",
            ),
        ]
        return "; ".join(text for passed, text in checks if not passed)

    @property
    def certified(self) -> bool:
        """Say whether every check passed."""
        return not self.reason


def certify(fit: Fit, max_treedepth: int, posterior: Posterior | None = None) -> Certificate:
    """Check a run of NUTS; not-a-number diagnostics (a constant chain) fail their check.

    Args:
        fit: the run.
        max_treedepth: what the sampler was allowed.
        posterior: the same run relabelled, where labels are exchangeable.
    """
    import arviz as az  # takes seconds to import

    lp = fit.sampler["lp"][:, :, None]
    draws, r_hat_raw, modes = fit.flat, None, ""
    if posterior is not None and posterior.labels is not None:
        r_hat_raw = _r_hat_max(fit.flat)
        unchanged = invariants(
            posterior.parameters, posterior.labels.axes, posterior.log_p, posterior.labels.together
        )
        draws = np.stack([*posterior.scalars().values(), *unchanged.values()], axis=-1)
        modes = describe_modes(unchanged)
    draws = np.concatenate([draws, lp], axis=2)
    table = az.convert_to_dataset({"x": draws})
    return Certificate(
        r_hat_max=_r_hat_max(draws),
        # np.min keeps a NaN, and no comparison with NaN holds.
        ess_bulk_min=float(np.min(az.ess(table, method="bulk")["x"].values)),
        ess_tail_min=float(np.min(az.ess(table, method="tail")["x"].values)),
        divergences=int(fit.sampler["divergent"].sum()),
        e_bfmi_min=float(np.min(np.asarray(az.bfmi(fit.sampler["energy"])))),
        treedepth_saturated=int((fit.sampler["treedepth"] >= max_treedepth).sum()),
        r_hat_raw=r_hat_raw,
        modes=modes,
    )


def _r_hat_max(draws: Float[np.ndarray, "chain draw quantity"]) -> float:
    """Return the largest rank-normalised split R-hat; np.max keeps a NaN."""
    import arviz as az  # takes seconds to import

    return float(np.max(az.rhat(az.convert_to_dataset({"x": draws}))["x"].values))  # pyright: ignore[reportIndexIssue]


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
    """
    scenario = get_scenario(scenario_name, scenario_block(scenario_settings))
    reference: Reference = construct(Reference, json.loads(reference_settings), "reference")
    root_seed = json.loads(scenario_settings)["seed"]
    data = read_data_sets(data_file, data_sets)
    label = f"reference-{number}"
    first = {} if first_file is None else read_posteriors(first_file, data_sets)

    def fit_one(i: int, task: Task) -> Piece:
        def completed(fit: Fit) -> Posterior:
            return complete(task, fit, [first[i]] if i in first else [])

        fit, attempts = reference.run(task, completed if scenario.label_axes else None)
        reason = attempts[-1]["reason"]
        status = "uncertified" if reason else "ok"
        return Piece(status, reason, completed(fit), timing_rows(fit), tuple(attempts))

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
                [code, *own_code],
            )
            for i, one in data.items()
        },
        label=f"{scenario_name} / {label}",
    )
    write_pieces(done, draws_file, record_file, pieces, cores)
