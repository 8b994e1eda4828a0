"""Mixtures of Gaussians as an approximating family, with their evidence lower bound and its gradient.

Bishop, Lawrence, Jaakkola and Jordan (1998) enlarge a variational family to mixtures of its members and
bound the mixture's entropy. Here the log density of the whole mixture is evaluated at draws from every
component, so that the bound is the exact ELBO,

    ELBO = sum_m pi_m E_{N_m}[log p(x) - log q(x)],      q = sum_k pi_k N(mu_k, L_k L_k'),

with each expectation an average over fixed standard normal points: draws are stratified over components, and
the average is a deterministic function that has an exact gradient.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from pipeline.variational.target import Evaluation


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians in Stan's unconstrained space.

    Attributes:
        log_weight: normalised log weights.
        mean: of each component.
        chol: lower Cholesky factor of each component's covariance; diagonal for a mean-field family.
    """

    log_weight: Float[np.ndarray, " component"]
    mean: Float[np.ndarray, "component dim"]
    chol: Float[np.ndarray, "component dim dim"]

    def draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n dim"]:
        """Return independent draws."""
        chosen = rng.choice(len(self.mean), size=n, p=np.exp(self.log_weight))
        noise = rng.standard_normal((n, self.mean.shape[1]))
        return self.mean[chosen] + np.einsum("nij,nj->ni", self.chol[chosen], noise)

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        return np.asarray(logsumexp(self.joint(x).log_joint, axis=0))

    def joint(self, x: Float[np.ndarray, "draw dim"]) -> "Joint":
        """Return log pi_k N_k(x), and the whitened residuals behind it."""
        dim = x.shape[1]
        inverse = np.stack([solve_triangular(chol, np.eye(dim), lower=True) for chol in self.chol])
        z = (x - self.mean[:, None]) @ inverse.transpose(0, 2, 1)
        log_norm = np.log(np.abs(np.diagonal(inverse, axis1=1, axis2=2))).sum(1) - 0.5 * dim * np.log(
            2 * np.pi
        )
        log_joint = (self.log_weight + log_norm)[:, None] - 0.5 * np.einsum("kni,kni->kn", z, z)
        return Joint(log_joint, z, inverse)


class Joint(NamedTuple):
    """Of each component k at each point n.

    Attributes:
        log_joint: log pi_k N_k(x_n).
        z: L_k^-1 (x_n - mu_k).
        inverse: L_k^-1.
    """

    log_joint: Float[np.ndarray, "component point"]
    z: Float[np.ndarray, "component point dim"]
    inverse: Float[np.ndarray, "component dim dim"]

    @property
    def slope(self) -> Float[np.ndarray, "component point dim"]:
        """Return L_k'^-1 z, minus the gradient of log N_k at x_n."""
        return self.z @ self.inverse


@dataclass(frozen=True)
class Family:
    """The layout of a mixture as one vector of real numbers.

    Attributes:
        n_components: of the mixture.
        dim: of the space.
        is_full_rank: whether components have full covariance matrices or diagonal ones.
    """

    n_components: int
    dim: int
    is_full_rank: bool

    @property
    def _below(self) -> tuple[np.ndarray, np.ndarray]:
        return np.tril_indices(self.dim, -1)

    def pack(self, mixture: Mixture) -> Float[np.ndarray, " parameter"]:
        """Return logits, means, log diagonals and, at full rank, the entries below them."""
        log_diagonal = np.log(np.diagonal(mixture.chol, axis1=1, axis2=2))
        parts = [mixture.log_weight, mixture.mean.ravel(), log_diagonal.ravel()]
        if self.is_full_rank:
            parts.append(mixture.chol[:, *self._below].ravel())
        return np.concatenate(parts)

    def unpack(self, vector: Float[np.ndarray, " parameter"]) -> Mixture:
        """Invert `pack`, up to the logits' constant."""
        count, dim = self.n_components, self.dim
        logits, mean, log_diagonal, below = np.split(vector, np.cumsum([count, count * dim, count * dim]))
        chol = np.zeros((count, dim, dim))
        chol[:, np.arange(dim), np.arange(dim)] = np.exp(log_diagonal.reshape(count, dim))
        if self.is_full_rank:
            chol[:, *self._below] = below.reshape(count, -1)
        return Mixture(logits - logsumexp(logits), mean.reshape(count, dim), chol)

    def pack_gradient(
        self, mixture: Mixture, logits: np.ndarray, mean: np.ndarray, chol: np.ndarray
    ) -> Float[np.ndarray, " parameter"]:
        """Return a gradient by logits, means and Cholesky factors as one by the packed vector."""
        diagonal = np.diagonal(chol, axis1=1, axis2=2) * np.diagonal(mixture.chol, axis1=1, axis2=2)
        parts = [logits, mean.ravel(), diagonal.ravel()]
        if self.is_full_rank:
            parts.append(chol[:, *self._below].ravel())
        return np.concatenate(parts)


def points(
    mixture: Mixture, noise: Float[np.ndarray, "component draw dim"]
) -> Float[np.ndarray, "point dim"]:
    """Return mu_m + L_m e for every component's noise, one row a point."""
    x = mixture.mean[:, None] + np.einsum("mij,msj->msi", mixture.chol, noise)
    return x.reshape(-1, x.shape[-1])


def elbo_gradient(
    family: Family,
    mixture: Mixture,
    noise: Float[np.ndarray, "component draw dim"],
    x: Float[np.ndarray, "point dim"],
    target: Evaluation,
) -> tuple[float, Float[np.ndarray, " parameter"]]:
    """Return the ELBO's average over fixed noise, and its exact gradient by the packed parameters.

    Each point moves with its component's mean and factor, and log q changes at fixed points as well; the
    latter part has expectation zero and belongs to the average all the same.
    """
    count, draws, _ = noise.shape
    joint = mixture.joint(x)
    slope = joint.slope
    log_q = logsumexp(joint.log_joint, axis=0)
    share = np.exp(joint.log_joint - log_q)  # responsibility of k at point n
    weight = np.exp(mixture.log_weight)
    terms = (target.log_p - log_q).reshape(count, draws)
    by_component = terms.mean(1)
    value = float(weight @ by_component)

    each = np.repeat(weight / draws, draws)  # of every point in the average
    # Moving points: the gradient of log p - log q at x.
    pull = each[:, None] * (target.gradient + np.einsum("kn,kni->ni", share, slope))
    pull = pull.reshape(count, draws, -1)
    mean = pull.sum(1)
    chol = np.einsum("msi,msj->mij", pull, noise)
    # Fixed points: log q by the parameters of each component.
    held = each * share
    held_slope = (held[..., None] * slope).swapaxes(1, 2)
    mean -= held_slope.sum(2)
    chol -= held_slope @ joint.z
    diagonal = np.arange(family.dim)
    chol[:, diagonal, diagonal] += held.sum(1)[:, None] / np.diagonal(mixture.chol, axis1=1, axis2=2)
    logits = weight * (by_component - value) - (held.sum(1) - weight)
    return value, family.pack_gradient(mixture, logits, mean, chol)
