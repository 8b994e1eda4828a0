"""Stan's No-U-Turn sampler: the honest yardstick, and the engine of the references."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.methods import register
from pipeline.methods.base import Fit, Method, Task
from pipeline.timing import Stopwatch


@register
@dataclass(frozen=True)
class Nuts(Method):
    """NUTS (Hoffman and Gelman 2014) with Stan's defaults: 4 chains of 1,000 warm-up and 1,000 kept draws.

    All chains run in one process, as many at a time as there are cores; a chain's draws depend on the seed
    and its number alone.
    """

    name: ClassVar[str] = "nuts"
    chains: int = 4
    warmup: int = 1000
    draws: int = 1000
    adapt_delta: float = 0.8
    max_treedepth: int = 10
    timeout_s: float = 600.0

    def fit(self, task: Task) -> Fit:
        """Sample; the call's time is split into warm-up and sampling as the chains report theirs."""
        with Stopwatch() as watch:
            mcmc = task.model.cmdstan.sample(
                data=str(task.model.data_file),
                chains=self.chains,
                parallel_chains=min(self.chains, task.cores),
                iter_warmup=self.warmup,
                iter_sampling=self.draws,
                adapt_delta=self.adapt_delta,
                max_treedepth=self.max_treedepth,
                seed=task.seed,
                inits=task.starts(self.chains),  # pyright: ignore[reportArgumentType] (list is invariant)
                output_dir=str(task.model.folder),
                sig_figs=17,
                show_progress=False,
                timeout=self.timeout_s,
            )
        warmup_s = sum(chain["warmup"] for chain in mcmc.time)
        total_s = max(sum(chain["total"] for chain in mcmc.time), 1e-9)
        draws = np.moveaxis(mcmc.draws(), 0, 1)
        columns = mcmc.column_names
        flat = np.stack([task.model.columns(columns, chain) for chain in draws])
        sampler = {name.strip("_"): draws[:, :, i] for i, name in enumerate(columns) if name.endswith("__")}
        warmup_share = warmup_s / total_s
        phases = [watch.phase("warmup", warmup_share), watch.phase("sample", 1 - warmup_share)]
        return Fit(flat, phases, sampler=sampler)
