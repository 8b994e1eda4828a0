"""Automatic differentiation variational inference (Kucukelbir et al. 2017), Stan's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, MethodFailed, Task
from pipeline.stan.gaussian import GaussianMixture, recover_gaussian
from pipeline.timing import Stopwatch


@dataclass(frozen=True)
class _Advi(Method):
    """Stan's ADVI with its defaults; a run that has not converged within ``iterations`` is a failure."""

    algorithm: ClassVar[str]
    draws: int = 1000
    iterations: int = 10_000
    grad_samples: int = 1
    elbo_samples: int = 100
    tol_rel_obj: float = 0.01
    timeout_s: float = 600.0

    def fit(self, task: Task) -> Fit:
        """Optimise the evidence lower bound and draw from the Gaussian found."""
        with Stopwatch() as watch:
            vb = task.model.cmdstan.variational(
                data=str(task.model.data_file),
                algorithm=self.algorithm,
                iter=self.iterations,
                grad_samples=self.grad_samples,
                elbo_samples=self.elbo_samples,
                tol_rel_obj=self.tol_rel_obj,
                draws=self.draws,
                seed=task.seed,
                inits=task.start(),  # pyright: ignore[reportArgumentType] (takes what its siblings take)
                output_dir=str(task.model.folder),
                sig_figs=17,
                require_converged=False,
                timeout=self.timeout_s,
            )
        if not _converged(vb.runset.stdout_files[0]):
            raise MethodFailed(f"ADVI did not converge within {self.iterations} iterations")
        columns = vb.column_names
        values = np.asarray(vb.variational_sample)
        flat = task.model.columns(columns, values)
        raw = task.model.unconstrain(flat)
        density = recover_gaussian(raw, values[:, columns.index("log_g__")])
        return Fit(flat[None], [watch.phase("infer")], Approximation(GaussianMixture((density,)), raw))


def _converged(stdout_file: str) -> bool:
    """Say whether Stan met its criterion: it prints one of these lines exactly then."""
    text = Path(stdout_file).read_text(errors="replace")
    return "MEAN ELBO CONVERGED" in text or "MEDIAN ELBO CONVERGED" in text


@register
@dataclass(frozen=True)
class MeanFieldAdvi(_Advi):
    """ADVI with independent Gaussians in the unconstrained space."""

    name: ClassVar[str] = "advi-meanfield"
    algorithm: ClassVar[str] = "meanfield"


@register
@dataclass(frozen=True)
class FullRankAdvi(_Advi):
    """ADVI with one multivariate Gaussian in the unconstrained space."""

    name: ClassVar[str] = "advi-fullrank"
    algorithm: ClassVar[str] = "fullrank"
