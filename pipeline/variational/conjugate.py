"""The variational posterior of Gaussian mixtures and HMMs under conjugate priors: Dirichlet and normal-gamma.

What scikit-learn's and hmmlearn's variational Bayes return (Bishop 2006, Pattern Recognition and Machine
Learning, section 10.2; for chains MacKay 1997): rows of weights, means and precisions are independent of one
another but for the means given their precisions.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.special import gammaln

from pipeline.stan.model import BoundModel


@dataclass(frozen=True)
class Conjugate:
    """q(weights) Dirichlet a row; 1 / sd^2 ~ Gamma(dof / 2, rate scale / 2), mu ~ Normal(mean, sd^2 / count).

    Attributes:
        weights: name of the Stan parameter that holds them.
        concentration: of each row of weights; a single row for a mixture.
        mean, scale: of each component in each dimension.
        count: prior observations plus those taken for each component's.
        dof: of each component.
    """

    weights: str
    concentration: Float[np.ndarray, "row component"]
    mean: Float[np.ndarray, "component dim"]
    scale: Float[np.ndarray, "component dim"]
    count: Float[np.ndarray, " component"]
    dof: Float[np.ndarray, " component"]

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Float[np.ndarray, "n ..."]]:
        """Return independent draws: weights (n, row, component), mu and sd (n, component, dim)."""
        weights = np.stack([rng.dirichlet(row, n) for row in self.concentration], axis=1)
        shape = (n, *self.mean.shape)
        sd = np.sqrt(0.5 * self.scale / rng.gamma(0.5 * self.dof[:, None], size=shape))
        mu = self.mean + sd / np.sqrt(self.count[:, None]) * rng.standard_normal(shape)
        return {self.weights: weights, "mu": mu, "sd": sd}

    def log_density(
        self,
        weights: Float[np.ndarray, "draw row component"],
        mu: Float[np.ndarray, "draw component dim"],
        sd: Float[np.ndarray, "draw component dim"],
    ) -> Float[np.ndarray, " draw"]:
        """Return the log density by weights (all but the last of a row), means and standard deviations."""
        alpha = self.concentration
        log_q = ((alpha - 1) * np.log(weights)).sum((1, 2))
        log_q += (gammaln(alpha.sum(1)) - gammaln(alpha).sum(1)).sum()
        of_variance = stats.invgamma.logpdf(sd**2, 0.5 * self.dof[:, None], scale=0.5 * self.scale)
        log_q += (of_variance + np.log(2 * sd)).sum((1, 2))
        return log_q + stats.norm.logpdf(mu, self.mean, sd / np.sqrt(self.count[:, None])).sum((1, 2))


@dataclass(frozen=True)
class Unconstrained:
    """The same density in Stan's unconstrained space of a bound program."""

    density: Conjugate
    model: BoundModel

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        by_name = self.model.by_name(self.model.constrain(x))
        shape = (len(x), *self.density.mean.shape)
        weights = by_name[self.density.weights].reshape(len(x), *self.density.concentration.shape)
        log_q = self.density.log_density(weights, by_name["mu"].reshape(shape), by_name["sd"].reshape(shape))
        return log_q + self.model.log_jacobian(x)
