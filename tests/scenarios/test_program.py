"""A user's own Stan program with a simulator: the documented example, and what is said of faulty ones."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.amortized.checkpoints import identity_of
from pipeline.calibration.altered import alter
from pipeline.contracts.scenarios import CONTRACT
from pipeline.errors import UserError
from pipeline.scenarios import get_scenario
from pipeline.stan.model import BoundModel

DOCS = Path(__file__).parents[2] / "docs"


def block(document, language):
    found = re.search(rf"```{language}\n(.*?)```", (DOCS / document).read_text(), re.S)
    assert found
    return found[1]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder with the documented files, and the documented block's settings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/outliers.py").write_text(block("your-own-program.md", "python"))
    (tmp_path / "mine/outliers.stan").write_text(block("adding-a-scenario.md", "stan"))
    return yaml.safe_load(block("your-own-program.md", "yaml"))["scenarios"]["outliers"]


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(mine, check):
    check(get_scenario("outliers", mine))


def test_the_short_and_the_long_way_are_one_model(mine):
    """The simulator's memberships and data block are those of the class in adding-a-scenario.md."""
    scenario = get_scenario("outliers", mine)
    long_way: dict = {"__name__": "outliers"}
    exec(
        compile(block("adding-a-scenario.md", "python").replace("@dataclass", "# "), "doc", "exec"), long_way
    )
    other = object.__new__(long_way["Outliers"])
    data = scenario.data_sets([3])[0]
    assert scenario.stan_data(data) == other.stan_data(data)
    draws = {"share": np.array([0.1, 0.4]), "outlier_sd": np.array([2.0, 5.0])}
    np.testing.assert_allclose(
        scenario.memberships(data, draws)["membership"], other.memberships(data, draws)["membership"]
    )


FAULTS = [
    ("rng.beta(*SHARE_SHAPE)", "rng.beta(*SHARE)", "line 8: simulate failed: NameError"),
    ("import numpy as np", "import numpy as np, nothing_such", "line 1: importing it failed"),
    ("def stan_data", "def data_block", "defines no function stan_data"),
    ("return y, {", "return {", "simulate must return observations"),
    ("rng.standard_normal(len", "np.random.standard_normal(len", "other observations for the same rng"),
    (".astype(int)", ".astype(int) + 1", "[1, 2]; there must be one from 0 to 1"),
    ("return y, {", "return y[1:], {", "one from 0 to 1 for each observation"),
    ('return {"N"', 'return {"M": m, "N"', "stan_data failed: NameError"),
    ('return {"N"', 'return "N" or {"N"', "stan_data must return a dictionary, not 'N'"),
    ("return joint /", "return join /", "memberships failed: NameError"),
]


@pytest.mark.parametrize(("code", "fault", "said"), FAULTS, ids=[said for *_, said in FAULTS])
def test_faults_of_a_simulator_are_named_with_file_and_line(mine, code, fault, said):
    file = Path(mine["simulator"])
    assert code in file.read_text()
    file.write_text(file.read_text().replace(code, fault))
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        get_scenario("outliers", mine)
    assert "scenarios.outliers" in str(caught.value) and str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"stan": "mine/none.stan"}, "is no Stan program"),
        ({"simulator": "mine/none.py"}, "is no Python file"),
        ({"family": "tree"}, "family"),
        ({"exchangeable": ["share"]}, "share is no parameter with 2 components"),
        ({"n_components": 1}, "n_components"),
    ],
)
def test_wrong_settings_are_refused(mine, setting, said):
    with pytest.raises(UserError, match=said):
        get_scenario("outliers", {**mine, **setting})


def test_memberships_may_be_left_out_and_may_not_be_of_another_shape(mine):
    file = Path(mine["simulator"])
    code = file.read_text()
    draws = {"share": np.array([0.1]), "outlier_sd": np.array([2.0])}
    file.write_text(code.replace("def memberships", "def _memberships"))
    scenario = get_scenario("outliers", mine)
    assert scenario.memberships(scenario.data_sets([1])[0], draws) == {}
    file.write_text(code.replace("return joint /", "return joint[..., :1] /"))
    with pytest.raises(UserError, match="it must return arrays of shape"):
        get_scenario("outliers", mine)


def test_a_checkpoint_belongs_to_one_simulator(mine):
    scenario, file = get_scenario("outliers", mine), Path(mine["simulator"])
    before = identity_of(scenario, {})
    assert identity_of(get_scenario("outliers", mine), {}) == before
    file.write_text(file.read_text().replace("SD_SCALE = (2.0, 8.0), 5.0", "SD_SCALE = (2.0, 8.0), 6.0"))
    assert identity_of(get_scenario("outliers", mine), {}).scenario != before.scenario


@pytest.mark.slow
def test_parameters_in_another_order_than_the_programs_are_refused(mine, built_model, tmp_path):
    file = Path(mine["simulator"])
    ordered = '{"share": share, "outlier_sd": outlier_sd}'
    assert ordered in file.read_text()
    file.write_text(file.read_text().replace(ordered, '{"outlier_sd": outlier_sd, "share": share}'))
    scenario = get_scenario("outliers", mine)
    said = "parameters are share, outlier_sd; the scenario says outlier_sd, share"
    with pytest.raises(UserError, match=said):
        bound(built_model, scenario, tmp_path)
    bound(built_model, get_scenario("gmm-multivariate", {}), tmp_path)  # arrays of vectors, in Stan's order


def bound(built_model, scenario, folder):
    data = scenario.data_sets([1])[0]
    return BoundModel(
        built_model(scenario.stan_file), scenario.stan_data(data), scenario.parameter_shapes, folder
    )


COUNTS = {
    "counts.py": """
        import numpy as np

        def simulate(rng):
            theta, rate = rng.dirichlet([2, 2]), np.sort(rng.gamma(2, 5, size=2))
            z = rng.choice(2, size=120, p=theta)
            return rng.poisson(rate[z]), {"theta": theta, "rate": rate}, z

        def stan_data(y):
            return {"N": len(y), "y": y, "scale": 5.0, "shapes": [2.0, 2.5]}
        """,
    "counts.stan": """
        data { int N; array[N] int<lower=0> y; real scale; vector[2] shapes; }
        parameters { simplex[2] theta; positive_ordered[2] rate; }
        model {
          theta ~ dirichlet(rep_vector(2, 2));
          rate ~ gamma(2, 1 / scale);
          for (n in 1:N)
            target += log_mix(theta[1], poisson_lpmf(y[n] | rate[1]), poisson_lpmf(y[n] | rate[2]));
        }
        """,
}


@pytest.fixture
def counts(tmp_path):
    for name, text in COUNTS.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    files = {"stan": str(tmp_path / "counts.stan"), "simulator": str(tmp_path / "counts.py")}
    return get_scenario("counts", {"type": "program", "n_components": 2, **files})


def test_whole_numbers_are_integers_in_the_data_block(counts):
    data = counts.stan_data(counts.data_sets([1])[0])
    assert all(isinstance(value, int) for value in (data["N"], *data["y"], data["scale"]))
    assert data["shapes"] == [2, 2.5] and isinstance(data["shapes"][1], float)


def test_outliers_among_counts_are_counts(counts):
    data_sets = counts.data_sets(range(20))
    for before, after in zip(data_sets, alter("outliers", counts, data_sets, 0), strict=True):
        assert (after.y != before.y).mean() == pytest.approx(0.05, abs=0.02)
        assert (after.y >= 0).all() and (after.y == np.rint(after.y)).all()


@pytest.mark.slow
def test_counts_reach_stan(counts, built_model, tmp_path):
    data = counts.data_sets([1])[0]
    model = BoundModel(
        built_model(counts.stan_file), counts.stan_data(data), counts.parameter_shapes, tmp_path
    )
    assert np.isfinite(model.log_density(np.zeros((1, 3)))).all()
