"""The scenario gmm-ordered in JAX."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from pipeline.amortized.gmm_starts import starts
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
from pipeline.scenarios.gmm_ordered import GmmOrdered


@dataclass(frozen=True)
class GmmSimulator(Simulator):
    """Stick-breaking logits of pi, then mu[1] and the log differences of mu."""

    scenario: GmmOrdered

    @property
    def dim(self) -> int:
        """K - 1 weights and K means."""
        return 2 * self.scenario.n_components - 1

    @property
    def n_obs(self) -> tuple[int, int]:
        """The scenario's."""
        return self.scenario.n_obs

    @property
    def n_rep(self) -> tuple[int, int]:
        """The scenario's."""
        return self.scenario.n_rep

    @property
    def tail_rates(self) -> tuple[tuple[float, float], ...]:
        """Those of logits of beta variables, and of log differences whose density is flat at zero."""
        alpha = self.scenario.pi_concentration
        sticks = [(a, sum(alpha[j + 1 :])) for j, a in enumerate(alpha[:-1])]
        return (*sticks, (0.0, 0.0)) + ((1.0, 0.0),) * len(sticks)

    @property
    def units(self) -> tuple[float | None, ...]:
        """Half the prior's standard deviation, for all means but the first."""
        k = self.scenario.n_components
        return (None,) * k + (UNIT * self.scenario.mu_sd,) * (k - 1)

    def prior(self, n: int, *, key: PRNGKeyArray) -> Float[Array, "n dim"]:
        """Draw weights as normalised gammas and ordered means."""
        pi_key, mu_key = jr.split(key)
        concentration = jnp.asarray(self.scenario.pi_concentration)
        log_gamma = jr.loggamma(pi_key, concentration, (n, self.scenario.n_components))
        mu = ordered_normals(self.scenario.mu_mean, self.scenario.mu_sd, n, key=mu_key)
        return jnp.concatenate([_sticks(log_gamma), ordered_to_real(mu)], axis=-1)

    def simulate(self, theta: Float[Array, "dataset dim"], *, key: PRNGKeyArray) -> Simulation:
        """Draw sizes, components and observations."""
        keys = jr.split(key, 4)
        n, most = len(theta), self.n_obs[1]
        n_obs = jr.randint(keys[0], (n,), self.n_obs[0], most + 1)
        n_rep = jr.randint(keys[1], (n,), self.n_rep[0], self.n_rep[1] + 1)
        parameters = self.constrain(theta)
        mu = parameters["mu"]
        uniforms = jr.uniform(keys[2], (n, most), theta.dtype)
        above = jnp.cumsum(parameters["pi"], axis=-1)[:, :-1]
        noise = jr.normal(keys[3], (n, most), theta.dtype)
        y_mean = mu[:, :1] + self.scenario.sd * noise / jnp.sqrt(n_rep)[:, None]
        z = jnp.zeros((n, most), jnp.int32)
        for k in range(self.scenario.n_components - 1):
            higher = uniforms >= above[:, k, None]
            z += higher
            y_mean += jnp.where(higher, (mu[:, k + 1] - mu[:, k])[:, None], 0)
        return Simulation(theta, z, Observations(y_mean, n_obs, n_rep))

    def constrain(self, theta: Float[Array, "*batch dim"]) -> dict[str, Float[Array, "*batch k"]]:
        """Return pi and mu."""
        k = self.scenario.n_components
        return {
            "pi": jnp.exp(_log_simplex(theta[..., : k - 1])[0]),
            "mu": real_to_ordered(theta[..., k - 1 :]),
        }

    def unconstrain(self, parameters: dict[str, Float[Array, "*batch k"]]) -> Float[Array, "*batch dim"]:
        """Invert `constrain`."""
        sticks = _sticks(jnp.log(parameters["pi"]))
        return jnp.concatenate([sticks, ordered_to_real(parameters["mu"])], axis=-1)

    def log_joint(
        self,
        theta: Float[Array, "dataset dim"],
        y_mean: Float[Array, "dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Float[Array, " dataset"]:
        """Return the log target of gmm_ordered.stan."""
        log_prior, intercept, mu = self._parts(theta, n_rep)
        x = y_mean * self._precision(n_rep)[:, None]
        terms = [intercept[:, j, None] + mu[:, j, None] * x for j in range(mu.shape[1])]
        largest = jax.lax.stop_gradient(jnp.stack(terms).max(0))
        log_likelihood = largest + jnp.log(sum(jnp.exp(term - largest) for term in terms))
        return log_prior + (weight * log_likelihood).sum(-1)

    def starts(
        self,
        guess: Float[Array, "dataset dim"],
        y_mean: Float[Array, "dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Float[Array, "dataset start dim"]:
        """Return where modes of overlapping components are; the guess is not used."""
        pi, mu = starts(self.scenario, y_mean, weight, self._precision(n_rep)[:, None])
        return self.unconstrain({"pi": pi, "mu": mu})

    def log_joint_near(
        self,
        theta: Float[Array, "dataset dim"],
        y_mean: Float[Array, "#dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Callable[[Float[Array, "dataset dim"]], tuple[Float[Array, " dataset"], Float[Array, " dataset"]]]:
        """Return the log prior plus the second-order expansion of the log likelihood, and the information.

        With responsibilities r of the terms a_k = intercept_k + mu_k x, it is expanded in intercepts and mu:
        the gradient of log sum exp a is r, its Hessian diag(r) - r r'.
        """
        precision = self._precision(n_rep)[:, None]
        _, intercept, mu = self._parts(theta, n_rep)
        k = mu.shape[1]
        slope = mu * precision
        r = jax.nn.softmax(intercept[..., None] + slope[..., None] * y_mean[:, None], axis=1)
        pairs = [(i, j) for i in range(k) for j in range(i, k)]
        products = [r[:, j] for j in range(k)] + [r[:, i] * r[:, j] for i, j in pairs]
        moments = _power_sums(jnp.stack([weight * product for product in products], axis=1), y_mean)
        # Terms are linear in x = precision y.
        moments *= precision[..., None] ** jnp.arange(3)
        first = moments[:, :k]
        second = {pair: moments[:, k + place] for place, pair in enumerate(pairs)}
        gradient = [first[:, i % k, i // k] for i in range(2 * k)]
        hessian, scores = {}, {}
        for i in range(2 * k):
            for j in range(i, 2 * k):
                one, other, power = min(i % k, j % k), max(i % k, j % k), i // k + j // k
                scores[i, j] = second[one, other][:, power]
                hessian[i, j] = -scores[i, j] + (first[:, one, power] if one == other else 0)
        at = _columns(intercept, mu)

        def near(theta: Float[Array, "dataset dim"]) -> tuple[Array, Array]:
            log_prior, intercept, mu = self._parts(theta, n_rep)
            away = [value - origin for value, origin in zip(_columns(intercept, mu), at, strict=True)]
            log_likelihood, information = expansion(away, gradient, hessian, scores)
            return log_prior + log_likelihood, information

        return near

    def _precision(self, n_rep: Int[Array, " dataset"]) -> Float[Array, " dataset"]:
        """Return the precision of an observation's mean, given its component."""
        return n_rep / self.scenario.sd**2

    def _parts(
        self, theta: Float[Array, "dataset dim"], n_rep: Int[Array, " dataset"]
    ) -> tuple[Float[Array, " dataset"], Float[Array, "dataset k"], Float[Array, "dataset k"]]:
        """Return the log prior with the Jacobian, the terms' intercepts and mu."""
        k = self.scenario.n_components
        log_pi, log_jacobian = _log_simplex(theta[:, : k - 1])
        mu = real_to_ordered(theta[:, k - 1 :])
        standardised = (mu - jnp.asarray(self.scenario.mu_mean)) / self.scenario.mu_sd
        concentration = jnp.asarray(self.scenario.pi_concentration)
        prior = ((concentration - 1) * log_pi - 0.5 * standardised**2).sum(-1)
        intercept = log_pi - 0.5 * self._precision(n_rep)[:, None] * mu**2
        return prior + log_jacobian + theta[:, k:].sum(-1), intercept, mu


def _columns(*parts: Float[Array, "dataset k"]) -> list[Float[Array, " dataset"]]:
    return [part[:, j] for part in parts for j in range(part.shape[1])]


def _power_sums(
    values: Float[Array, "dataset value obs"], y: Float[Array, "#dataset obs"]
) -> Float[Array, "dataset value 3"]:
    """Return the sums over observations of each value times 1, y and y squared."""
    powers = jnp.stack([jnp.ones_like(y), y, y**2], axis=-1)
    if len(y) == 1:  # one product of matrices, where many small ones are slow
        return values @ powers[0]
    return values @ powers


def _sticks(log_weight: Float[Array, "*batch k"]) -> Float[Array, "*batch k-1"]:
    """Return Stan's stick-breaking logits of weights that need not sum to one.

    Stan reference manual, "Unit simplex": zero is the simplex's centre.
    """
    k = log_weight.shape[-1]
    rest = [jax.nn.logsumexp(log_weight[..., j + 1 :], axis=-1) for j in range(k - 1)]
    logits = [log_weight[..., j] - rest[j] + jnp.log(k - 1.0 - j) for j in range(k - 1)]
    return jnp.stack(logits, axis=-1)


def _log_simplex(
    sticks: Float[Array, "*batch k-1"],
) -> tuple[Float[Array, "*batch k"], Float[Array, "*batch"]]:
    """Return the log weights of Stan's stick-breaking and the log Jacobian determinant."""
    n = sticks.shape[-1]
    log_rest = jnp.zeros_like(sticks[..., 0])
    log_jacobian = jnp.zeros_like(log_rest)
    log_weights = []
    for j in range(n):
        logit = sticks[..., j] - jnp.log(float(n - j))
        log_taken, log_left = -jax.nn.softplus(-logit), -jax.nn.softplus(logit)
        log_weights.append(log_rest + log_taken)
        log_jacobian += log_rest + log_taken + log_left
        log_rest += log_left
    return jnp.stack([*log_weights, log_rest], axis=-1), log_jacobian
