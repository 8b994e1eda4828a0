"""Where Newton steps begin for gmm-ordered: fits of one component fewer, and one more put in each place.

Where data show fewer clusters than there are components, their posterior has a region of mass for each way in
which the one too many fits in: two components share a cluster, or one is nearly empty and its mean is
wherever the prior and the order let it be, below, between or above the others.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from pipeline.scenarios.gmm_ordered import GmmOrdered

FEWER_EM_STEPS = 6
EM_STEPS = 4
EMPTY = 0.06  # the weight that an empty component starts from
BEYOND = 0.7  # prior standard deviations, at least, from the outermost cluster to an empty one beyond it
APART = 0.05  # prior standard deviations between means at least


def starts(
    scenario: GmmOrdered,
    y_mean: Float[Array, "#dataset obs"],
    weight: Float[Array, "dataset obs"],
    precision: Float[Array, "dataset 1"],
) -> tuple[Float[Array, "dataset start k"], Float[Array, "dataset start k"]]:
    """Return weights and ordered means of the fits, one for each of the 2 K - 1 places."""
    few = scenario.n_components - 1
    n = weight.sum(-1, keepdims=True)
    mean = (weight * y_mean).sum(-1, keepdims=True) / n
    sd = jnp.sqrt((weight * (y_mean - mean) ** 2).sum(-1, keepdims=True) / n)
    mu = mean + sd * jnp.linspace(-1, 1, few) if few > 1 else mean
    pi = jnp.full_like(mu, 1 / few)
    pi, mu, variance = _maximise(pi, mu, y_mean, weight, precision, FEWER_EM_STEPS)
    pi, mu = _one_more(scenario, pi, mu, variance, precision)
    count = pi.shape[1]

    def many(x: Array) -> Array:
        return x if len(x) == 1 else jnp.repeat(x, count, axis=0)

    prior = jnp.asarray(scenario.mu_mean), 1 / scenario.mu_sd**2
    new_pi, new_mu, _ = _maximise(
        pi.reshape(-1, few + 1),
        _apart(mu, scenario.mu_sd).reshape(-1, few + 1),
        many(y_mean),
        many(weight),
        many(precision),
        EM_STEPS,
        jnp.asarray(scenario.pi_concentration),
        prior,
    )
    return new_pi.reshape(pi.shape), _apart(new_mu.reshape(pi.shape), scenario.mu_sd)


def _one_more(
    scenario: GmmOrdered,
    pi: Float[Array, "dataset few"],
    mu: Float[Array, "dataset few"],
    variance: Float[Array, "dataset few"],
    precision: Float[Array, "dataset 1"],
) -> tuple[Float[Array, "dataset start k"], Float[Array, "dataset start k"]]:
    """Split each component in turn, then put an empty one in each place of the order."""
    few = mu.shape[1]
    # What a cluster spreads beyond the noise, at least a little.
    away = jnp.sqrt(jnp.maximum(variance - 1 / precision, 0.1 / precision))
    shares, places = [], []
    for j in range(few):
        both = jnp.stack([mu[:, j] - away[:, j], mu[:, j] + away[:, j]], axis=-1)
        places.append(jnp.concatenate([mu[:, :j], both, mu[:, j + 1 :]], axis=-1))
        half = jnp.repeat(pi[:, j : j + 1] / 2, 2, axis=1)
        shares.append(jnp.concatenate([pi[:, :j], half, pi[:, j + 1 :]], axis=-1))
    beyond = BEYOND * scenario.mu_sd
    extras = [
        jnp.minimum(scenario.mu_mean[0], mu[:, 0] - beyond),
        *(0.5 * (mu[:, j - 1] + mu[:, j]) for j in range(1, few)),
        jnp.maximum(scenario.mu_mean[-1], mu[:, -1] + beyond),
    ]
    for j, extra in enumerate(extras):
        places.append(jnp.concatenate([mu[:, :j], extra[:, None], mu[:, j:]], axis=-1))
        left = (1 - EMPTY) * pi
        shares.append(jnp.concatenate([left[:, :j], jnp.full_like(left[:, :1], EMPTY), left[:, j:]], axis=-1))
    return jnp.stack(shares, axis=1), jnp.stack(places, axis=1)


def _apart(mu: Float[Array, "*batch k"], mu_sd: float) -> Float[Array, "*batch k"]:
    """Return means in order, each a little above the one before."""
    columns = [mu[..., 0]]
    for j in range(1, mu.shape[-1]):
        columns.append(jnp.maximum(mu[..., j], columns[-1] + APART * mu_sd))
    return jnp.stack(columns, axis=-1)


def _maximise(
    pi: Float[Array, "dataset k"],
    mu: Float[Array, "dataset k"],
    y: Float[Array, "#dataset obs"],
    weight: Float[Array, "dataset obs"],
    precision: Float[Array, "dataset 1"],
    n_steps: int,
    concentration: Array | float = 0.0,
    prior: tuple[Array | float, float] = (0.0, 0.0),
) -> tuple[Float[Array, "dataset k"], Float[Array, "dataset k"], Float[Array, "dataset k"]]:
    """Take steps of expectation maximisation; return weights, means and variances within components.

    Dempster, Laird and Rubin (1977). ``prior`` is the means' mean and precision.
    """

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
