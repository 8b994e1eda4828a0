"""How far the draws of a method lie from those of the reference: scalar parameters and the joint posterior.

Scalars are measured in the reference's standard deviations, so that no score depends on a parameter's units.
The joint posterior is compared in unconstrained space after whitening by the reference.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular

from pipeline.scores.monte_carlo import Estimate, delta_mcse

N_PROJECTIONS = 200

Chains = Float[np.ndarray, "chain draw"]


def _moments(draws: Chains) -> tuple[float, float, Chains]:
    """Return mean, standard deviation and the influence of each draw on the log standard deviation."""
    mean, sd = float(np.mean(draws)), float(np.std(draws, ddof=1))
    return mean, sd, ((draws - mean) ** 2 - sd**2) / (2 * sd**2) if sd > 0 else np.zeros_like(draws)


def _reference_moments(reference: Chains) -> tuple[float, float, Chains]:
    mean, sd, log_sd_influence = _moments(reference)
    if not sd > 0:
        raise ValueError(
            f"the reference's standard deviation is {sd}: it cannot serve as the unit of a score"
        )
    return mean, sd, log_sd_influence


def mean_error_sd(method: Chains, reference: Chains) -> Estimate:
    """Return (mean of the method - mean of the reference) / sd of the reference; 0 is ideal.

    The error is the delta method's and counts the draws of both sides, the reference's sd included.
    """
    mean, sd, log_sd_influence = _reference_moments(reference)
    value = (float(np.mean(method)) - mean) / sd
    return Estimate(
        value,
        delta_mcse((method - np.mean(method)) / sd, (reference - mean) / sd + value * log_sd_influence),
    )


def log_sd_ratio(method: Chains, reference: Chains) -> Estimate:
    """Return log(sd of the method / sd of the reference); 0 is ideal, negative is overconfident.

    It is minus infinity, with unknown error, for a method whose draws are all the same.
    """
    _, sd_reference, influence_reference = _reference_moments(reference)
    _, sd_method, influence_method = _moments(method)
    if sd_method == 0:
        return Estimate(-math.inf, math.nan)
    return Estimate(math.log(sd_method / sd_reference), delta_mcse(influence_method, influence_reference))


def wasserstein1_sd(method: Chains, reference: Chains) -> Estimate:
    """Return the first Wasserstein distance between two samples in sds of the reference; 0 is ideal.

    W1 is the integral of |F - G| over the line (Vallender 1974, Theory Probab. Appl. 18(4)). Its influence
    function is the Kantorovich potential, f(x) = integral from x upwards of sign(F - G).
    """
    _, sd, log_sd_influence = _reference_moments(reference)
    pooled = np.concatenate([method.ravel(), reference.ravel()])
    order = np.argsort(pooled, kind="stable")
    gaps = np.diff(pooled[order])
    mass = np.where(order < method.size, 1 / method.size, -1 / reference.size)
    # Equal distributions leave rounding noise here, whose sign would mean nothing.
    difference = np.cumsum(mass)[:-1]
    difference[np.abs(difference) < 1e-12] = 0
    value = float(np.sum(np.abs(difference) * gaps)) / sd

    potential = np.empty_like(pooled)
    signed_gaps = np.sign(difference) * gaps
    potential[order] = np.append(np.cumsum(signed_gaps[::-1])[::-1], 0.0) / sd
    on_method = potential[: method.size].reshape(method.shape)
    on_reference = potential[method.size :].reshape(reference.shape)
    return Estimate(value, delta_mcse(on_method, on_reference + value * log_sd_influence))


@dataclass(frozen=True)
class Whitening:
    """The affine map that takes the reference's mean to 0 and its covariance to the identity.

    Attributes:
        mean: mean of the reference.
        cholesky: lower Cholesky factor of its covariance.
    """

    mean: Float[np.ndarray, " dim"]
    cholesky: Float[np.ndarray, "dim dim"]

    @classmethod
    def fit(cls, reference: Float[np.ndarray, "chain draw dim"]) -> "Whitening":
        """Take mean and covariance from the reference.

        Raises:
            np.linalg.LinAlgError: the covariance is singular.
        """
        flat = reference.reshape(-1, reference.shape[-1])
        return cls(flat.mean(axis=0), np.linalg.cholesky(np.atleast_2d(np.cov(flat.T))))

    def __call__(self, draws: Float[np.ndarray, "chain draw dim"]) -> Float[np.ndarray, "chain draw dim"]:
        """Return the whitened draws."""
        flat = (draws - self.mean).reshape(-1, draws.shape[-1])
        return solve_triangular(self.cholesky, flat.T, lower=True).T.reshape(draws.shape)


def sliced_wasserstein(
    method: Float[np.ndarray, "chain draw dim"],
    reference: Float[np.ndarray, "chain draw dim"],
    *,
    seed: int,
    n_projections: int = N_PROJECTIONS,
) -> Estimate:
    """Return the sliced Wasserstein-2 distance between whitened draws; 0 is ideal.

    The root of the mean of W2^2 over random directions (Bonneel et al. 2015, J. Math. Imaging Vision
    51), each W2^2 by matching the sorted projections. In whitened space the unit is one posterior sd. The
    error comes from the draws, through the dual potentials of W2^2, and from the directions.

    Args:
        method: draws of the method.
        reference: draws of the reference; as many in all as the method's.
        seed: seed of the directions.
        n_projections: number of directions.

    Raises:
        ValueError: the two sides differ in number of draws or in dimension.
    """
    dim = reference.shape[-1]
    x, y = method.reshape(-1, method.shape[-1]), reference.reshape(-1, dim)
    if x.shape != y.shape:
        raise ValueError(
            f"as many draws of the same dimension are needed on both sides: {x.shape}, {y.shape}"
        )
    directions = np.random.default_rng(seed).normal(size=(dim, n_projections))
    directions /= np.linalg.norm(directions, axis=0)
    x_projected, y_projected = x @ directions, y @ directions
    x_order, y_order = np.argsort(x_projected, axis=0), np.argsort(y_projected, axis=0)
    x_sorted = np.take_along_axis(x_projected, x_order, axis=0)
    displacement = x_sorted - np.take_along_axis(y_projected, y_order, axis=0)
    squared = np.mean(displacement**2, axis=0)
    value = math.sqrt(float(np.mean(squared)))
    if value == 0:
        return Estimate(0.0, 0.0)

    # The dual potential of W2^2 has derivative 2 (x - T(x)), T being the matching; its partner on the other
    # side follows from duality, phi(x) + psi(T(x)) = (x - T(x))^2.
    steps = np.diff(x_sorted, axis=0) * (displacement[1:] + displacement[:-1])
    potential = np.concatenate([np.zeros((1, n_projections)), np.cumsum(steps, axis=0)])
    partner = displacement**2 - potential
    on_method, on_reference = np.empty_like(potential), np.empty_like(potential)
    np.put_along_axis(on_method, x_order, potential, axis=0)
    np.put_along_axis(on_reference, y_order, partner, axis=0)
    from_draws = delta_mcse(
        on_method.mean(axis=1).reshape(method.shape[:2]),
        on_reference.mean(axis=1).reshape(reference.shape[:2]),
    )
    from_directions = float(np.std(squared, ddof=1)) / math.sqrt(n_projections)
    return Estimate(value, math.hypot(from_draws, from_directions) / (2 * value))
