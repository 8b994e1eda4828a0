"""The Gaussians behind Stan's approximations, recovered from what CmdStan writes.

ADVI, Pathfinder and the Laplace approximation are Gaussians (Pathfinder: a mixture of them, one a path) in
the unconstrained space, but CmdStan's CSV holds neither their covariance nor a normalised density: ADVI's
``log_g__`` and Laplace's ``log_q__`` leave the normalising constant out. All of them are quadratic in the
unconstrained draw, so a handful of draws determines the quadratic exactly; its residual proves that it did.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.special import logsumexp


@dataclass(frozen=True)
class Gaussian:
    """A multivariate normal distribution by its mean and the lower Cholesky factor of its precision."""

    mean: Float[np.ndarray, " dim"]
    precision_chol: Float[np.ndarray, "dim dim"]

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        z = (x - self.mean) @ self.precision_chol
        log_norm = np.log(np.diag(self.precision_chol)).sum() - 0.5 * x.shape[1] * np.log(2 * np.pi)
        return log_norm - 0.5 * (z**2).sum(axis=1)

    def covariance(self) -> Float[np.ndarray, "dim dim"]:
        """Return the covariance matrix."""
        inverse = solve_triangular(self.precision_chol, np.eye(len(self.mean)), lower=True)
        return inverse.T @ inverse


@dataclass(frozen=True)
class GaussianMixture:
    """An equally weighted mixture of Gaussians; of one, for the single Gaussian approximations."""

    components: tuple[Gaussian, ...]

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        each = np.stack([component.log_density(x) for component in self.components])
        return logsumexp(each, axis=0) - np.log(len(self.components))


class NotGaussian(ValueError):
    """The reported log densities are not those of one Gaussian at these draws, or too few draws tell."""


def recover_gaussian(
    x: Float[np.ndarray, "draw dim"], log_density: Float[np.ndarray, " draw"], tolerance: float = 1e-6
) -> Gaussian:
    """Return the Gaussian whose log density, up to a constant, was reported at some draws from it.

    Solves log_density = a + b'x + x'Cx by least squares in whitened coordinates: 1 + dim + dim(dim+1)/2
    unknowns. Raises NotGaussian where there are fewer draws than that, where a residual exceeds
    ``tolerance`` (absolute, in nats) or where the quadratic has no maximum.
    """
    n_draws, dim = x.shape
    rows, columns = np.triu_indices(dim)
    n_unknown = 1 + dim + len(rows)
    if n_draws < n_unknown:
        raise NotGaussian(f"{n_draws} draws cannot determine a Gaussian in {dim} dimensions; {n_unknown} can")
    centre = x.mean(axis=0)
    chol = np.linalg.cholesky(np.cov(x.T).reshape(dim, dim))
    z = solve_triangular(chol, (x - centre).T, lower=True).T
    design = np.column_stack([np.ones(n_draws), z, z[:, rows] * z[:, columns]])
    coefficients, *_ = np.linalg.lstsq(design, log_density, rcond=None)
    residual = np.abs(design @ coefficients - log_density).max()
    if not residual <= tolerance:
        raise NotGaussian(f"the log densities differ from a quadratic by up to {residual:.2g} nats")
    linear, quadratic = coefficients[1 : 1 + dim], np.zeros((dim, dim))
    quadratic[rows, columns] = coefficients[1 + dim :]
    precision_z = -(quadratic + quadratic.T)
    try:
        np.linalg.cholesky(precision_z)
    except np.linalg.LinAlgError as error:
        raise NotGaussian("the quadratic has no maximum") from error
    whitening = solve_triangular(chol, np.eye(dim), lower=True)
    precision = whitening.T @ precision_z @ whitening
    mean = centre + chol @ np.linalg.solve(precision_z, linear)
    return Gaussian(mean, np.linalg.cholesky(0.5 * (precision + precision.T)))
