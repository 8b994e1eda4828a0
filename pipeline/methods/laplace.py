"""The Laplace approximation at the posterior mode of the unconstrained parameters, Stan's own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, Task
from pipeline.stan.gaussian import GaussianMixture, recover_gaussian
from pipeline.timing import Stopwatch


@register
@dataclass(frozen=True)
class Laplace(Method):
    """L-BFGS to the mode, Jacobian included, and a Gaussian with the curvature found there."""

    name: ClassVar[str] = "laplace"
    draws: int = 1000
    timeout_s: float = 600.0

    def fit(self, task: Task) -> Fit:
        """Optimise and draw; both calls are timed."""
        # CmdStanPy names files by the second, and the two outputs must not have one name.
        mode_folder = task.model.folder / "mode"
        mode_folder.mkdir()
        common = {
            "data": str(task.model.data_file),
            "seed": task.seed,
            "sig_figs": 17,
            "timeout": self.timeout_s,
        }
        with Stopwatch() as watch:
            mode = task.model.cmdstan.optimize(
                algorithm="lbfgs", jacobian=True, inits=task.start(), output_dir=str(mode_folder), **common
            )
            laplace = task.model.cmdstan.laplace_sample(
                mode=mode, draws=self.draws, output_dir=str(task.model.folder), **common
            )
        columns = laplace.column_names
        if "log_q__" not in columns:
            # CmdStanPy does not look at the exit code here; Stan stops where the curvature is not positive.
            raise RuntimeError("Stan's laplace_sample failed")
        values = np.asarray(laplace.draws())
        flat = task.model.columns(columns, values)
        raw = task.model.unconstrain(flat)
        density = recover_gaussian(raw, values[:, columns.index("log_q__")])
        return Fit(flat[None], [watch.phase("infer")], Approximation(GaussianMixture((density,)), raw))
