"""The scenario hmm-ordered in JAX."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from pipeline.amortized.observations import Observations
from pipeline.amortized.simulators import (
    UNIT,
    Simulation,
    Simulator,
    expansion,
    ordered_normals,
    ordered_to_real,
    real_to_ordered,
)
from pipeline.scenarios.hmm_ordered import HmmOrdered


@dataclass(frozen=True)
class HmmSimulator(Simulator):
    """Logits of p_stay, then mu[1] and the log difference of mu."""

    scenario: HmmOrdered

    @property
    def dim(self) -> int:
        """Two probabilities and two means."""
        return 4

    @property
    def n_obs(self) -> tuple[int, int]:
        """The scenario's number of time points, twice."""
        return self.scenario.n_times, self.scenario.n_times

    @property
    def n_rep(self) -> tuple[int, int]:
        """The scenario's."""
        return self.scenario.n_rep

    @property
    def tail_rates(self) -> tuple[tuple[float, float], ...]:
        """Those of logits of beta variables, and of a log difference whose density is flat at zero."""
        left, right = self.scenario.p_stay_shape
        return ((left, right), (left, right), (0.0, 0.0), (1.0, 0.0))

    @property
    def units(self) -> tuple[float | None, ...]:
        """Half the prior's standard deviation, for the second mean."""
        return None, None, None, UNIT * self.scenario.mu_sd

    def prior(self, n: int, *, key: PRNGKeyArray) -> Float[Array, "n dim"]:
        """Draw the logits of beta variables as log ratios of gammas, and ordered means."""
        stay_key, mu_key = jr.split(key)
        log_gamma = jr.loggamma(stay_key, jnp.asarray(self.scenario.p_stay_shape), (n, 2, 2))
        mu = ordered_normals(self.scenario.mu_mean, self.scenario.mu_sd, n, key=mu_key)
        return jnp.concatenate([log_gamma[..., 0] - log_gamma[..., 1], ordered_to_real(mu)], axis=-1)

    def simulate(self, theta: Float[Array, "dataset dim"], *, key: PRNGKeyArray) -> Simulation:
        """Draw sizes, paths and observations."""
        keys = jr.split(key, 3)
        n, n_times = len(theta), self.scenario.n_times
        n_rep = jr.randint(keys[0], (n,), self.n_rep[0], self.n_rep[1] + 1)
        parameters = self.constrain(theta)
        mu, p_stay = parameters["mu"], parameters["p_stay"]
        uniforms = jr.uniform(keys[1], (n_times, n), theta.dtype)
        # Where the path goes from state 0 and from state 1, for all times at once; composing these maps
        # from {0, 1} to itself gives the path without a sequential pass.
        from_zero = uniforms >= p_stay[:, 0]
        from_one = uniforms >= 1 - p_stay[:, 1]
        first = uniforms[0] >= self.scenario.initial[0]
        start = from_zero.at[0].set(first), from_one.at[0].set(first)

        def then(earlier: tuple[Array, Array], later: tuple[Array, Array]) -> tuple[Array, Array]:
            zero, one = later
            return tuple(jnp.where(state, one, zero) for state in earlier)  # pyright: ignore[reportReturnType]

        z = jax.lax.associative_scan(then, start)[0].T
        noise = jr.normal(keys[2], (n, n_times), theta.dtype)
        y_mean = jnp.where(z, mu[:, 1:], mu[:, :1]) + self.scenario.sd * noise / jnp.sqrt(n_rep)[:, None]
        n_obs = jnp.full(n, n_times)
        return Simulation(theta, z.astype(jnp.int32), Observations(y_mean, n_obs, n_rep))

    def constrain(self, theta: Float[Array, "*batch dim"]) -> dict[str, Float[Array, "*batch k"]]:
        """Return p_stay and mu."""
        return {"p_stay": jax.nn.sigmoid(theta[..., :2]), "mu": real_to_ordered(theta[..., 2:])}

    def unconstrain(self, parameters: dict[str, Float[Array, "*batch k"]]) -> Float[Array, "*batch dim"]:
        """Invert `constrain`."""
        p_stay = parameters["p_stay"]
        logits = jnp.log(p_stay) - jnp.log1p(-p_stay)
        return jnp.concatenate([logits, ordered_to_real(parameters["mu"])], axis=-1)

    def log_joint(
        self,
        theta: Float[Array, "dataset dim"],
        y_mean: Float[Array, "dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Float[Array, " dataset"]:
        """Return the log target of hmm_ordered.stan; all observations count, whatever `weight` says."""
        mu, p_stay = real_to_ordered(theta[:, 2:]), jax.nn.sigmoid(theta[:, :2])
        half_precision = 0.5 * n_rep / self.scenario.sd**2
        log_p0 = -half_precision * (y_mean.T - mu[:, 0]) ** 2
        log_p1 = -half_precision * (y_mean.T - mu[:, 1]) ** 2
        return self._log_prior(theta) + _log_marginal(log_p0, log_p1, p_stay, self.scenario.initial)

    def log_joint_near(
        self,
        theta: Float[Array, "dataset dim"],
        y_mean: Float[Array, "dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Callable[[Float[Array, "dataset dim"]], tuple[Float[Array, " dataset"], Float[Array, " dataset"]]]:
        """Return the log prior plus the second-order expansion of the log likelihood, and the information.

        The expansion is in the likelihood's own parameters: differentiating the recursion as a whole takes
        twenty times as long.
        """
        half_precision = 0.5 * n_rep / self.scenario.sd**2
        at = _natural(theta)
        gradient, hessian, scores = _expand_marginal(at, y_mean.T, half_precision, self.scenario.initial)

        def near(theta: Float[Array, "dataset dim"]) -> tuple[Array, Array]:
            away = [value - origin for value, origin in zip(_natural(theta), at, strict=True)]
            log_likelihood, information = expansion(away, gradient, hessian, scores)
            return self._log_prior(theta) + log_likelihood, information

        return near

    def _log_prior(self, theta: Float[Array, "dataset dim"]) -> Float[Array, " dataset"]:
        """Return the log prior with the Jacobian."""
        mu = real_to_ordered(theta[:, 2:])
        shape = self.scenario.p_stay_shape
        # The Jacobian of the logistic function adds one to each shape's exponent.
        of_stay = shape[0] * jax.nn.softplus(-theta[:, :2]) + shape[1] * jax.nn.softplus(theta[:, :2])
        standardised = (mu - jnp.asarray(self.scenario.mu_mean)) / self.scenario.mu_sd
        return theta[:, 3] - (of_stay + 0.5 * standardised**2).sum(-1)


def _log_marginal(
    log_p0: Float[Array, "time dataset"],
    log_p1: Float[Array, "time dataset"],
    p_stay: Float[Array, "dataset 2"],
    initial: tuple[float, ...],
) -> Float[Array, " dataset"]:
    """Return log p(y) of a two-state chain: the forward recursion, normalised at each time.

    Its state is one number a data set, P(z_t = 1 | y_1..t-1).
    """
    leave, stay = 1 - p_stay[:, 0], p_stay[:, 1]

    def step(predicted: Array, log_p: tuple[Array, Array]) -> tuple[Array, Array]:
        return _advance(predicted, leave, stay, *log_p)

    start = jnp.full_like(leave, initial[1])
    return jax.lax.scan(step, start, (log_p0, log_p1))[1].sum(0)


def _advance(
    predicted: Array, leave: Array, stay: Array, log_p0: Array, log_p1: Array
) -> tuple[Array, Array]:
    """Return the next prediction and log p(y_t | y_1..t-1)."""
    largest = jax.lax.stop_gradient(jnp.maximum(log_p0, log_p1))
    joint = predicted * jnp.exp(log_p1 - largest)
    total = joint + (1 - predicted) * jnp.exp(log_p0 - largest)
    # A prediction rounded to 0 or 1 may meet an observation that only the other state explains.
    total = jnp.maximum(total, jnp.finfo(total.dtype).tiny)
    return leave + joint / total * (stay - leave), largest + jnp.log(total)


def _natural(theta: Float[Array, "dataset 4"]) -> list[Float[Array, " dataset"]]:
    """Return the parameters of the recursion: P(1 | 0), P(1 | 1) and both means."""
    mu = real_to_ordered(theta[:, 2:])
    return [jax.nn.sigmoid(-theta[:, 0]), jax.nn.sigmoid(theta[:, 1]), mu[:, 0], mu[:, 1]]


def _expand_marginal(
    natural: list[Float[Array, " dataset"]],
    y_mean: Float[Array, "time dataset"],
    half_precision: Float[Array, " dataset"],
    initial: tuple[float, ...],
) -> tuple[list[Array], dict[tuple[int, int], Array], dict[tuple[int, int], Array]]:
    """Return gradient and Hessian of log p(y) and the sum of products of log p(y_t | y_1..t-1)'s scores.

    The recursion carries its derivatives along.

    Everything stays an array over data sets, so that one step compiles to one loop.
    """
    pairs = [(i, j) for i in range(4) for j in range(i, 4)]
    zero, one = jnp.zeros_like(natural[0]), jnp.ones_like(natural[0])

    def step(carry: Any, y: Array) -> tuple[Any, None]:
        predicted, first, second, gradient, hessian, scores = carry
        following, new_first, new_second, score = predicted, list(first), dict(second), [zero] * 4
        for i, j in pairs:

            def at(s: Array, t: Array, i: int = i, j: int = j) -> tuple[Array, Array]:
                leave, stay, mu0, mu1 = (
                    value + s * (k == i) + t * (k == j) for k, value in enumerate(natural)
                )
                moved = predicted + s * first[i] + t * first[j] + s * t * second[i, j]
                log_p0, log_p1 = -half_precision * (y - mu0) ** 2, -half_precision * (y - mu1) ** 2
                return _advance(moved, leave, stay, log_p0, log_p1)

            def along_t(s: Array, at: Callable = at) -> tuple[Any, Any]:
                return jax.jvp(lambda t: at(s, t), (zero,), (one,))

            ((following, _), _), (by_s, by_both) = jax.jvp(along_t, (zero,), (one,))
            new_second[i, j] = by_both[0]
            hessian = hessian | {(i, j): hessian[i, j] + by_both[1]}
            if i == j:
                new_first[i] = by_s[0]
                score[i] = by_s[1]
        gradient = [g + s for g, s in zip(gradient, score, strict=True)]
        scores = {(i, j): scores[i, j] + score[i] * score[j] for i, j in pairs}
        return (following, new_first, new_second, gradient, hessian, scores), None

    nothing = {pair: zero for pair in pairs}
    start = (jnp.full_like(zero, initial[1]), [zero] * 4, nothing, [zero] * 4, nothing, nothing)
    (_, _, _, gradient, hessian, scores), _ = jax.lax.scan(step, start, y_mean)
    return gradient, hessian, scores
