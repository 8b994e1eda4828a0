"""What every method must fulfil, on any data set."""

import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.fitting import complete
from pipeline.methods import get_method
from pipeline.methods.base import Fit, Method, Task, TrainedMethod, check_fit
from pipeline.posterior import Posterior
from pipeline.scenarios.base import DataSet, Scenario
from pipeline.stan.build import Built
from pipeline.stan.model import BoundModel

PHASES = {"build", "warmup", "sample", "infer", "correct"}


def run(method: Method, scenario: Scenario, data: DataSet, built: Built, seed: int, cores: int = 2):
    """Fit once in a folder of its own, gone with the model; return the task and the fit."""
    folder = Path(tempfile.mkdtemp(prefix="contract-"))
    model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, folder)
    weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
    task = Task(scenario, data, model, seed, cores)
    return task, method.fit(task)


def ready(method: Method, scenario: Scenario, folder: Path, built: Built, steps: int = 200) -> Method:
    """Return a method that can fit: one with a network trains it for a few steps first.

    After 40 steps the density of an untrained mixture density network is still so spread out that the check
    of its normalisation has no power.
    """
    if not isinstance(method, TrainedMethod):
        return method
    owner = method
    if method.network_of:
        owner = get_method(method.network_of, {})
    checkpoint = folder / f"{scenario.name}-{owner.name}.checkpoint"
    if not checkpoint.exists():
        # The field every trained method of this suite has; plug-ins may bring a short default instead.
        has_steps = hasattr(owner, "train_steps")
        short = replace(owner, train_steps=steps) if has_steps else owner  # pyright: ignore[reportArgumentType]
        assert isinstance(short, TrainedMethod)
        assert [phase.phase for phase in short.train(scenario, 7, checkpoint, built)] == ["train"]
    loaded, phases = method.load(scenario, checkpoint)
    assert {phase.phase for phase in phases} <= {"build"}
    return loaded


def check_method(method: Method, scenario: Scenario, data: DataSet, built: Built) -> None:
    """Assert the contract of docs/adding-a-method.md."""
    task, fit = run(method, scenario, data, built, seed=11)
    check_draws(task, fit)
    check_times(fit)
    check_determinism(method, scenario, data, built, fit)
    if fit.approximation is not None:
        check_density(task, fit)


def check_draws(task: Task, fit: Fit) -> None:
    """Draws are finite, in the parameters' support, and the memberships that follow from them."""
    chains, draws = fit.flat.shape[:2]
    check_fit(task, fit)
    assert chains >= 1 and draws >= 100, f"{chains} chains of {draws} draws; at least 100 draws are needed"
    posterior = complete(task, fit)
    back = task.model.constrain(posterior.unconstrained.reshape(-1, task.model.dim))
    # Draws with exchangeable labels come back relabelled.
    flat = task.model.flatten(posterior.parameters) if task.scenario.label_axes else fit.flat
    np.testing.assert_allclose(back.reshape(flat.shape), flat, rtol=1e-6, atol=1e-9)
    assert np.isfinite(posterior.log_p).all(), "draws where the program's log density is not finite"
    check_memberships(task, fit, posterior)


def check_memberships(task: Task, fit: Fit, posterior: Posterior) -> None:
    """A method's own sum to one in every batch; those that follow from its draws are their mean."""
    for values in (fit.memberships or {}).values():
        np.testing.assert_allclose(values.sum(axis=-1), 1, atol=1e-9)
    if fit.memberships:
        return
    draws = {name: x.reshape(-1, *x.shape[2:]) for name, x in posterior.parameters.items()}
    for kind, p in task.scenario.memberships(task.data, draws).items():
        np.testing.assert_allclose(posterior.memberships[kind].mean(axis=0), p.mean(axis=0), atol=1e-9)


def check_times(fit: Fit) -> None:
    """Phases bear the names of timings.csv and took time."""
    assert {phase.phase for phase in fit.phases} <= PHASES
    assert all(phase.wall_s > 0 and phase.cpu_s >= 0 for phase in fit.phases)


def check_determinism(method: Method, scenario: Scenario, data: DataSet, built: Built, fit: Fit) -> None:
    """The seed decides the draws, whatever the number of cores."""
    again = run(method, scenario, data, built, seed=11, cores=1)[1]
    np.testing.assert_array_equal(again.flat, fit.flat)
    other = run(method, scenario, data, built, seed=12)[1]
    assert not np.array_equal(other.flat, fit.flat)


def check_density(task: Task, fit: Fit) -> None:
    """The density is normalised and its raw draws come from it.

    With r drawn from q, E[g(r) / q(r)] = 1 for any density g. Taking for g a Gaussian around the densest draw
    with the moments of the quarter of the draws nearest to it, shrunk so that its tails lie inside q's, gives
    a weight of small variance, also where q has several modes; a constant left out of q moves the mean of the
    weights, and draws from elsewhere do too.
    """
    approximation = fit.approximation
    assert approximation is not None
    raw = approximation.raw
    assert raw.ndim == 2 and raw.shape[1] == task.model.dim and len(raw) >= 100, (
        f"raw draws of shape {raw.shape}; they must be unconstrained, (draw, {task.model.dim}), 100 or more"
    )
    log_q = approximation.density.log_density(raw)
    centre = raw[np.argmax(log_q)]
    scale = 1.5 * np.median(np.abs(raw - centre), axis=0)
    distance = (((raw - centre) / scale) ** 2).sum(axis=1)
    near = raw[distance <= np.quantile(distance, 0.25)]
    covariance = np.atleast_2d(np.cov(near.T)) * 0.5
    z = np.linalg.solve(np.linalg.cholesky(covariance), (raw - centre).T)
    log_g = -0.5 * (z**2).sum(axis=0) - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    weights = np.exp(log_g - log_q)
    error = weights.std(ddof=1) / np.sqrt(len(weights))
    assert abs(weights.mean() - 1) < 4.5 * error + 1e-9, (
        "the density is not normalised, or the raw draws are not its own: weights of mean 1 have mean "
        f"{weights.mean():.3g}, with error {error:.2g}"
    )
    assert error < 0.2, "the check has no power"


def shifted(fit: Fit, by: float) -> Fit:
    """Return a fit whose raw draws do not come from its density, for testing the contract itself."""
    assert fit.approximation is not None
    return replace(fit, approximation=replace(fit.approximation, raw=fit.approximation.raw + by))
