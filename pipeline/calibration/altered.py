"""Data sets unlike the simulations that a network was trained on: each kind breaks one assumption."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pipeline.amortized.support import is_in_jax
from pipeline.errors import UserError
from pipeline.scenarios.base import DataSet, Scenario
from pipeline.scenarios.free_gaussians import FreeScenario
from pipeline.scenarios.prior_draws import draw_data_sets

DEGREES_OF_FREEDOM = 2.5  # of the heavy tails: a standard deviation of sqrt(5) times the scale
OUTLIER_SHARE = 0.05
OUTLIER_SHIFT = 8.0  # standard deviations


def heavy_tails(scenario: Scenario, data: DataSet, rng: np.random.Generator) -> DataSet:
    """Draw every replicate anew with noise by Student's t, of the scale that the scenario's noise has."""
    assert data.theta is not None and data.z is not None
    noise = rng.standard_t(DEGREES_OF_FREEDOM, size=data.y.shape)
    return replace(data, y=data.theta["mu"][data.z][:, None] + _sd(scenario, data) * noise)


def outliers(scenario: Scenario, data: DataSet, rng: np.random.Generator) -> DataSet:
    """Shift a twentieth of the observations, at random, by eight standard deviations up or down.

    Where nothing is known of the observations but what they look like, whole numbers stay whole, and what is
    never negative does not become so.
    """
    n = len(data.y)
    chosen = rng.permutation(n)[: max(1, round(OUTLIER_SHARE * n))]
    shift = np.broadcast_to(OUTLIER_SHIFT * _sd(scenario, data), data.y.shape)[chosen]
    y = data.y.copy()
    y[chosen] += shift * rng.choice([-1.0, 1.0], size=(len(chosen), 1))
    if not is_in_jax(scenario) and not isinstance(scenario, FreeScenario):
        y = np.where((data.y >= 0).all(axis=0), np.abs(y), y)
        y = np.where((data.y == np.rint(data.y)).all(axis=0), np.rint(y), y)
    return replace(data, y=y)


def extra_component(scenario: Scenario, data: DataSet, rng: np.random.Generator) -> DataSet:
    """Draw a data set of the same size that has one more component (state) than the scenario.

    The means' prior goes on with the same spacing about the same centre, the weights' (each row of the
    transition's) with the same concentration. Exchangeable components have one more of their kind.
    """
    if isinstance(scenario, FreeScenario):
        return draw_data_sets(scenario.with_one_more(), np.array([len(data.y)]), rng)[0]
    prior = np.asarray(scenario.mu_mean)  # pyright: ignore[reportAttributeAccessIssue]
    n_components = len(prior) + 1
    step = (prior[-1] - prior[0]) / (len(prior) - 1)
    centres = prior.mean() + step * (np.arange(n_components) - (n_components - 1) / 2)
    while True:
        mu = rng.normal(centres, scenario.mu_sd)  # pyright: ignore[reportAttributeAccessIssue]
        if (np.diff(mu) > 0).all():
            break
    n = len(data.y)
    if scenario.family == "mixture":
        concentration = scenario.pi_concentration[0]  # pyright: ignore[reportAttributeAccessIssue]
        z = rng.choice(n_components, size=n, p=rng.dirichlet(np.full(n_components, concentration)))
    else:
        z = _chain(scenario, n_components, n, rng)
    return DataSet(mu[z][:, None] + _sd(scenario, data) * rng.standard_normal(data.y.shape))


def _chain(scenario: Scenario, n_states: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a path: the scenario's prior for staying, and leaving shared out evenly at random."""
    p_stay = rng.beta(*scenario.p_stay_shape, size=n_states)  # pyright: ignore[reportAttributeAccessIssue]
    transition = np.diag(p_stay)
    for k in range(n_states):
        others = [j for j in range(n_states) if j != k]
        transition[k, others] = (1 - p_stay[k]) * rng.dirichlet(np.full(n_states - 1, 2.0))
    z = np.empty(n, int)
    z[0] = rng.integers(n_states)
    for t in range(1, n):
        z[t] = rng.choice(n_states, p=transition[z[t - 1]])
    return z


def _sd(scenario: Scenario, data: DataSet) -> float | Float[np.ndarray, "#obs column"]:
    """Return the noise's standard deviation; where nothing is known of it, that of all observations."""
    if is_in_jax(scenario):
        return scenario.sd  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(scenario, FreeScenario):
        assert data.theta is not None and data.z is not None
        return data.theta["sd"][data.z][:, None]
    return data.y.std(axis=0, keepdims=True)


KINDS: dict[str, Callable[[Scenario, DataSet, np.random.Generator], DataSet]] = {
    "heavy tails": heavy_tails,
    "extra component": extra_component,
    "outliers": outliers,
}


def kinds_for(scenario: Scenario) -> list[str]:
    """Return the kinds that can be made of a scenario's data sets: of a user's own program, outliers."""
    if is_in_jax(scenario):
        return list(KINDS)
    if not isinstance(scenario, FreeScenario):
        return ["outliers"]
    try:
        scenario.with_one_more()
    except UserError:  # there are as many components as are allowed
        return ["heavy tails", "outliers"]
    return list(KINDS)


def alter(kind: str, scenario: Scenario, data_sets: Sequence[DataSet], seed: int) -> list[DataSet]:
    """Return each data set altered in one of the ways of `KINDS`."""
    rng = np.random.default_rng(seed)
    return [KINDS[kind](scenario, data, rng) for data in data_sets]
