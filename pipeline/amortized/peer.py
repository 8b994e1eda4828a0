"""BayesFlow's own networks for the same scenarios: the peer that a user would otherwise pick.

What its documentation recommends, unchanged: a coupling flow, a ``DeepSet`` for exchangeable observations or
a ``TimeSeriesNetwork`` for ordered ones, standardised parameters, the workflow's optimiser (Adam, warm-up,
cosine decay, clipping). It sees the replicates' means, which are sufficient, and the sizes as conditions;
observations beyond a data set's size are zeros with a flag, since one shape compiles once and BayesFlow's
masks do not reach a ``DeepSet``. Simulations come from the same jitted simulator as for our networks.
"""

import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.random as jr
import numpy as np
from jaxtyping import Float

from pipeline.amortized.checkpoints import (
    Identity,
    check_identity,
    identity_of,
    read_header,
    write_header,
)
from pipeline.amortized.observations import Observations, encode
from pipeline.amortized.simulators import Simulator
from pipeline.errors import UnusableCheckpoint
from pipeline.files import whole
from pipeline.scenarios.base import DataSet

N_TRIAL = 30  # steps that measure the pace of a budget in seconds
EPOCH = 50  # steps between points of the loss curve, each the mean over them
WEIGHTS = "peer.weights.h5"  # Keras wants this ending
PACKAGES = ("bayesflow", "keras", "jax")


@dataclass(frozen=True)
class Peer:
    """A trained BayesFlow approximator for one scenario."""

    simulator: Simulator
    approximator: Any

    def encode(self, data_sets: Sequence[DataSet]) -> Observations:
        """Turn data sets into arrays; ValueError where they are not finite or of a size not trained for."""
        return encode(data_sets, self.simulator.n_obs, self.simulator.n_rep)

    def sample(self, observed: Observations, n_draws: int, seed: int) -> Float[np.ndarray, "draw dim"]:
        """Return draws for one data set, in Stan's unconstrained space."""
        drawn = self.approximator.sample(
            num_samples=n_draws, conditions=conditions(self.simulator, observed), seed=seed
        )
        return np.asarray(drawn["theta"], float)[0]

    def log_density(
        self, observed: Observations, x: Float[np.ndarray, "draw dim"]
    ) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x, given one data set."""
        keras = _packages()[1]
        # The approximator's own log_prob would summarise the data anew for each row.
        condition, *_ = self.approximator._prepare_conditions(conditions(self.simulator, observed))
        u, log_slope = self.approximator.standardizer.maybe_standardize(
            keras.ops.convert_to_tensor(x, "float32"),
            key="inference_variables",
            stage="inference",
            log_det_jac=True,
        )
        repeated = keras.ops.repeat(condition, len(x), axis=0)
        log_q = self.approximator.inference_network.log_prob(u, conditions=repeated)
        return np.asarray(log_q, float) + np.asarray(log_slope, float)


def conditions(simulator: Simulator, observed: Observations) -> dict[str, np.ndarray]:
    """Return what the networks see of data sets, by BayesFlow's names."""
    mask = np.asarray(observed.mask())
    y = np.where(mask > 0, np.asarray(observed.y_mean), 0)
    n_rep = np.asarray(observed.n_rep, np.float32)
    sizes = np.stack([n_rep, 0.01 * np.asarray(observed.n_obs)], axis=-1)
    summary = np.stack([y, mask], axis=-1) if simulator.n_obs[0] < simulator.n_obs[1] else y[..., None]
    return {
        "y": summary.astype(np.float32),
        "sizes": sizes.astype(np.float32),
    }


def train(
    simulator: Simulator,
    *,
    seed: int,
    batch: int,
    steps: int | None,
    wall_s: float | None,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
) -> tuple[Peer, dict[str, Any]]:
    """Train for a number of steps, or for as many as fit into so many seconds, compilation included.

    Returns:
        The peer, and a record: steps, seconds and the loss curve in nats of Stan's unconstrained space.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    keras = _packages()[1]
    keras.utils.set_random_seed(seed % 2**32)
    simulate = _batches(simulator, batch, seed)
    if steps is None:
        assert wall_s is not None
        # The workflow's learning rate needs the number of steps beforehand.
        paced = _Progress(simulator.scenario.name, 0, say)
        _fit(_workflow(simulator), simulate, batch, N_TRIAL, paced)
        steps = steps_within(wall_s - (time.perf_counter() - started), paced.started_s, paced.times_s)
    workflow, progress = _workflow(simulator), _Progress(simulator.scenario.name, steps, say)
    _fit(workflow, simulate, batch, steps, progress)
    # The loss is that of standardised parameters.
    origin = np.zeros((1, simulator.dim), np.float32)
    _, log_slope = workflow.approximator.standardizer.maybe_standardize(
        origin, key="inference_variables", stage="inference", log_det_jac=True
    )
    earlier_s = progress.started_s - started
    record = {
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu_started,
        "steps": len(progress.times_s),
        "curve": [
            (step, at_s + earlier_s, loss - float(np.mean(log_slope))) for step, at_s, loss in progress.losses
        ],
    }
    return Peer(simulator, workflow.approximator), record


def steps_within(left_s: float, started_s: float, times_s: Sequence[float]) -> int:
    """Return how many steps fit, judged by a trial that compiled as long as the training will.

    Args:
        left_s: seconds left of the budget.
        started_s, times_s: when the trial began, and when each of its steps ended.
    """
    pace_s = float(np.median(np.diff(times_s)))
    return max(1, int((left_s - (times_s[0] - started_s)) / pace_s))


def save(peer: Peer, path: Path, record: dict[str, Any]) -> None:
    """Write a line of JSON and Keras's weights into one file, whole or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / WEIGHTS
        peer.approximator.save_weights(weights)
        with whole(path) as temporary, temporary.open("wb") as file:
            write_header(file, _identity(peer.simulator), record)
            file.write(weights.read_bytes())


def load(simulator: Simulator, path: Path) -> Peer:
    """Rebuild the approximator and load its weights.

    Raises:
        UserError: there is no such file.
        UnusableCheckpoint: it belongs to something else, or is damaged.
    """
    check_identity(path, read_header(path)["identity"], _identity(simulator))
    workflow = _workflow(simulator)
    example = workflow.adapter(_batches(simulator, 2, 0)())
    workflow.approximator.build({name: value.shape for name, value in example.items()})
    try:
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / WEIGHTS
            weights.write_bytes(path.read_bytes().split(b"\n", 1)[1])
            workflow.approximator.load_weights(weights)
    except Exception as error:  # whatever h5py and Keras make of a damaged file
        raise UnusableCheckpoint(f"{path}: this checkpoint is damaged. Delete it and train again.") from error
    return Peer(simulator, workflow.approximator)


def _identity(simulator: Simulator) -> Identity:
    return identity_of(simulator.scenario, {"peer": "bayesflow"}, PACKAGES)


def _packages() -> tuple[Any, Any]:
    """Return the modules bayesflow and keras, which take seconds to import and need to know their backend."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import bayesflow  # pyright: ignore[reportMissingImports]
    import keras  # pyright: ignore[reportMissingImports]

    return bayesflow, keras


def _workflow(simulator: Simulator) -> Any:
    bayesflow = _packages()[0]
    is_mixture = simulator.scenario.family == "mixture"
    return bayesflow.BasicWorkflow(
        inference_variables="theta",
        summary_variables="y",
        inference_conditions="sizes",
        inference_network=bayesflow.networks.CouplingFlow(),
        summary_network=bayesflow.networks.DeepSet()
        if is_mixture
        else bayesflow.networks.TimeSeriesNetwork(),
    )


def _batches(simulator: Simulator, batch: int, seed: int) -> Callable[[], dict[str, np.ndarray]]:
    """Return a function with a fresh batch of simulations at every call."""

    @jax.jit
    def draw(key: jax.Array) -> tuple[jax.Array, Observations]:
        prior_key, data_key = jr.split(key)
        theta = simulator.prior(batch, key=prior_key)
        return theta, simulator.simulate(theta, key=data_key).observed

    key, count = jr.key(seed), iter(range(2**31))

    def fresh() -> dict[str, np.ndarray]:
        theta, observed = draw(jr.fold_in(key, next(count)))
        return {"theta": np.asarray(theta), **conditions(simulator, observed)}

    return fresh


def _fit(workflow: Any, simulate: Callable, batch: int, steps: int, progress: "_Progress") -> None:
    bayesflow, keras = _packages()
    workflow.simulator = bayesflow.simulators.LambdaSimulator(lambda _: simulate(), is_batched=True)
    noting = keras.callbacks.LambdaCallback(on_train_batch_end=progress.step, on_epoch_end=progress.epoch)
    epochs = math.ceil(steps / EPOCH)
    workflow.fit_online(
        epochs=epochs,
        num_batches_per_epoch=math.ceil(steps / epochs),
        batch_size=batch,
        verbose=0,
        callbacks=[noting],
    )


class _Progress:
    """Notes times and losses of steps, and says how it goes once a minute."""

    def __init__(self, name: str, steps: int, say: Callable[[str], None]):
        self.name, self.steps, self.say = name, steps, say
        self.started_s = self.said_s = time.perf_counter()
        self.times_s: list[float] = []
        self.losses: list[tuple[int, float, float]] = []

    def step(self, number: int, logs: dict[str, Any] | None = None) -> None:
        """Take note of the end of a step."""
        self.times_s.append(time.perf_counter())

    def epoch(self, number: int, logs: dict[str, Any] | None = None) -> None:
        """Take the mean loss of an epoch, and say once a minute how far the training is."""
        now, done = time.perf_counter(), len(self.times_s)
        loss = float((logs or {}).get("loss", np.nan))
        self.losses.append((done, now - self.started_s, loss))
        if self.steps and now - self.said_s > 60:
            self.said_s = now
            left_s = (now - self.started_s) * (self.steps - done) / done
            self.say(f"{self.name}: step {done} of {self.steps}, about {left_s:.0f} s left; loss {loss:.3f}")
