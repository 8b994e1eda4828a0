"""Mixtures of multivariate t distributions: Gaussians' centres with tails that importance weights survive."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln, logsumexp

from pipeline.variational.mixture import Mixture


@dataclass(frozen=True)
class StudentMixture:
    """A mixture of multivariate t distributions in Stan's unconstrained space.

    Attributes:
        log_weight: normalised log weights.
        mean: location of each component.
        chol: lower Cholesky factor of each component's scale matrix; the covariance is
            freedom / (freedom - 2) times as large.
        freedom: degrees of freedom of each component, above 2.
    """

    log_weight: Float[np.ndarray, " component"]
    mean: Float[np.ndarray, "component dim"]
    chol: Float[np.ndarray, "component dim dim"]
    freedom: Float[np.ndarray, " component"]

    def draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n dim"]:
        """Return independent draws."""
        return self._from(rng.choice(len(self.mean), size=n, p=np.exp(self.log_weight)), rng)

    def stratified(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n dim"]:
        """Return draws of which each component has its share, to within one."""
        at = (np.arange(n) + rng.random()) / n
        return self._from(np.searchsorted(np.cumsum(np.exp(self.log_weight))[:-1], at), rng)

    def _from(self, component: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, "draw dim"]:
        noise = rng.standard_normal((len(component), self.mean.shape[1]))
        freedom = self.freedom[component]
        spread = np.sqrt(freedom / rng.chisquare(freedom))
        return self.mean[component] + spread[:, None] * np.einsum("nij,nj->ni", self.chol[component], noise)

    def log_density(self, x: Float[np.ndarray, "draw dim"]) -> Float[np.ndarray, " draw"]:
        """Return the normalised log density at each row of x."""
        return np.asarray(logsumexp(self.joint(x)[0], axis=0))

    def joint(
        self, x: Float[np.ndarray, "draw dim"]
    ) -> tuple[Float[np.ndarray, "component draw"], Float[np.ndarray, "component draw"]]:
        """Return each component's log weighted density, and its squared distance (x - mu)' S^-1 (x - mu)."""
        dim, freedom = x.shape[1], self.freedom[:, None]
        gaussian = Mixture(self.log_weight, self.mean, self.chol).joint(x)
        distance = np.einsum("kni,kni->kn", gaussian.z, gaussian.z)
        log_norm = gammaln((freedom + dim) / 2) - gammaln(freedom / 2) - 0.5 * dim * np.log(freedom / 2)
        bend = 0.5 * distance - 0.5 * (freedom + dim) * np.log1p(distance / freedom)
        return gaussian.log_joint + log_norm + bend, distance
