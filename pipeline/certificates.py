"""Certificates of reference runs: which checks a run passed, or which it failed."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from jaxtyping import Float

from pipeline.labels.invariants import invariants
from pipeline.labels.modes import describe_modes
from pipeline.methods.base import Fit
from pipeline.pareto_k import MAX_PARETO_K
from pipeline.posterior import Posterior

MIN_ESS_WEIGHTS = 4000  # as many as a certified run of NUTS usually has


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
        treedepth_saturated: iterations that reached the maximal tree depth; must be 0. This and the two
            before it are None where published draws came without them, and then not checked.
        r_hat_raw: R-hat before relabelling, for the record; None where labels are identified.
        pareto_k, ess_weights: k-hat of importance weights, must be < 0.7, and their effective number, must be
            > 4000; None for chains.
        modes: where chains sit in modes that no permutation turns into one another, which; must be none.
    """

    r_hat_max: float
    ess_bulk_min: float
    ess_tail_min: float
    divergences: int | None
    e_bfmi_min: float | None
    treedepth_saturated: int | None
    r_hat_raw: float | None = None
    modes: str = ""
    pareto_k: float | None = None
    ess_weights: float | None = None

    @property
    def reason(self) -> str:
        """Return which checks failed, in words; empty where none did."""
        checks = [
            (not self.modes, self.modes),
            (self.r_hat_max < 1.01, f"R-hat {self.r_hat_max:.3f} (must be < 1.01)"),
            (self.ess_bulk_min > 400, f"bulk ESS {self.ess_bulk_min:.0f} (must be > 400)"),
            (self.ess_tail_min > 400, f"tail ESS {self.ess_tail_min:.0f} (must be > 400)"),
            (self.divergences in (0, None), f"{self.divergences} divergences (must be 0)"),
            (
                self.e_bfmi_min is None or self.e_bfmi_min > 0.2,
                f"E-BFMI {self.e_bfmi_min or 0:.2f} (must be > 0.2)",
            ),
            (
                self.treedepth_saturated in (0, None),
                f"{self.treedepth_saturated} iterations at maximal tree depth (must be 0)",
            ),
            (
                self.pareto_k is None or self.pareto_k < MAX_PARETO_K,
                f"k-hat {self.pareto_k or 0:.2f} (must be < {MAX_PARETO_K})",
            ),
            (
                self.ess_weights is None or self.ess_weights > MIN_ESS_WEIGHTS,
                f"{self.ess_weights or 0:.0f} effective draws (must be > {MIN_ESS_WEIGHTS})",
            ),
        ]
        return "; ".join(text for passed, text in checks if not passed)

    @property
    def certified(self) -> bool:
        """Say whether every check passed."""
        return not self.reason


class Mixing(TypedDict):
    """Those attributes of a certificate that draws alone tell."""

    r_hat_max: float
    ess_bulk_min: float
    ess_tail_min: float
    r_hat_raw: float | None
    modes: str


def certify(fit: Fit, max_treedepth: int, posterior: Posterior | None = None) -> Certificate:
    """Check a run of NUTS; not-a-number diagnostics (a constant chain) fail their check.

    Args:
        fit: the run.
        max_treedepth: what the sampler was allowed.
        posterior: the same run relabelled, where labels are exchangeable.
    """
    import arviz as az  # takes seconds to import

    return Certificate(
        divergences=int(fit.sampler["divergent"].sum()),
        e_bfmi_min=float(np.min(np.asarray(az.bfmi(fit.sampler["energy"])))),
        treedepth_saturated=int((fit.sampler["treedepth"] >= max_treedepth).sum()),
        **mixing(fit.flat, fit.sampler["lp"], posterior),
    )


def mixing(
    flat: Float[np.ndarray, "chain draw flat"],
    log_p: Float[np.ndarray, "chain draw"],
    posterior: Posterior | None = None,
) -> Mixing:
    """Return R-hat and effective sizes of parameters, as sampled or relabelled, and of the log density."""
    import arviz as az  # takes seconds to import

    draws, r_hat_raw, modes = flat, None, ""
    if posterior is not None and posterior.labels is not None:
        r_hat_raw = _r_hat_max(flat)
        unchanged = invariants(
            posterior.parameters, posterior.labels.axes, posterior.log_p, posterior.labels.together
        )
        draws = np.stack([*posterior.scalars().values(), *unchanged.values()], axis=-1)
        modes = describe_modes(unchanged)
    draws = np.concatenate([draws, log_p[:, :, None]], axis=2)
    table = az.convert_to_dataset({"x": draws})
    return {
        "r_hat_max": _r_hat_max(draws),
        # np.min keeps a NaN, and no comparison with NaN holds.
        "ess_bulk_min": float(np.min(az.ess(table, method="bulk")["x"].values)),
        "ess_tail_min": float(np.min(az.ess(table, method="tail")["x"].values)),
        "r_hat_raw": r_hat_raw,
        "modes": modes,
    }


def _r_hat_max(draws: Float[np.ndarray, "chain draw quantity"]) -> float:
    """Return the largest rank-normalised split R-hat; np.max keeps a NaN."""
    import arviz as az  # takes seconds to import

    return float(np.max(az.rhat(az.convert_to_dataset({"x": draws}))["x"].values))  # pyright: ignore[reportIndexIssue]
