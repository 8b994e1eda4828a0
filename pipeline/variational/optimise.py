"""Maximising the ELBO of a mixture over ever more fixed draws, until more of them change nothing.

With the draws held fixed the ELBO is a deterministic function, which L-BFGS maximises in tens of evaluations
(Giordano, Ingram and Broderick 2024, JMLR 25(18), on mean-field Gaussians: a sample average approximation).
Its maximum flatters itself, the less the more draws there are; so the bound is read off other draws, and the
number of draws grows until that reading no longer does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.stats import norm, qmc

from pipeline.variational.mixture import Family, Mixture, elbo_gradient, points
from pipeline.variational.target import Target

DRAWS = (64, 256, 1024)  # a component, level by level; powers of two suit Sobol's points
CHECK_DRAWS = 256  # a component, to read the bound off
TOLERANCE = 0.01  # nats of the bound from one level to the next
STEP_TOLERANCE = 1e-5  # nats of the bound from one step of L-BFGS to the next
MAX_EVALUATIONS = 300  # a level
_REJECTED = 1e10  # minus the bound where a draw is rejected; a line search steps back from it


@dataclass(frozen=True)
class Optimum:
    """What the optimisation ended with.

    Attributes:
        mixture: the approximation.
        elbo: its evidence lower bound in nats, on draws that the optimisation did not see.
        mcse: the bound's Monte Carlo standard error.
        gain: of the bound over the level before, the stopping criterion.
        gain_mcse: its Monte Carlo standard error, on common draws.
        draws: a component at the last level.
        evaluations: of the bound in all.
        converged: whether the gain, from the second level on, fell below the tolerance or twice its error.
    """

    mixture: Mixture
    elbo: float
    mcse: float
    gain: float
    gain_mcse: float
    draws: int
    evaluations: int
    converged: bool


def maximise(
    target: Target, start: Mixture, *, is_full_rank: bool, seed: int, levels: Sequence[int] = DRAWS
) -> Optimum:
    """Fit a mixture, beginning with ``start``.

    Args:
        target: log density and gradient.
        start: components and weights to begin with.
        is_full_rank: whether components have full covariance matrices.
        seed: of the draws.
        levels: numbers of draws a component; one of them tells nothing of convergence.
    """
    family = Family(len(start.mean), target.dim, is_full_rank)
    check = np.random.default_rng(seed).standard_normal((family.n_components, CHECK_DRAWS, family.dim))
    mixture, read = start, _read(target, start, check)
    evaluations, draws, gain, gain_mcse, converged = 0, 0, np.inf, np.nan, False
    for level, draws in enumerate(levels):
        noise = _quasi_normal(family, draws, seed + 1 + level)
        mixture, used = _climb(target, family, mixture, noise)
        evaluations += used
        before, read = read, _read(target, mixture, check)
        gain, gain_mcse = _mean_and_error(read - before)
        # The first level's gain is over the start.
        converged = level > 0 and gain < max(TOLERANCE, 2 * gain_mcse)
        if converged:
            break
    return Optimum(mixture, *_mean_and_error(read), gain, gain_mcse, draws, evaluations, converged)


def _climb(
    target: Target, family: Family, start: Mixture, noise: Float[np.ndarray, "component draw dim"]
) -> tuple[Mixture, int]:
    """Return the maximum for fixed draws, and the number of evaluations."""

    def minus_elbo(vector: Float[np.ndarray, " parameter"]) -> tuple[float, Float[np.ndarray, " parameter"]]:
        mixture = family.unpack(vector)
        x = points(mixture, noise)
        evaluation = target(x)
        if not np.isfinite(evaluation.log_p).all():
            return _REJECTED, np.zeros_like(vector)
        value, gradient = elbo_gradient(family, mixture, noise, x, evaluation)
        return -value, -gradient

    size = max(1.0, abs(minus_elbo(family.pack(start))[0]))
    options = {"maxfun": MAX_EVALUATIONS, "ftol": STEP_TOLERANCE / size}
    found = minimize(minus_elbo, family.pack(start), jac=True, method="L-BFGS-B", options=options)
    return family.unpack(found.x), int(found.nfev)


def _read(
    target: Target, mixture: Mixture, noise: Float[np.ndarray, "component draw dim"]
) -> Float[np.ndarray, " draw"]:
    """Return independent estimates of the ELBO, one from each stratum's draw of the same number."""
    x = points(mixture, noise)
    terms = (target(x).log_p - mixture.log_density(x)).reshape(noise.shape[:2])
    return np.exp(mixture.log_weight) @ terms


def _mean_and_error(values: Float[np.ndarray, " draw"]) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _quasi_normal(family: Family, draws: int, seed: int) -> Float[np.ndarray, "component draw dim"]:
    """Return scrambled Sobol points for each component, turned into normal ones."""
    each = [
        qmc.Sobol(family.dim, scramble=True, rng=np.random.default_rng([seed, i])).random(draws)
        for i in range(family.n_components)
    ]
    return norm.ppf(np.stack(each))
