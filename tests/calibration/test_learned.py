"""Checks of networks that learned from simulations alone, on posteriors that are known."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import stats

from pipeline.amortized.hosted import Proposals
from pipeline.calibration import unlike
from pipeline.calibration.altered import alter
from pipeline.calibration.learned import check_learned
from pipeline.calibration.learned_flag import Learned
from pipeline.calibration.settings import Checks
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import DataSet, Scenario

pytestmark = pytest.mark.slow
PROGRAM = """\
data { int N; vector[N] y; }
parameters { array[2] vector[1] mu; }
model { mu[1] ~ std_normal(); mu[2] ~ std_normal(); y ~ normal(mu[1][1], 1); }
"""


@dataclass(frozen=True)
class OneMean(Scenario):
    """mu[1] ~ Normal(0, 1), y_n ~ Normal(mu[1], 1), and mu[2] that nothing is said of."""

    name: ClassVar[str] = "one-mean"
    family: ClassVar = "mixture"
    stan_program: ClassVar[str] = "one_mean.stan"
    n_components: ClassVar[int] = 1
    n_datasets: ClassVar[None] = None
    input_files: ClassVar[tuple[Path, ...]] = ()
    parameter_shapes: ClassVar[dict] = {"mu": (2, 1)}

    def data_sets(self, seeds):
        return [self._one(np.random.default_rng(seed)) for seed in seeds]

    def _one(self, rng):
        mu = rng.standard_normal((2, 1))
        return DataSet(mu[0] + rng.standard_normal((rng.integers(3, 21), 1)), {"mu": mu}, None)

    def stan_data(self, data):
        return {"N": len(data.y), "y": data.y[:, 0].tolist()}

    initial_values = memberships = lambda self, *_: {}


class Knowing:
    """Draws from the exact posterior, its standard deviation times a factor; knows 5 to 20 observations."""

    simulator = SimpleNamespace(scenario=OneMean(), n_obs=(5, 20))

    def __init__(self, factor):
        self.factor = factor

    def propose(self, task, n_draws):
        n = len(task.data.y)
        sd = np.array([self.factor / np.sqrt(n + 1), 1.0])
        mean = np.array([task.data.y.sum() / (n + 1), 0.0])
        x = mean + sd * np.random.default_rng(task.seed).standard_normal((n_draws, 2))
        return Proposals(x, task.model.log_density(x), stats.norm.logpdf(x, mean, sd).sum(axis=1))

    def describe(self, data_sets):
        y = [data.y[:, 0] for data in data_sets]
        return {"context": np.array([[one.mean(), np.log(one.std()), np.abs(one).max()] for one in y])}

    def true_parameters(self, task):
        return task.data.theta["mu"][:, 0]


@pytest.fixture(scope="module")
def built(built_model, tmp_path_factory):
    file = tmp_path_factory.mktemp("program") / "one_mean.stan"
    file.write_text(PROGRAM)
    return built_model(file)


def check(built, factor) -> tuple[dict[str, Any], Any]:
    hosted: Any = Knowing(factor)
    return check_learned(hosted, built, Checks(200, 199), lambda i, purpose: 10_000 * len(purpose) + i)


def test_an_exact_posterior_passes(built):
    summary, table = check(built, factor=1.0)
    assert [row["quantity"] for row in summary["calibration"]] == ["mu[1,1]", "mu[2,1]", "log joint"]
    assert all(row["inside"] for row in summary["calibration"])
    assert abs(summary["accuracy"]["kl"]) < 1e-6 and summary["accuracy"]["efficiency_5"] > 1 - 1e-6
    known, unknown = summary["recovery"]
    assert known["correlation"] > 0.9 and known["contraction"] > 0.8 and abs(unknown["contraction"]) < 0.1
    assert table["n_obs"].between(5, 20).all() and len(table) == 200
    assert {row["by"] for row in summary["bins"]} == {"observations"}


def test_strange_data_are_flagged_and_weighed(built):
    summary, table = check(built, factor=1.0)
    shares = {(row["data"], row["by"]): row["flagged"] for row in summary["unlike"]}
    assert set(shares) == {(d, by) for d in ("as simulated", "outliers") for by in ("context", "any")}
    assert shares["as simulated", "any"] == table["flagged"].mean() < 0.05
    assert shares["outliers", "any"] > 0.9
    # The posterior is exact whatever the data.
    assert [(row["data"], row["n"]) for row in summary["altered"]] == [
        ("as simulated", 200),
        ("outliers", 50),
    ]
    assert all(abs(row["kl"]) < 1e-6 for row in summary["altered"])


def test_residuals_of_gaussian_components_are_looked_at(built_model):
    scenario = get_scenario("gmm-exchangeable", {"n_components": 2})

    class Certain(Knowing):
        """Knows the parameters."""

        simulator = SimpleNamespace(scenario=scenario)

        def propose(self, task, n_draws):
            x = task.model.unconstrain(task.model.flatten({k: v[None] for k, v in task.data.theta.items()}))
            return Proposals(np.repeat(x, n_draws, axis=0), np.zeros(n_draws), np.zeros(n_draws))

    certain: Any = Certain(1.0)
    learned = Learned(certain, built_model(scenario.stan_file))
    data_sets = scenario.prior_predictive(np.random.default_rng(1), 500)
    usual = learned.features(data_sets, range(500))
    # Normal at the truth: sqrt(n) times their mean, and cosines of their ranks.
    assert np.abs(usual["residuals"][:, 0].std() - 1) < 0.15 and usual["shape"].std() == pytest.approx(
        1, abs=0.1
    )
    flag = unlike.calibrate(usual)
    for kind in ("heavy tails", "outliers"):
        flags = flag.flags(learned.features(alter(kind, scenario, data_sets[:50], 1), range(50)))
        assert flags["residuals"].mean() > 0.7


def test_too_narrow_a_posterior_does_not(built):
    summary, table = check(built, factor=0.5)
    inside = {row["quantity"]: row["inside"] for row in summary["calibration"]}
    assert inside == {"mu[1,1]": False, "mu[2,1]": True, "log joint": False}
    assert summary["accuracy"]["kl"] > 0.2
    # Weights of a normal proposal with half the scale have a Pareto tail of index 1 - 1/4.
    assert abs(table["pareto_k"].median() - 0.75) < 0.2
