"""A trained network on many data sets: draws, densities and the features that tell strange data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pipeline.amortized.inference import Amortized
from pipeline.amortized.observations import Observations
from pipeline.amortized.simulators import Simulator
from pipeline.calibration import exact, unlike
from pipeline.calibration.importance import Importance, importance
from pipeline.calibration.results import Compared
from pipeline.scenarios.base import DataSet

BATCH = 16  # data sets at once: one size compiles once, and the draws of more would not fit a cache
N_CANDIDATES = 100  # draws of which the one with the highest density is a data set's point estimate
LOG_LIKELIHOOD = "log likelihood"


@dataclass(frozen=True)
class Answers:
    """What a network says of data sets.

    Attributes:
        observed: the data sets as arrays.
        theta, log_q: draws in the unconstrained space with their log density.
        context: what the summary network hands to the posterior's head.
    """

    observed: Observations
    theta: Float[np.ndarray, "dataset draw dim"]
    log_q: Float[np.ndarray, "dataset draw"]
    context: Float[np.ndarray, "dataset context"]


class Subject:
    """A network under examination."""

    def __init__(self, amortized: Amortized):
        self.amortized = amortized
        assert isinstance(amortized.simulator, Simulator), "checks need the log joint in JAX"
        self.simulator: Simulator = amortized.simulator
        self.scenario = amortized.simulator.scenario
        self._densities = jax.jit(self._both_densities)
        # One compiled function each: one by one, their many small operations take a second to dispatch.
        self._constrain = jax.jit(self.simulator.constrain)
        self._unconstrain = jax.jit(self.simulator.unconstrain)

    def answer(self, data_sets: Sequence[DataSet], n_draws: int, seeds: Sequence[int]) -> Answers:
        """Return the network's draws and the context behind them."""
        observed = self.amortized.encode(data_sets)
        draws = self.amortized.draw(observed, n_draws, seeds)
        return Answers(observed, draws.theta, draws.log_q, self.amortized.context(observed))

    def compare(self, answers: Answers, true: exact.Parameters) -> Compared:
        """Hold draws against the exact posterior and against the true parameters."""
        theta = np.asarray(self.unconstrain(true))
        log_joint, log_likelihood = self.densities(
            answers.observed, np.concatenate([answers.theta, theta[:, None]], axis=1)
        )
        names, draws = flatten(self.constrain(answers.theta))
        return Compared(
            [*names, LOG_LIKELIHOOD],
            np.concatenate([flatten(true)[1], log_likelihood[:, -1:]], axis=1),
            np.concatenate([np.moveaxis(draws, -1, 1), log_likelihood[:, None, :-1]], axis=1),
            importance(log_joint[:, :-1], answers.log_q),
        )

    def weigh(self, answers: Answers) -> Importance:
        """Hold draws against the exact posterior; the true parameters need not be known."""
        return importance(self.densities(answers.observed, answers.theta)[0], answers.log_q)

    def densities(
        self, observed: Observations, theta: Float[np.ndarray, "dataset draw dim"]
    ) -> tuple[Float[np.ndarray, "dataset draw"], Float[np.ndarray, "dataset draw"]]:
        """Return the log joint and the log likelihood, each up to a constant of the data set."""
        parts = []
        for index, used in _chunks(len(theta)):
            found = self._densities(jnp.asarray(theta[index]), _take(observed, index))
            parts.append([np.asarray(part)[:used] for part in found])
        log_joint, log_prior = (np.concatenate(part).astype(float) for part in zip(*parts, strict=True))
        log_likelihood = log_joint - log_prior
        # Draws so far out that numbers overflow have no density.
        log_joint, log_likelihood = (
            np.where(np.isfinite(value), value, -np.inf) for value in (log_joint, log_likelihood)
        )
        return log_joint, log_likelihood

    def features(self, data_sets: Sequence[DataSet], answers: Answers) -> dict[str, np.ndarray]:
        """Return what the flag looks at: the context, and residuals at the best of a few draws."""
        few = answers.theta[:, :: max(1, answers.theta.shape[1] // N_CANDIDATES)][:, :N_CANDIDATES]
        best = self.densities(answers.observed, few)[0].argmax(axis=1)
        theta = jnp.asarray(few[np.arange(len(few)), best])
        point = {name: np.asarray(p, dtype=float) for name, p in self.constrain(theta).items()}
        batch = as_batch(answers.observed)
        residuals = exact.residuals(self.scenario, point, batch)
        sd = self.scenario.sd  # pyright: ignore[reportAttributeAccessIssue]
        within = np.array(
            [unlike.within_statistics(d.y - d.y.mean(axis=1, keepdims=True), sd) for d in data_sets]
        )
        return {
            "context": answers.context.astype(float),
            "residuals": unlike.describe_residuals(residuals, batch.mask, within[:, 0], within[:, 1]),
            "shape": unlike.describe_shape(residuals, batch.mask),
        }

    def membership_excess(self, data_sets: Sequence[DataSet]) -> dict[str, Float[np.ndarray, " dataset"]]:
        """Return each kind's excess log loss at the true parameters, in nats an observation."""
        observed = self.amortized.encode(data_sets)
        true = parameters_of(data_sets)
        found = self.amortized.memberships(observed, np.asarray(self.unconstrain(true))[:, None])
        batch = as_batch(observed)
        wanted = exact.memberships(self.scenario, true, batch)
        return {kind: exact.excess_log_loss(p, found[kind], batch.mask) for kind, p in wanted.items()}

    def constrain(self, theta: Array | np.ndarray) -> dict[str, Array]:
        """Return the parameters by name, in the scenario's order: compiled functions sort a dictionary."""
        found = self._constrain(theta)
        return {name: found[name] for name in self.scenario.parameter_shapes}

    def unconstrain(self, parameters: exact.Parameters) -> Array:
        """Return Stan's unconstrained parameters, (dataset, dim)."""
        return self._unconstrain(dict(parameters))

    def _both_densities(self, theta: Array, observed: Observations) -> tuple[Array, Array]:
        nothing_seen = observed._replace(n_rep=jnp.zeros_like(observed.n_rep))
        log_joint = self.simulator.log_joint_of_draws(theta, observed)
        # With no replicate there is no likelihood: what is left is the prior.
        return log_joint, self.simulator.log_joint_of_draws(theta, nothing_seen)


def parameters_of(data_sets: Sequence[DataSet]) -> dict[str, Float[np.ndarray, "dataset k"]]:
    """Return the true parameters of simulated data sets by name."""
    theta = [data.theta for data in data_sets]
    assert theta[0] is not None
    return {name: np.stack([t[name] for t in theta if t is not None]) for name in theta[0]}


def flatten(parameters) -> tuple[list[str], Float[np.ndarray, "*batch parameter"]]:
    """Return names in Stan's way, ``mu[1]``, and values side by side in the last axis."""
    arrays = {name: np.asarray(value, dtype=float) for name, value in parameters.items()}
    names = [f"{name}[{i + 1}]" for name, value in arrays.items() for i in range(value.shape[-1])]
    return names, np.concatenate(list(arrays.values()), axis=-1)


def as_batch(observed: Observations) -> exact.Batch:
    """Return the same data sets as NumPy arrays of double precision."""
    return exact.Batch(
        np.asarray(observed.y_mean, dtype=float), np.asarray(observed.n_obs), np.asarray(observed.n_rep)
    )


def _take(observed: Observations, index: np.ndarray) -> Observations:
    return jax.tree.map(lambda leaf: np.asarray(leaf)[index], observed)


def _chunks(n: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield indices of a full batch of items, the last repeated, and how many of them are new."""
    for start in range(0, n, BATCH):
        yield np.minimum(start + np.arange(BATCH), n - 1), min(BATCH, n - start)
