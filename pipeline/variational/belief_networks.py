"""Sigmoid belief networks, and mixtures of factorised distributions over their hidden units.

The networks are those of Saul, Jaakkola and Jordan (1996, JAIR 4) and Bishop, Lawrence, Jaakkola and Jordan
(1998, NIPS 10): layers of 2, 4 and 6 binary units, each unit S_i on with probability sigmoid(z_i),
z_i = b_i + sum_j J_ij S_j over the layer above; the six units of the last layer are observed, all at zero.
The approximation is Q(S) = sum_m alpha_m prod_i mu_mi^S_i (1 - mu_mi)^(1 - S_i) over the six others.

Two lower bounds on log P(V = 0), in nats: the exact ELBO, since 64 hidden states can be summed, and the
bound of the 1998 paper, which needs no sum over states. All functions are for one network in JAX, pure, and
meant for ``vmap``.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

N_TOP, N_MIDDLE, N_VISIBLE = 2, 4, 6
N_HIDDEN = N_TOP + N_MIDDLE
N_SOFTPLUS = N_MIDDLE + N_VISIBLE  # expectations of log(1 + exp z) that need a bound
N_PARAMETERS = N_TOP + N_MIDDLE * (N_TOP + 1) + N_VISIBLE * (N_MIDDLE + 1)
# All hidden states, top layer first.
STATES = np.array([[(i >> j) & 1 for j in range(N_HIDDEN)] for i in range(2**N_HIDDEN)], float)


class Network(NamedTuple):
    """Weights and biases of one network; a leading axis makes it many."""

    top_bias: Float[Any, " top"]
    middle_weight: Float[Any, "middle top"]
    middle_bias: Float[Any, " middle"]
    visible_weight: Float[Any, "visible middle"]
    visible_bias: Float[Any, " visible"]


class Mixture(NamedTuple):
    """A mixture of factorised distributions; real numbers, so that its maximum is unconstrained.

    Attributes:
        logit_weight: of alpha, up to a constant.
        logit_mean: of mu, the probability that a hidden unit is on.
    """

    logit_weight: Float[Any, " component"]
    logit_mean: Float[Any, "component hidden"]


class Aids(NamedTuple):
    """What the paper's bound has beside the mixture.

    Attributes:
        xi: of each unit with parents, middle layer first; any real number gives a bound.
        log_odds: log R(S_i = 1 | m) / R(S_i = 0 | m) of the smoothing distributions.
    """

    xi: Float[Any, "component unit"]
    log_odds: Float[Any, "component hidden"]


def random_network(rng: np.random.Generator) -> Network:
    """Draw all weights and biases from uniform(-1, 1)."""
    sizes = (N_TOP, N_MIDDLE * N_TOP, N_MIDDLE, N_VISIBLE * N_MIDDLE, N_VISIBLE)
    parts = np.split(rng.uniform(-1, 1, N_PARAMETERS), np.cumsum(sizes)[:-1])
    return Network(
        parts[0],
        parts[1].reshape(N_MIDDLE, N_TOP),
        parts[2],
        parts[3].reshape(N_VISIBLE, N_MIDDLE),
        parts[4],
    )


def log_joint(network: Network) -> Float[Array, " state"]:
    """Return log P(S, V = 0) of all hidden states, in the order of STATES."""
    top, middle = STATES[:, :N_TOP], STATES[:, N_TOP:]
    z_middle = network.middle_bias + top @ network.middle_weight.T
    z_visible = network.visible_bias + middle @ network.visible_weight.T
    return (
        _log_bernoulli(top, network.top_bias).sum(1)
        + _log_bernoulli(middle, z_middle).sum(1)
        - jax.nn.softplus(z_visible).sum(1)
    )


def log_evidence(network: Network) -> Float[Array, ""]:
    """Return log P(V = 0), summed over the hidden states."""
    return jax.nn.logsumexp(log_joint(network))


def exact_elbo(mixture: Mixture, log_p: Float[Array, " state"]) -> Float[Array, ""]:
    """Return sum_S Q(S) (log P(S, V = 0) - log Q(S)), given log P of all states."""
    log_weight = jax.nn.log_softmax(mixture.logit_weight)
    by_component = _log_bernoulli(STATES[:, None], mixture.logit_mean).sum(2)
    log_q = jax.nn.logsumexp(log_weight + by_component, axis=1)
    return (jnp.exp(log_q) * (log_p - log_q)).sum()


def paper_bound(mixture: Mixture, aids: Aids, network: Network) -> Float[Array, ""]:
    """Return the bound of Bishop et al. (1998): sum_m alpha_m F(Q_m), and a bound on I(m; S)."""
    weight = jax.nn.softmax(mixture.logit_weight)
    free = jax.vmap(component_bound, (0, 0, None))(mixture.logit_mean, aids.xi, network)
    return weight @ free + information_bound(mixture, aids.log_odds)


def component_bound(
    logit_mean: Float[Any, " hidden"], xi: Float[Array, " unit"], network: Network
) -> Float[Array, ""]:
    """Return a bound on one factorised distribution's ELBO.

    The expectation of log(1 + exp z) is bounded, for every real xi, by Jensen's inequality (Saul, Jaakkola
    and Jordan 1996, equation 21): xi E z + log E[exp(-xi z) + exp((1 - xi) z)]. All else is exact; the top
    layer's biases need no bound.
    """
    mean = jax.nn.sigmoid(logit_mean)
    top, middle = mean[:N_TOP], mean[N_TOP:]
    z_middle = network.middle_bias + network.middle_weight @ top
    entropy = (jax.nn.softplus(logit_mean) - logit_mean * mean).sum()
    softplus = (
        _softplus_bound(xi[:N_MIDDLE], network.middle_bias, network.middle_weight, top).sum()
        + _softplus_bound(xi[N_MIDDLE:], network.visible_bias, network.visible_weight, middle).sum()
    )
    of_top = (top * network.top_bias - jax.nn.softplus(network.top_bias)).sum()
    return of_top + (middle * z_middle).sum() - softplus + entropy


def information_bound(mixture: Mixture, log_odds: Float[Array, "component hidden"]) -> Float[Array, ""]:
    """Return a bound on the mutual information between component and hidden state.

    Jaakkola and Jordan (1998): I >= sum_m alpha_m E_m log R(S|m) - sum_m alpha_m log alpha_m
    - sum_m lambda_m A_m + sum_m alpha_m log lambda_m + 1, with A_m = sum_S R(S|m) Q(S). Here lambda has its
    best value alpha_m / A_m, which leaves sum_m alpha_m (E_m log R(S|m) - log A_m), and R(S|m), whose scale
    cancels, is exp(sum_i S_i log_odds_mi).
    """
    log_weight = jax.nn.log_softmax(mixture.logit_weight)
    mean = jax.nn.sigmoid(mixture.logit_mean)
    log_smoothed = _log_moment(mean, log_odds[:, None, :]).sum(2)  # of component m (rows) under Q_k
    log_a = jax.nn.logsumexp(log_weight + log_smoothed, axis=1)
    return jnp.exp(log_weight) @ ((mean * log_odds).sum(1) - log_a)


def usual_aids(mixture: Mixture, network: Network) -> Aids:
    """Return aids to begin with: xi = sigmoid(E z), about its best value, and no smoothing."""
    mean = jax.nn.sigmoid(mixture.logit_mean)
    z_middle = network.middle_bias + mean[:, :N_TOP] @ network.middle_weight.T
    z_visible = network.visible_bias + mean[:, N_TOP:] @ network.visible_weight.T
    return Aids(jax.nn.sigmoid(jnp.concatenate([z_middle, z_visible], 1)), jnp.zeros_like(mean))


def _log_bernoulli(state: Float[Any, "*n"], logit: Float[Array, "*n"]) -> Float[Array, "*n"]:
    return state * logit - jax.nn.softplus(logit)


def _softplus_bound(
    xi: Float[Any, " unit"],
    bias: Float[Any, " unit"],
    weight: Float[Any, "unit parent"],
    mean: Float[Any, " parent"],
) -> Float[Array, " unit"]:
    def log_moment(t: Float[Array, " unit"]) -> Float[Array, " unit"]:
        return t * bias + _log_moment(mean, t[:, None] * weight).sum(1)

    return xi * (bias + weight @ mean) + jnp.logaddexp(log_moment(-xi), log_moment(1 - xi))


def _log_moment(mean: Float[Array, "*n"], t: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Return log E exp(t S) of a binary S."""
    return jnp.log1p(mean * jnp.expm1(t))
