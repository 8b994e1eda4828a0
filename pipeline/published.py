"""References that came with a data set instead of being sampled: certified anew, held against Stan's own."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from pipeline.certificates import Certificate, mixing
from pipeline.methods.base import Fit, Task
from pipeline.pieces import Piece
from pipeline.posterior import Posterior
from pipeline.scenarios.base import PublishedReference

# Monte Carlo errors between two runs: one pair of exact ones in 100,000 has a dozen quantities beyond.
MAX_ERRORS = 5.0
_IN_WORDS = {
    "divergences": "divergences",
    "e_bfmi_min": "E-BFMI",
    "treedepth_saturated": "iterations at maximal tree depth",
}


def adopted(published: PublishedReference, task: Task, completed: Callable[[Fit], Posterior]) -> Piece:
    """Return published draws as the piece of a reference run, with a certificate of their own.

    Convergence is computed from the draws; what only their sampler knew is taken from their record. Whose
    they are stands in the piece's reason, and so in status.csv.

    Args:
        published: the draws.
        task: the data set that they are of.
        completed: adds to a fit what scoring needs.
    """
    names = list(published.draws)
    chains = np.stack(list(published.draws.values()), axis=-1)
    flat = np.stack([task.model.columns(names, chain) for chain in chains])
    posterior = completed(Fit(flat, []))
    recorded = {
        "divergences": published.divergences,
        "e_bfmi_min": published.e_bfmi_min,
        "treedepth_saturated": published.treedepth_saturated,
    }
    certificate = Certificate(**recorded, **mixing(flat, posterior.log_p, posterior))
    unknown = [_IN_WORDS[key] for key, value in recorded.items() if value is None]
    remark = f"{published.source}; not recorded: {', '.join(unknown)}" if unknown else published.source
    reason = f"{certificate.reason}, of {remark}" if certificate.reason else remark
    row = {
        "attempt": 1,
        **asdict(certificate),
        "certified": certificate.certified,
        "reason": reason,
        "wall_s": None,
    }
    return Piece("ok" if certificate.certified else "uncertified", reason, posterior, extra=(row,))


def disagreement(first: Posterior, second: Posterior, whose: str, inflation: float = 1.0) -> str:
    """Say where two reference runs differ by more than Monte Carlo error; nothing where they agree.

    Compared are means and mean squared deviations (from the first run's means) of every scalar and of the log
    density, in units of both runs' Monte Carlo errors (Vehtari et al. 2021). ``whose`` says what the first
    run is; ``inflation`` is how many times as large the variances of both runs' means are as that of their
    draws tells, as where draws were resampled by weight.
    """
    import arviz as az  # takes seconds to import

    names = [*first.scalars(), "the log density"]
    runs = [np.stack([*run.scalars().values(), run.log_p], axis=-1) for run in (first, second)]
    centre = runs[0].mean(axis=(0, 1))
    worst = (0.0, "")
    for what, power in (("mean", 1), ("variance", 2)):
        moments = [(draws - centre) ** power for draws in runs]
        squared = [az.mcse(az.convert_to_dataset({"x": moment}))["x"].values ** 2 for moment in moments]
        means = [moment.mean(axis=(0, 1)) for moment in moments]
        # Without spread, as of a parameter that is constant, there is no error to compare with.
        error = np.sqrt(inflation * np.sum(squared, axis=0))
        apart = np.divide(abs(means[0] - means[1]), error, out=np.zeros_like(error), where=error > 0)
        worst = max(worst, (float(apart.max()), f"the {what} of {names[apart.argmax()]}"))
    if worst[0] <= MAX_ERRORS:
        return ""
    errors = f"{worst[0]:.1f} Monte Carlo errors (must be <= {MAX_ERRORS:g})"
    return f"{worst[1]} differs by {errors} from that {whose}"
