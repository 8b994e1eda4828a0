"""Posteriors by importance sampling, where chains cannot tell how much mass each of their modes has.

Chains that sit in different modes say where the modes are and nothing of their shares; chains that all sit in
one may have missed another. So modes are searched for from many starts. A mixture of t distributions begins
at them and at all draws of the chains, and moves to the posterior by expectation maximisation on its own
weighted draws (population Monte Carlo: Cappé, Douc, Guillin, Marin and Robert 2008, Statistics and Computing
18). Fresh draws from its last state are then of the posterior, whatever the shares of modes among the chains,
as far as k-hat and effective size of their weights vouch for them. A mode that no start and no chain found
stays unknown.

Where labels are exchangeable, the mixture knows one copy of every mode, and its density at a point is the
mean over all permutations of the labels. No copy then ends where another one begins, as it would if draws
were ordered by a parameter.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import logsumexp

from pipeline.certificates import MIN_ESS_WEIGHTS
from pipeline.exchangeable import MAX_COPIES, Copies
from pipeline.methods.base import Task
from pipeline.pareto_k import MAX_PARETO_K
from pipeline.seeds import derive_seed
from pipeline.variational.refine import maximised
from pipeline.variational.student import StudentMixture
from pipeline.variational.target import StanTarget

N_STARTS = 60  # of the search for modes: a fifth of a second for the mixtures of this suite
JITTER = (0.0, 0.5, 1.0, 2.0)  # sds of noise, in turn: starts of the scenario's own find too few modes
PRECISE = {"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-7}
N_GROUPS = 8  # t distributions for the chains' draws; several of them follow one bent mode
N_DRAWS = 4000  # of each round of adaptation
N_ROUNDS = 4
MAX_STEPS = 10  # of expectation maximisation a round; the next one has draws of its own
TRIES = (20_000, 40_000)  # final draws; the second try, after further rounds, where weights are too uneven
FREEDOM = 6.0  # tails heavier than those of any posterior here, light enough for a dozen dimensions
NEAR = 9.0  # squared standard deviations a dimension within which two maxima are on one ridge


@dataclass(frozen=True)
class Weighed:
    """Weighted draws of a posterior.

    Attributes:
        x: in Stan's unconstrained space; where labels are exchangeable, under all of them alike.
        log_weight: normalised and Pareto-smoothed.
        pareto_k: k-hat of the weights before smoothing.
        shares: of the modes that the search found, the largest first: by weighted draws nearest to each.
    """

    x: Float[np.ndarray, "draw dim"]
    log_weight: Float[np.ndarray, " draw"]
    pareto_k: float
    shares: tuple[float, ...]

    @property
    def ess(self) -> float:
        """Effective size: the square of the weights' sum over the sum of their squares (Kish 1965)."""
        return float(1 / (np.exp(self.log_weight) ** 2).sum())

    def resampled(self, n: int, seed: int) -> Float[np.ndarray, "n dim"]:
        """Return draws of equal weight in an order that means nothing."""
        from pipeline.importance import resample  # imports ArviZ, which takes seconds

        return self.x[resample(self.log_weight, n, np.random.default_rng(seed))]


@dataclass(frozen=True)
class Mode:
    """A local maximum of the log density, with the Gaussian of its curvature.

    Attributes:
        at: where it is.
        chol: lower Cholesky factor of the Gaussian's covariance.
    """

    at: Float[np.ndarray, " dim"]
    chol: Float[np.ndarray, "dim dim"]

    def distance(self, x: Float[np.ndarray, "*batch dim"]) -> Float[np.ndarray, "*batch"]:
        """Return minus twice the Gaussian's log density, up to a constant that all modes share."""
        z = np.linalg.solve(self.chol, (x - self.at).reshape(-1, len(self.at)).T)
        return ((z**2).sum(axis=0) + 2 * np.log(np.diag(self.chol)).sum()).reshape(x.shape[:-1])


def weigh(task: Task, x: Float[np.ndarray, "draw dim"]) -> Weighed | None:
    """Weigh the modes of a posterior.

    Args:
        task: the data set.
        x: unconstrained draws of chains that need not have mixed, under labels that make copies one.

    Returns:
        Weighted draws; None where labels are exchangeable and their permutations too many.
    """
    copies = Copies(task)
    if len(copies) > MAX_COPIES:
        return None
    rng = np.random.default_rng(derive_seed(task.seed, "", 0, "", "weigh"))
    modes = search_modes(task, copies)
    proposal = _joined(_at_draws(x, rng), _at_modes(modes))
    for n in TRIES:
        for _ in range(N_ROUNDS):
            drawn, log_weight, _ = _drawn(task, copies, proposal, N_DRAWS, rng)
            weight = np.exp(log_weight)
            moved = maximised(proposal, drawn, weight, is_full_rank=True, max_steps=MAX_STEPS)
            proposal = moved or proposal
        drawn, log_weight, pareto_k = _drawn(task, copies, proposal, n, rng)
        # As of the posterior, a draw has any labels.
        x = drawn[rng.integers(len(copies), size=n), np.arange(n)]
        found = Weighed(x, log_weight, pareto_k, _shares(modes, copies, drawn, np.exp(log_weight)))
        if found.pareto_k < MAX_PARETO_K and found.ess > MIN_ESS_WEIGHTS:
            break
    return found


def search_modes(task: Task, copies: Copies) -> list[Mode]:
    """Return the maxima of the log density that many starts lead to, one copy of each.

    Starts are the scenario's own, or uniform from -2 to 2 as Stan's. Where the curvature is not that of a
    maximum, the search ended on a plateau, and nothing is returned for it.
    """
    target, model = StanTarget(task.model, 1), task.model
    rng = np.random.default_rng(derive_seed(task.seed, "", 1, "", "weigh"))

    def negative(x: np.ndarray) -> tuple[float, np.ndarray]:
        log_p, gradient = target(x[None])
        return (-log_p[0], -gradient[0]) if np.isfinite(log_p[0]) else (1e300, np.zeros_like(x))

    modes: list[Mode] = []
    given = task.starts(N_STARTS)
    for i in range(N_STARTS):
        start = rng.uniform(-2, 2, model.dim)
        if given is not None:
            values = {name: np.asarray(value)[None] for name, value in given[i].items()}
            start = model.unconstrain(model.flatten(values))[0]
            start = start + JITTER[i % len(JITTER)] * rng.standard_normal(model.dim)
        end = minimize(negative, start, jac=True, method="L-BFGS-B", options=PRECISE).x
        everywhere = copies.of(end[None])[:, 0]
        if any(mode.distance(everywhere).min() < mode.distance(mode.at) + 0.1 for mode in modes):
            continue
        curvature = np.linalg.eigh(-np.asarray(model.bridge.log_density_hessian(end)[2]))
        if curvature.eigenvalues[0] > 1e-6:
            covariance = curvature.eigenvectors / curvature.eigenvalues @ curvature.eigenvectors.T
            modes.append(Mode(end, np.linalg.cholesky(covariance)))
    return modes


def _drawn(
    task: Task, copies: Copies, proposal: StudentMixture, n: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "copy draw dim"], Float[np.ndarray, " draw"], float]:
    """Return draws under all labels, their normalised log weights and k-hat."""
    from pipeline.importance import smoothed  # imports ArviZ, which takes seconds

    x = copies.of(proposal.stratified(n, rng))
    log_q = np.stack([proposal.log_density(copy) for copy in x])
    log_weight, pareto_k = smoothed(task.model.log_density(x[0]) - logsumexp(log_q, axis=0))
    return x, log_weight, pareto_k


def _at_draws(x: Float[np.ndarray, "draw dim"], rng: np.random.Generator) -> StudentMixture:
    """Fit a mixture of t distributions to draws, by way of one of Gaussians."""
    from sklearn.mixture import GaussianMixture  # takes a second to import

    some = x[np.linspace(0, len(x) - 1, min(N_DRAWS, len(x))).round().astype(int)]
    centre, scale = some.mean(axis=0), some.std(axis=0)
    fit = GaussianMixture(N_GROUPS, reg_covar=1e-6, max_iter=200, random_state=int(rng.integers(2**31)))
    fit.fit((some - centre) / scale)
    weights, means, covariances = map(np.asarray, (fit.weights_, fit.means_, fit.covariances_))
    chol = scale[:, None] * np.linalg.cholesky(covariances)
    return StudentMixture(np.log(weights), centre + scale * means, chol, np.full(N_GROUPS, FREEDOM))


def _at_modes(modes: list[Mode]) -> StudentMixture | None:
    """Return an equal mixture of one t distribution around each mode."""
    if not modes:
        return None
    return StudentMixture(
        np.full(len(modes), -np.log(len(modes))),
        np.stack([mode.at for mode in modes]),
        np.stack([mode.chol for mode in modes]),
        np.full(len(modes), FREEDOM),
    )


def _joined(one: StudentMixture, other: StudentMixture | None) -> StudentMixture:
    """Return the equal mixture of two mixtures."""
    if other is None:
        return one
    both = [
        np.concatenate([getattr(x, name) for x in (one, other)])
        for name in ("log_weight", "mean", "chol", "freedom")
    ]
    return StudentMixture(both[0] - np.log(2), *both[1:])


def _shares(
    modes: list[Mode],
    copies: Copies,
    drawn: Float[np.ndarray, "copy draw dim"],
    weight: Float[np.ndarray, " draw"],
) -> tuple[float, ...]:
    """Return the mass of draws nearest to each mode, maxima on one ridge being one mode."""
    if not modes:
        return ()
    everywhere = copies.of(np.stack([mode.at for mode in modes]))
    apart = np.stack([mode.distance(everywhere).min(axis=0) - mode.distance(mode.at) for mode in modes])
    is_near = np.minimum(apart, apart.T) < NEAR * len(modes[0].at)
    count, ridge = connected_components(csr_array(is_near), directed=False)
    nearest = np.argmin([mode.distance(drawn).min(axis=0) for mode in modes], axis=0)
    return tuple(sorted(np.bincount(ridge[nearest], weight, count).tolist(), reverse=True))
