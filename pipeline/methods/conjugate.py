"""Peers: variational Bayes of scikit-learn (mixtures) and hmmlearn (HMMs), under conjugate priors.

Their model is the suite's but for two things. The prior of a mean is Normal with the component's own variance
over ``mean_precision``, in place of one that does not depend on it; ``mean_precision`` is chosen so that the
prior's mean variance is the scenario's. And hmmlearn learns the distribution of the first state, which the
scenario knows; with a single series that decides next to nothing.
"""

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.methods import register
from pipeline.methods.base import Approximation, Fit, Method, MethodFailed, Task
from pipeline.scenarios.base import Family, Scenario
from pipeline.scenarios.checks import check_positive
from pipeline.timing import Stopwatch

if TYPE_CHECKING:
    from pipeline.variational.conjugate import Conjugate

_OTHER_MODEL = (
    "another model: the prior variance of a mean is the component's own over a constant, chosen to match the "
    "scenario's on average"
)
_OTHER_START = "; the distribution of the first state is learnt, where the scenario knows it"
TOLERANCE = 1e-6  # nats an observation of the bound from one iteration to the next


@dataclass(frozen=True)
class _Conjugate(Method):
    """The best of several runs from k-means, by its bound.

    Attributes:
        starts: runs.
        draws: from the variational posterior.
        max_iterations: of each run.
    """

    family: ClassVar[Family]
    weights: ClassVar[str]
    starts: int = 4
    draws: int = 1000
    max_iterations: int = 2000

    def __post_init__(self) -> None:
        """Refuse numbers without meaning.

        Raises:
            UserError: a number is not positive.
        """
        for key in ("starts", "draws", "max_iterations"):
            check_positive(key, getattr(self, key))

    def obstacle(self, scenario: Scenario) -> str:
        """Return that the scenario is another model than the package's."""
        wanted = {self.weights, "mu", "sd"}
        if scenario.family == self.family and scenario.label_axes.keys() == wanted:
            return ""
        return (
            f"Scenario {scenario.name} is another model: {self.name} has a {self.family} of unordered "
            f"Gaussians with unknown {self.weights}, mu and sd."
        )

    def fit(self, task: Task) -> Fit:
        """Run, keep the best, draw."""
        from pipeline.variational.conjugate import Unconstrained

        prior = task.scenario.stan_data(task.data)
        # 1 / sd^2 ~ Gamma(dof / 2, rate scale / 2), and the variance of a mean is E[sd^2] / mean_precision.
        expected_variance = prior["variance_scale"] / max(prior["variance_shape"] - 1, 0.5)
        matched = {
            "concentration": float(prior["concentration"][0]),
            "mean": float(prior["mu_mean"]),
            "mean_precision": expected_variance / prior["mu_sd"] ** 2,
            "dof": 2.0 * prior["variance_shape"],
            "scale": 2.0 * prior["variance_scale"],
        }
        with Stopwatch() as watch:
            found = self._run(task, matched)
            drawn = found.draw(self.draws, np.random.default_rng([task.seed, 1]))
            shapes = task.scenario.parameter_shapes
            parameters = {name: drawn[name].reshape(-1, *shape) for name, shape in shapes.items()}
            flat = task.model.flatten(parameters)
        unconstrained = task.model.unconstrain(flat)
        return Fit(
            flat[None],
            [watch.phase("infer")],
            Approximation(Unconstrained(found, task.model), unconstrained),
            unconstrained=unconstrained[None],
            note=_OTHER_MODEL + (_OTHER_START if self.family == "hmm" else ""),
        )

    def _run(self, task: Task, prior: dict[str, float]) -> "Conjugate":
        raise NotImplementedError


@register
@dataclass(frozen=True)
class SklearnVb(_Conjugate):
    """scikit-learn's ``BayesianGaussianMixture`` with diagonal covariances."""

    name: ClassVar[str] = "sklearn-vb"
    family: ClassVar[Family] = "mixture"
    weights: ClassVar[str] = "pi"

    def _run(self, task: Task, prior: dict[str, float]) -> "Conjugate":
        from sklearn.mixture import BayesianGaussianMixture

        from pipeline.variational.conjugate import Conjugate

        y = task.data.y
        fitted = BayesianGaussianMixture(
            n_components=task.scenario.n_components,
            covariance_type="diag",
            tol=TOLERANCE * len(y),
            max_iter=self.max_iterations,
            n_init=self.starts,
            weight_concentration_prior_type="dirichlet_distribution",
            weight_concentration_prior=prior["concentration"],
            mean_precision_prior=prior["mean_precision"],
            mean_prior=np.full(y.shape[1], prior["mean"]),
            degrees_of_freedom_prior=prior["dof"],
            covariance_prior=np.full(y.shape[1], prior["scale"]),
            random_state=task.seed,
        ).fit(y)
        if not fitted.converged_:
            raise MethodFailed(f"the bound still grew after {self.max_iterations} iterations")
        return Conjugate(
            self.weights,
            np.atleast_2d(fitted.weight_concentration_),  # pyright: ignore[reportArgumentType]
            fitted.means_,
            fitted.covariances_ * fitted.degrees_of_freedom_[:, None],
            fitted.mean_precision_,
            fitted.degrees_of_freedom_,
        )


@register
@dataclass(frozen=True)
class HmmlearnVb(_Conjugate):
    """hmmlearn's ``VariationalGaussianHMM``."""

    name: ClassVar[str] = "hmmlearn-vb"
    family: ClassVar[Family] = "hmm"
    weights: ClassVar[str] = "transition"

    def __post_init__(self) -> None:
        """Refuse numbers without meaning, and a missing package before any long work.

        Raises:
            UserError: a number is not positive, or hmmlearn is not installed.
        """
        super().__post_init__()
        require_peer("hmmlearn")

    def _run(self, task: Task, prior: dict[str, float]) -> "Conjugate":
        from pipeline.variational.conjugate import Conjugate

        runs = [
            self._one(task.data.y, task.scenario.n_components, prior, [task.seed, i])
            for i in range(self.starts)
        ]
        best = max(runs, key=lambda run: run.monitor_.history[-1])
        if not best.monitor_.converged:
            raise MethodFailed(f"the bound still grew after {self.max_iterations} iterations")
        return Conjugate(
            self.weights,
            best.transmat_posterior_,
            best.means_posterior_,
            best.scale_posterior_,
            best.beta_posterior_,
            best.dof_posterior_,
        )

    def _one(
        self, y: Float[np.ndarray, "obs 1"], n_components: int, prior: dict[str, float], seed: list[int]
    ) -> Any:
        from hmmlearn.vhmm import VariationalGaussianHMM

        return VariationalGaussianHMM(
            n_components,
            covariance_type="diag",
            startprob_prior=np.ones(n_components),
            transmat_prior=np.full((n_components, n_components), prior["concentration"]),
            means_prior=np.full((n_components, 1), prior["mean"]),
            beta_prior=np.full(n_components, prior["mean_precision"]),
            dof_prior=np.full(n_components, prior["dof"]),
            scale_prior=np.full((n_components, 1), prior["scale"]),
            n_iter=self.max_iterations,
            tol=TOLERANCE * len(y),
            random_state=int(np.random.default_rng(seed).integers(2**31)),
        ).fit(y)


def require_peer(package: str) -> None:
    """Refuse a method whose package is not installed.

    Raises:
        UserError: it is not.
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f"the package {package} is not installed. Install it with "
            "`.venv/bin/pip install -c constraints.txt -e '.[peers]'`, or leave this method out."
        )
