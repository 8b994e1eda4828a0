"""The flag for strange data where a network learned from simulations alone; `unlike` says what it is.

Everything has a context and features that it was made of. Where observations are known to be Gaussian about
their component, residuals at the most probable of a few draws are looked at too.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.amortized.hosted import Hosted
from pipeline.calibration import exact, unlike
from pipeline.calibration.importance import Importance, importance
from pipeline.calibration.subject import N_CANDIDATES
from pipeline.methods.base import Task
from pipeline.scenarios.base import DataSet
from pipeline.scenarios.free_gaussians import FreeScenario
from pipeline.stan.build import Built
from pipeline.stan.model import BoundModel


@dataclass(frozen=True)
class Learned:
    """A network beside its scenario's Stan program.

    Attributes:
        hosted: the network.
        built: the program.
    """

    hosted: Hosted
    built: Built

    @contextmanager
    def task(self, data: DataSet, seed: int) -> Iterator[Task]:
        """Bind the program to a data set."""
        scenario = self.hosted.simulator.scenario
        with tempfile.TemporaryDirectory(prefix="latentbench-") as folder:
            model = BoundModel(self.built, scenario.stan_data(data), scenario.parameter_shapes, Path(folder))
            yield Task(scenario, data, model, seed, cores=1)

    def features(
        self, data_sets: Sequence[DataSet], seeds: Sequence[int]
    ) -> dict[str, Float[np.ndarray, "dataset feature"]]:
        """Return what the flag looks at, by name."""
        found = {name: values.astype(float) for name, values in self.hosted.describe(data_sets).items()}
        scenario = self.hosted.simulator.scenario
        if not isinstance(scenario, FreeScenario):
            return found
        points = [self._best(data, seed) for data, seed in zip(data_sets, seeds, strict=True)]
        parameters = {name: np.concatenate([point[name] for point in points]) for name in points[0]}
        n_obs = np.array([len(data.y) for data in data_sets])
        y = np.zeros((len(data_sets), n_obs.max()))
        for row, data in zip(y, data_sets, strict=True):
            row[: len(data.y)] = data.y[:, 0]
        batch, one = exact.Batch(y, n_obs, np.ones_like(n_obs)), np.ones(len(n_obs))
        residuals = exact.residuals(scenario, parameters, batch)
        return found | {
            "residuals": unlike.describe_residuals(residuals, batch.mask, one, one),
            "shape": unlike.describe_shape(residuals, batch.mask),
        }

    def _best(self, data: DataSet, seed: int) -> dict[str, np.ndarray]:
        """Return the most probable of a few draws, by name."""
        with self.task(data, seed) as task:
            proposals = self.hosted.propose(task, N_CANDIDATES)
            best = int(np.argmax(np.where(np.isfinite(proposals.log_p), proposals.log_p, -np.inf)))
            return task.model.by_name(task.model.constrain(proposals.x[best : best + 1]))

    def weigh(self, data_sets: Sequence[DataSet], n_draws: int, seeds: Sequence[int]) -> Importance:
        """Hold draws against the exact posterior; the true parameters need not be known."""
        drawn = []
        for data, seed in zip(data_sets, seeds, strict=True):
            with self.task(data, seed) as task:
                drawn.append(self.hosted.propose(task, n_draws))
        return importance(np.stack([d.log_p for d in drawn]), np.stack([d.log_q for d in drawn]))
