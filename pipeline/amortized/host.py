"""Scenarios without a simulator in JAX: simulated by NumPy, in Stan's unconstrained space through BridgeStan.

Whatever draws from its prior can be learned from: a user's own Stan program with a simulator, real data with
a prior to simulate from, components with exchangeable labels. Networks then see simulations alone.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.amortized.observations import Observations, encode_columns
from pipeline.amortized.ordering import sort_labels, to_increments
from pipeline.amortized.simulators import Simulation
from pipeline.errors import UserError
from pipeline.scenarios.base import DataSet, Scenario
from pipeline.stan.model import BoundModel

N_EXAMPLES = 4000  # simulations behind fixed scales, and behind the sizes that a network is trained for


@dataclass(frozen=True)
class HostSimulator:
    """What networks must know of a scenario that is simulated by NumPy.

    Attributes:
        scenario: it.
        dim: number of unconstrained parameters.
        n_obs: smallest and largest number of observations.
        n_columns: values an observation.
        order: where labels are exchangeable, the places of the components' means (of their first column) in
            the unconstrained vector; components are trained on in their increasing order.
    """

    scenario: Scenario
    dim: int
    n_obs: tuple[int, int]
    n_columns: int
    order: tuple[int, ...]

    @property
    def n_rep(self) -> tuple[int, int]:
        """Columns are not replicates here."""
        return 1, 1

    @property
    def tail_rates(self) -> tuple[tuple[float, float], ...]:
        """Nothing is known of the prior's tails."""
        return ((0.0, 0.0),) * self.dim

    @property
    def units(self) -> tuple[None, ...]:
        """Nothing is known of differences either."""
        return (None,) * self.dim

    def layout(self) -> dict[str, Any]:
        """Return what rebuilds it beside the scenario, as plain values."""
        return {key: value for key, value in asdict(self).items() if key != "scenario"}  # pyright: ignore[reportArgumentType]

    def encode(self, data_sets: Sequence[DataSet]) -> Observations:
        """Turn data sets into arrays; ValueError where they are not finite or of a size not trained for."""
        return encode_columns(data_sets, self.n_obs, self.n_columns)


def from_layout(scenario: Scenario, layout: dict[str, Any]) -> HostSimulator:
    """Rebuild a simulator from what a checkpoint says of it."""
    return HostSimulator(
        scenario, layout["dim"], tuple(layout["n_obs"]), layout["n_columns"], tuple(layout["order"])
    )


class Host:
    """Simulations of a scenario for a training.

    Attributes:
        simulator: what networks must know.
        examples: simulations behind fixed scales.
    """

    def __init__(self, scenario: Scenario, model: BoundModel, seed: int):
        """Draw examples, and learn sizes from them.

        Raises:
            UserError: the simulator's values are not finite, of changing width or outside the program's
                support.
        """
        self._scenario, self._model, self._seed = scenario, model, seed
        data = scenario.prior_predictive(np.random.default_rng([seed, 2**32 - 1]), N_EXAMPLES)
        widths = {one.y.shape[1] for one in data}
        if len(widths) > 1:
            raise UserError(
                f"scenario {scenario.name}: data sets have {min(widths)} to {max(widths)} columns; networks "
                "learn from data sets of one width only."
            )
        sizes = [len(one.y) for one in data]
        order = _order(scenario, model) if scenario.label_axes else ()
        self.simulator = HostSimulator(scenario, model.dim, (min(sizes), max(sizes)), widths.pop(), order)
        self.examples = self._encoded(data)

    def block(self, step: int, n_steps: int, batch: int) -> Simulation:
        """Return the simulations of some steps, along a new first axis; a step's are always the same."""
        steps = [self._one_batch(i, batch) for i in range(step, step + n_steps)]
        theta = np.stack([one.theta for one in steps])
        observed = Observations(
            *(np.stack(part) for part in zip(*(one.observed for one in steps), strict=True))  # pyright: ignore[reportArgumentType]
        )
        return Simulation(theta, None, observed)  # pyright: ignore[reportArgumentType]

    def _one_batch(self, step: int, batch: int) -> Simulation:
        rng, data = np.random.default_rng([self._seed, step]), []
        while len(data) < batch:
            drawn = self._scenario.prior_predictive(rng, batch - len(data))
            least, most = self.simulator.n_obs
            # The law of sizes may reach beyond those of the examples, rarely.
            data += [one for one in drawn if least <= len(one.y) <= most]
        return self._encoded(data)

    def _encoded(self, data_sets: list[DataSet]) -> Simulation:
        theta = self._unconstrain(data_sets).astype(np.float32)
        if not np.isfinite(theta).all():
            raise UserError(
                f"scenario {self._scenario.name}: drew parameters that are not finite in Stan's "
                "unconstrained space. They must lie inside the support of the Stan program."
            )
        try:
            observed = self.simulator.encode(data_sets)
        except ValueError as error:
            raise UserError(f"scenario {self._scenario.name}: a simulated data set: {error}") from error
        return Simulation(theta, None, observed)  # pyright: ignore[reportArgumentType]

    def _unconstrain(self, data_sets: list[DataSet]) -> Float[np.ndarray, "dataset dim"]:
        drawn = [data.theta for data in data_sets]
        shapes = self._scenario.parameter_shapes
        if any(theta is None or theta.keys() != shapes.keys() for theta in drawn):
            raise UserError(
                f"scenario {self._scenario.name}: simulated data sets must bring their parameters, named "
                f"{', '.join(shapes)}."
            )
        parameters = {name: np.stack([theta[name] for theta in drawn if theta]) for name in shapes}
        if self._scenario.label_axes:
            parameters = sort_labels(parameters, self._scenario.label_axes)
        try:
            x = self._model.unconstrain(self._model.flatten(parameters))
        except RuntimeError as error:
            raise UserError(
                f"scenario {self._scenario.name}: drew parameters outside the support of "
                f"{self._scenario.stan_program}: {str(error).strip()}"
            ) from error
        return to_increments(x, self.simulator.order)


class Ahead:
    """Blocks of simulations, each drawn by another thread while the one before it is used."""

    def __init__(self, host: Host, step: int, block: int, batch: int):
        self._host, self._step, self._size = host, step, (block, batch)
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._coming = self._draw()

    def _draw(self) -> Future[Simulation]:
        return self._thread.submit(self._host.block, self._step, *self._size)

    def next(self, n_steps: int) -> Simulation:
        """Return the block that is due, of which n_steps will be taken, and begin with the next one."""
        ready = self._coming.result()
        self._step += n_steps
        self._coming = self._draw()
        return ready


def _order(scenario: Scenario, model: BoundModel) -> tuple[int, ...]:
    """Return where the unconstrained vector has each component's mean, or the first column of it."""
    names = model.bridge.param_unc_names()
    is_matrix = len(scenario.parameter_shapes["mu"]) == 2
    wanted = [f"mu.{k + 1}" + (".1" if is_matrix else "") for k in range(scenario.n_components)]
    return tuple(names.index(name) for name in wanted)
