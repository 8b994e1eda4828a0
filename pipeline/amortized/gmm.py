"""The scenario gmm-ordered in JAX."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from pipeline.amortized.observations import Observations
from pipeline.amortized.simulators import (
    Simulation,
    Simulator,
    ordered_normals,
    ordered_to_real,
    real_to_ordered,
)
from pipeline.scenarios.gmm_ordered import GmmOrdered

FEWER_EM_STEPS = 6
EM_STEPS = 10


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
        """Fit one component fewer, split each of those in turn, and go on with the prior.

        Where data show fewer clusters than there are components, the posterior has a mode for each cluster
        that two components can share; these are what the splits find. The guess is not used.
        """
        scenario, k = self.scenario, self.scenario.n_components
        precision = self._precision(n_rep)[:, None]
        n = weight.sum(-1, keepdims=True)
        mean = (weight * y_mean).sum(-1, keepdims=True) / n
        sd = jnp.sqrt((weight * (y_mean - mean) ** 2).sum(-1, keepdims=True) / n)
        few = max(k - 1, 1)
        mu = mean + sd * jnp.linspace(-1, 1, few) if few > 1 else mean
        pi = jnp.full_like(mu, 1 / few)
        pi, mu, variance = _maximise(pi, mu, y_mean, weight, precision, FEWER_EM_STEPS)
        # What a cluster spreads beyond the noise, at least a little.
        away = jnp.sqrt(jnp.maximum(variance - 1 / precision, 0.1 / precision))
        starts = []
        for j in range(few):
            both = jnp.stack([mu[:, j] - away[:, j], mu[:, j] + away[:, j]], axis=-1)
            split = jnp.concatenate([mu[:, :j], both, mu[:, j + 1 :]], axis=-1)
            share = jnp.concatenate([pi[:, :j], jnp.repeat(pi[:, j : j + 1] / 2, 2, 1), pi[:, j + 1 :]], -1)
            new_pi, new_mu, _ = _maximise(
                share,
                self._apart(split),
                y_mean,
                weight,
                precision,
                EM_STEPS,
                jnp.asarray(scenario.pi_concentration),
                (jnp.asarray(scenario.mu_mean), 1 / scenario.mu_sd**2),
            )
            starts.append(self.unconstrain({"pi": new_pi, "mu": self._apart(new_mu)}))
        return jnp.stack(starts, axis=1)

    def _apart(self, mu: Float[Array, "dataset k"]) -> Float[Array, "dataset k"]:
        """Return means in order, each a little above the one before."""
        columns = [mu[:, 0]]
        for j in range(1, mu.shape[1]):
            columns.append(jnp.maximum(mu[:, j], columns[-1] + 0.05 * self.scenario.mu_sd))
        return jnp.stack(columns, axis=-1)

    def log_joint_near(
        self,
        theta: Float[Array, "dataset dim"],
        y_mean: Float[Array, "dataset obs"],
        weight: Float[Array, "dataset obs"],
        n_rep: Int[Array, " dataset"],
    ) -> Callable[[Float[Array, "dataset dim"]], Float[Array, " dataset"]]:
        """Return the log prior plus the second-order expansion of the log likelihood.

        With responsibilities r of the terms a_k = intercept_k + mu_k x, it is expanded in intercepts and mu:
        the gradient of log sum exp a is r, its Hessian diag(r) - r r'.
        """
        _, intercept, mu = self._parts(theta, n_rep)
        x = y_mean * self._precision(n_rep)[:, None]
        k = mu.shape[1]
        r = jax.nn.softmax(intercept[..., None] + mu[..., None] * x[:, None, :], axis=1)
        powers = jnp.stack([jnp.ones_like(x), x, x**2], axis=1)
        weighted = (weight[:, None] * powers)[:, :, None, :] * r[:, None]  # (dataset, power, component, obs)
        first = weighted.sum(-1)
        second = jnp.einsum("bpjn,bkn->bpjk", weighted, r)
        hessian = first[..., None] * jnp.eye(k) - second
        gradient = jnp.concatenate([first[:, 0], first[:, 1]], axis=-1)
        upper = jnp.concatenate([hessian[:, 0], hessian[:, 1]], axis=-1)
        lower = jnp.concatenate([hessian[:, 1], hessian[:, 2]], axis=-1)
        full = jnp.concatenate([upper, lower], axis=-2)
        at = jnp.concatenate([intercept, mu], axis=-1)

        def log_joint(theta: Float[Array, "dataset dim"]) -> Float[Array, " dataset"]:
            log_prior, intercept, mu = self._parts(theta, n_rep)
            away = jnp.concatenate([intercept, mu], axis=-1) - at
            return log_prior + (away * (gradient + 0.5 * jnp.einsum("bi,bij->bj", away, full))).sum(-1)

        return log_joint

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


def _maximise(
    pi: Float[Array, "dataset k"],
    mu: Float[Array, "dataset k"],
    y: Float[Array, "dataset obs"],
    weight: Float[Array, "dataset obs"],
    precision: Float[Array, "dataset 1"],
    n_steps: int,
    concentration: Array | float = 0.0,
    prior: tuple[Array | float, float] = (0.0, 0.0),
) -> tuple[Float[Array, "dataset k"], Float[Array, "dataset k"], Float[Array, "dataset k"]]:
    """Take steps of expectation maximisation; return weights, means and variances within components.

    Dempster, Laird and Rubin (1977). ``prior`` is the means' mean and precision.
    """
    y, weight = jnp.broadcast_arrays(y, weight)

    def step(_index: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        pi, mu, _variance = state
        residual = y[:, None] - mu[..., None]
        r = jax.nn.softmax(jnp.log(pi)[..., None] - 0.5 * precision[..., None] * residual**2, axis=1)
        r = r * weight[:, None]
        count = r.sum(-1)
        total = precision * (r * y[:, None]).sum(-1) + prior[0] * prior[1]
        shares = count + concentration + 1e-6
        return (
            shares / shares.sum(-1, keepdims=True),
            total / (precision * count + prior[1] + 1e-6),
            (r * residual**2).sum(-1) / (count + 1e-6),
        )

    return jax.lax.fori_loop(0, n_steps, step, (pi, mu, jnp.ones_like(mu)))


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
