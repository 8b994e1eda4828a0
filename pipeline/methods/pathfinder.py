"""Multi-path Pathfinder (Zhang, Carpenter, Gelman and Vehtari 2022), Stan's own."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, Task
from pipeline.stan.gaussian import Gaussian, GaussianMixture, recover_gaussian
from pipeline.timing import Stopwatch


@register
@dataclass(frozen=True)
class Pathfinder(Method):
    """Four paths whose draws are resampled by Pareto-smoothed importance weights, as Stan does by default.

    The draws handed over are the resampled ones, what a user gets. The density, for k-hat and divergence, is
    that of the raw draws: an equal mixture of the paths' Gaussians. Stan writes raw draws only where it does
    not resample, so an untimed second run with the same seed provides them.
    """

    name: ClassVar[str] = "pathfinder"
    paths: int = 4
    draws: int = 1000
    draws_per_path: int = 1000
    timeout_s: float = 600.0

    def fit(self, task: Task) -> Fit:
        """Run all paths and resample."""
        with Stopwatch() as watch:
            resampled = self._run(task, psis_resample=True)
        flat = task.model.columns(resampled.column_names, np.asarray(resampled.draws()))
        return Fit(flat[None], [watch.phase("infer")], self._approximation(task))

    def _approximation(self, task: Task) -> Approximation:
        gaussians, raw = self.gaussians(task)
        return Approximation(GaussianMixture(tuple(gaussians)), raw)

    def gaussians(self, task: Task) -> tuple[list[Gaussian], Float[np.ndarray, "draw dim"]]:
        """Return the paths' Gaussians, recovered from their raw draws, and these draws.

        Each path has its block of draws; a failed path has none.
        """
        run = self._run(task, psis_resample=False)
        values = np.asarray(run.draws())
        raw = task.model.unconstrain(task.model.columns(run.column_names, values))
        log_q = values[:, run.column_names.index("lp_approx__")]
        n_blocks = len(raw) // self.draws_per_path
        blocks = zip(np.array_split(raw, n_blocks), np.array_split(log_q, n_blocks), strict=True)
        return [recover_gaussian(x, lq) for x, lq in blocks], raw

    def _run(self, task: Task, psis_resample: bool) -> Any:
        return task.model.cmdstan.pathfinder(
            data=str(task.model.data_file),
            num_paths=self.paths,
            draws=self.draws,
            num_single_draws=self.draws_per_path,
            psis_resample=psis_resample,
            seed=task.seed,
            inits=task.starts(self.paths),  # pyright: ignore[reportArgumentType] (one a path works)
            output_dir=str(task.model.folder),
            sig_figs=17,
            # With more threads, paths end in any order, and resampling would draw other rows.
            num_threads=1,
            timeout=self.timeout_s,
        )
