"""nutpie as a peer: NUTS in Rust over the same BridgeStan library."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.methods import register
from pipeline.methods.base import Fit, Method, Task
from pipeline.methods.conjugate import require_peer
from pipeline.scenarios.checks import check_at_least, check_positive
from pipeline.timing import Stopwatch


@register
@dataclass(frozen=True)
class Nutpie(Method):
    """NUTS with nutpie's own adaptation of the mass matrix by draws and gradients.

    Its chains start where nutpie puts them: for Stan programs it takes no starts.

    Attributes:
        chains: as many as ``nuts`` has, as many at a time as there are cores.
        warmup: iterations of adaptation, nutpie's default.
        draws: kept from each chain.
        target_accept: nutpie's default.
    """

    name: ClassVar[str] = "nutpie"
    chains: int = 4
    warmup: int = 400
    draws: int = 1000
    target_accept: float = 0.8

    def __post_init__(self) -> None:
        """Refuse numbers without meaning, and a missing package before any long work.

        Raises:
            UserError: a number is out of range, or nutpie is not installed.
        """
        check_at_least("chains", self.chains, 1)
        for key in ("warmup", "draws", "target_accept"):
            check_positive(key, getattr(self, key))
        require_peer("nutpie")

    def fit(self, task: Task) -> Fit:
        """Sample; the time is split into warm-up and sampling by leapfrog steps."""
        import nutpie
        from nutpie import _lib  # pyright: ignore[reportAttributeAccessIssue] (compiled)
        from nutpie.compile_stan import CompiledStanModel

        data = {key: np.asarray(v) for key, v in task.scenario.stan_data(task.data).items()}
        with Stopwatch() as watch:
            model = CompiledStanModel(
                code="",
                library=_lib.StanLibrary(str(task.model.library)),
                dims={},
                _coords={},
                model=None,
                data=None,
            ).with_data(seed=task.seed, **data)
            trace = nutpie.sample(  # pyright: ignore[reportCallIssue]
                model,
                draws=self.draws,
                tune=self.warmup,
                chains=self.chains,
                cores=min(self.chains, task.cores),
                seed=task.seed,
                target_accept=self.target_accept,
                progress_bar=False,
                store_unconstrained=True,
            )
        sampled = trace.sample_stats
        unconstrained = np.asarray(sampled["unconstrained_draw"].values, float)
        warmup_steps = float(trace.warmup_sample_stats["n_steps"].values.sum())
        share = warmup_steps / (warmup_steps + float(sampled["n_steps"].values.sum()))
        flat = task.model.constrain(unconstrained.reshape(-1, task.model.dim))
        return Fit(
            flat.reshape(*unconstrained.shape[:2], -1),
            [watch.phase("warmup", share), watch.phase("sample", 1 - share)],
            unconstrained=unconstrained,
            sampler={"divergent": sampled["diverging"].values.astype(float)},
        )
