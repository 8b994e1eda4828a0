"""Networks for memberships given theta, trained likelihood-free on simulated components."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from pipeline.amortized.layers import Mlp, Pointwise
from pipeline.amortized.observations import Observations
from pipeline.amortized.simulators import Simulator
from pipeline.scenarios.hmm_ordered import HmmOrdered

N_TRAINED = 32  # observations of each data set in a mixture's membership loss
TRANSITION_WIDTH = 48  # of the network that makes an HMM's transition, once for each theta


class Memberships(eqx.Module):
    """A network for P(z_n = k | y, theta).

    Attributes:
        draws_at_once: vectors of parameters in one pass; more leave the cache, fewer leave loops too short.
    """

    draws_at_once: ClassVar[int]
    simulator: Simulator = eqx.field(static=True)

    @abc.abstractmethod
    def __call__(
        self, theta: Float[Array, "dataset dim"], observed: Observations
    ) -> dict[str, Float[Array, "dataset obs component"]]:
        """Return log probabilities by kind, for one vector of unconstrained parameters a data set."""

    def loss(
        self, theta: Float[Array, "dataset dim"], observed: Observations, z: Int[Array, "dataset obs"]
    ) -> Float[Array, ""]:
        """Return the cross-entropy of the simulated components, in nats an observation, summed over kinds."""
        mask = observed.mask()
        total = jnp.zeros(())
        for log_p in self(theta, observed).values():
            hit = sum(jnp.where(z == k, log_p[..., k], 0) for k in range(log_p.shape[-1]))
            total -= (mask * hit).sum() / mask.sum()
        return total


def _residuals(
    simulator: Simulator, mu: Float[Array, "dataset component"], observed: Observations
) -> Float[Array, "component dataset obs"]:
    """Return (y_mean - mu_k) in standard deviations of an observation's mean."""
    scale = jnp.sqrt(observed.n_rep) / simulator.scenario.sd
    return scale[:, None] * (observed.y_mean - mu.T[..., None])


class MixtureClassifier(Memberships):
    """One score a component, by the same network for all of them, from its weight and the residual."""

    draws_at_once: ClassVar[int] = 5
    score: Pointwise

    def __init__(self, simulator: Simulator, *, width: int, key: PRNGKeyArray):
        self.simulator = simulator
        self.score = Pointwise(3, width, key=key)

    def loss(
        self, theta: Float[Array, "dataset dim"], observed: Observations, z: Int[Array, "dataset obs"]
    ) -> Float[Array, ""]:
        """Return the cross-entropy of the first few observations of each data set: they are exchangeable."""
        few = Observations(
            observed.y_mean[:, :N_TRAINED], jnp.minimum(observed.n_obs, N_TRAINED), observed.n_rep
        )
        return super().loss(theta, few, z[:, :N_TRAINED])

    def __call__(
        self, theta: Float[Array, "dataset dim"], observed: Observations
    ) -> dict[str, Float[Array, "dataset obs component"]]:
        """Return the log "membership" probabilities."""
        parameters = self.simulator.constrain(theta)
        residual = _residuals(self.simulator, parameters["mu"], observed)
        scores = self.score(*_inputs(residual), jnp.log(parameters["pi"]).T[..., None])
        return {"membership": jnp.moveaxis(jax.nn.log_softmax(scores, axis=0), 0, -1)}


def _inputs(residual: Array) -> tuple[Array, Array]:
    """Return a residual and its square, each of a scale near one."""
    residual = jnp.clip(residual, -12, 12)
    return residual / 3, residual**2 / 10


class HmmClassifier(Memberships):
    """A learned recursion over time for filtering, and one backwards that completes it to smoothing.

    With logits for state 1 against state 0, and e_t a learned score of observation t:

        prediction_1 = logit of the initial state,  prediction_t = forward(prediction_{t-1} + e_{t-1}; theta),
        message_T = 0,                              message_t = backward(message_{t+1} + e_{t+1}; theta),
        filtering_t = prediction_t + e_t,           smoothing_t = filtering_t + message_t.

    The message goes through its own learned transition. (It is a likelihood and not a second filter, whose
    logit would count the transition's prior twice; adding a filter of the reversed series is the error of
    the published code.) For given theta a transition is a smooth step in one logit: a sum of hyperbolic
    tangents whose coefficients a network of theta provides, which keeps the sequential part small.
    """

    draws_at_once: ClassVar[int] = 50
    emission: Pointwise
    transition: Mlp
    n_steps: int = eqx.field(static=True)

    def __init__(self, simulator: Simulator, *, width: int, n_steps: int = 6, key: PRNGKeyArray):
        self.simulator, self.n_steps = simulator, n_steps
        emission_key, transition_key = jr.split(key)
        self.emission = Pointwise(2, width, key=emission_key)
        self.transition = Mlp(6, 2 * (3 * n_steps + 1), TRANSITION_WIDTH, 2, gain=0.3, key=transition_key)

    def __call__(
        self, theta: Float[Array, "dataset dim"], observed: Observations
    ) -> dict[str, Float[Array, "dataset obs component"]]:
        """Return the log "filtering" and "smoothing" probabilities."""
        parameters = self.simulator.constrain(theta)
        residual = _residuals(self.simulator, parameters["mu"], observed)
        scores = self.emission(*_inputs(residual))
        score = (scores[1] - scores[0]).T  # (time, dataset)
        p_stay, logit = parameters["p_stay"], jnp.clip(theta[:, :2], -8, 8)
        coefficients = self.transition(jnp.concatenate([p_stay, logit, logit**2 / 4], axis=-1))
        coefficients = coefficients.reshape(len(theta), 2, -1).T  # (coefficient, direction, dataset)
        height, slope, place = (coefficients[i * self.n_steps :][: self.n_steps] for i in range(3))

        def step(logit: Float[Array, "2 dataset"], score: Float[Array, "2 dataset"]) -> tuple[Array, Array]:
            following = coefficients[-1] + (height * jnp.tanh(slope * (logit + score) + place)).sum(0)
            return following, logit

        scenario = self.simulator.scenario
        assert isinstance(scenario, HmmOrdered)
        initial = scenario.initial
        start = jnp.zeros_like(score[:2]).at[0].set(jnp.log(initial[1]) - jnp.log(initial[0]))
        _, messages = jax.lax.scan(step, start, jnp.stack([score, score[::-1]], axis=1))
        filtering = messages[:, 0] + score
        smoothing = filtering + messages[::-1, 1]
        return {"filtering": _log_two(filtering.T), "smoothing": _log_two(smoothing.T)}


def _log_two(logit: Float[Array, "dataset obs"]) -> Float[Array, "dataset obs 2"]:
    return jnp.stack([jax.nn.log_sigmoid(-logit), jax.nn.log_sigmoid(logit)], axis=-1)
