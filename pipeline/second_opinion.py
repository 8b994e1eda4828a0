"""Whether importance sampling confirms a run of NUTS, and what stands in for the run where it does not."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.certificates import Certificate, mixing
from pipeline.methods.base import Fit, Task
from pipeline.posterior import Posterior
from pipeline.published import disagreement
from pipeline.scores.referenced import WEIGHED
from pipeline.timing import Stopwatch
from pipeline.weighing import Weighed, weigh

MIN_SHARE = 0.0005  # of the mass, for a mode to be worth a word


@dataclass(frozen=True)
class SecondOpinion:
    """Weighted draws beside a run of NUTS.

    Attributes:
        fit: draws of equal weight, to stand in for the run.
        certificate: of these.
        disagreement: where the run differs from them by more than Monte Carlo error; empty where it agrees.
        remark: what these draws are, and which modes they found.
    """

    fit: Fit
    certificate: Certificate
    disagreement: str
    remark: str


def second_opinion(
    task: Task, fit: Fit, own: Posterior, completed: Callable[[Fit], Posterior], draws: int
) -> SecondOpinion | None:
    """Weigh the modes that a run of NUTS and a search found; None where their copies are too many.

    Args:
        task: the data set.
        fit, own: the run, and its posterior.
        completed: adds to draws what follows from them; relabels them where labels are exchangeable.
        draws: how many a chain are to stand in for the run.
    """
    with Stopwatch() as watch:
        weighed = weigh(task, own.unconstrained.reshape(-1, task.model.dim))
        if weighed is None:
            return None
        stand_in = _resampled(task, weighed, fit.flat.shape[0], draws)
    stand_in.phases.extend([*fit.phases, watch.phase("correct")])
    posterior = completed(stand_in)
    certificate = Certificate(
        **mixing(stand_in.flat, posterior.log_p, posterior),
        divergences=None,
        e_bfmi_min=None,
        treedepth_saturated=None,
        pareto_k=weighed.pareto_k,
        ess_weights=weighed.ess,
    )
    # Of independent draws at most half of the effective size are nearly independent again.
    few = completed(_resampled(task, weighed, 4, max(10, int(weighed.ess / 8))))
    return SecondOpinion(stand_in, certificate, disagreement(own, few, "of NUTS"), _remark(weighed))


def _resampled(task: Task, weighed: Weighed, chains: int, draws: int) -> Fit:
    x = weighed.resampled(chains * draws, task.seed)
    flat = task.model.constrain(x).reshape(chains, draws, -1)
    return Fit(flat, [], unconstrained=x.reshape(chains, draws, -1))


def _remark(weighed: Weighed) -> str:
    parts = [f"{weighed.ess:,.0f} effective draws", f"k-hat {weighed.pareto_k:.2f}"]
    shares = [share for share in weighed.shares if share >= MIN_SHARE]
    if len(shares) > 1:
        parts.append(f"modes with {', '.join(f'{100 * share:.3g}%' for share in shares)} of the mass")
    return f"{WEIGHED} ({', '.join(parts)})"
