"""What is written is read back by posteriordb's own Python package."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from posteriordb import PosteriorDatabase

from pipeline.errors import UserError
from pipeline.labels.runs import Labels
from pipeline.posterior import Posterior
from pipeline.posteriordb import write_database
from pipeline.reference import Reference
from pipeline.scenarios import get_scenario

CHAINS, DRAWS = 4, 60
CERTIFICATE = {
    "certified": True,
    "attempt": 1,
    "e_bfmi_min": 0.9,
    "ess_bulk_min": 900.0,
    "ess_tail_min": 800.0,
    "r_hat_max": 1.001,
    "divergences": 0,
    "treedepth_saturated": 0,
}


def reference_run(scenario, seed):
    rng = np.random.default_rng(seed)
    parameters = {
        name: rng.random((CHAINS, DRAWS, *shape)) for name, shape in scenario.parameter_shapes.items()
    }
    labels = None
    if scenario.label_axes:
        labels = Labels(
            scenario.label_axes, {}, {}, np.zeros((CHAINS, DRAWS)), np.arange(1), np.ones((1, 1, 1))
        )
    return Posterior(parameters, np.zeros((CHAINS, DRAWS, 1)), np.zeros((CHAINS, DRAWS)), {}, labels=labels)


def written(folder, name):
    scenario = get_scenario(name, {})
    data_sets = dict(enumerate(scenario.data_sets([1, 2, 3][: scenario.n_datasets])))
    references = {i: reference_run(scenario, i) for i in (0, 1) if i in data_sets}
    certificates = {0: CERTIFICATE, 1: {**CERTIFICATE, "certified": False}, 2: CERTIFICATE}
    names = write_database(
        folder, name, scenario, data_sets, references, certificates, Reference(draws=DRAWS), seed=7
    )
    return scenario, data_sets, references, names


def test_certified_references_are_read_by_posteriordb(tmp_path):
    scenario, data_sets, references, names = written(tmp_path, "hmm-ordered")
    database = PosteriorDatabase(str(tmp_path))
    # The second has no certificate, the third no draws.
    assert names == database.posterior_names() == ["hmm_ordered_0-hmm_ordered"]
    posterior = database.posterior(names[0])
    assert posterior.data.values() == scenario.stan_data(data_sets[0])
    assert posterior.model.code("stan") == scenario.stan_file.read_text()
    draws = posterior.reference_draws()
    assert len(draws) == CHAINS
    expected = references[0].scalars()
    assert list(draws[2]) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(draws[2][name], values[2])
    found = posterior.reference_draws_info()
    assert found["diagnostics"]["diagnostic_information"]["names"] == list(expected)
    assert found["inference"]["method_arguments"]["warmup"] == 1000
    assert found["diagnostics"]["ndraws"] == CHAINS * DRAWS and not found["checks_made"]["ndraws_is_10k"]
    assert found["comments"] is None
    assert all(passed for check, passed in found["checks_made"].items() if check != "ndraws_is_10k")


def test_exchangeable_references_go_through_all_labellings(tmp_path):
    _, _, references, names = written(tmp_path, "gmm-exchangeable")
    posterior = PosteriorDatabase(str(tmp_path)).posterior(names[0])
    draws = posterior.reference_draws()
    assert "permutations" in posterior.reference_draws_info()["comments"]
    given = references[0].parameters
    copies = list(itertools.permutations(range(3)))
    seen = set()
    for chain, draw in itertools.product(range(CHAINS), range(DRAWS)):
        found = [draws[chain][f"mu[{k + 1}]"][draw] for k in range(3)]
        order = next(c for c in copies if np.array_equal(given["mu"][chain, draw][list(c)], found))
        assert [draws[chain][f"pi[{k + 1}]"][draw] for k in range(3)] == pytest.approx(
            given["pi"][chain, draw][list(order)]
        )
        seen.add(order)
    assert seen == set(copies)


def test_importance_sampled_references_say_what_they_are(tmp_path):
    scenario = get_scenario("gmm-exchangeable", {})
    (data,) = scenario.data_sets([1])
    weighed = dict.fromkeys(["e_bfmi_min", "divergences", "treedepth_saturated"])
    certificate = {
        **CERTIFICATE,
        **weighed,
        "attempt": 4,
        "pareto_k": 0.3,
        "ess_weights": 9e3,
        "reason": "drawn by importance",
    }
    arguments = {0: data}, {0: reference_run(scenario, 0)}, {0: certificate}, Reference(draws=DRAWS)
    (name,) = write_database(tmp_path, "gmm-exchangeable", scenario, *arguments, seed=7)
    found = PosteriorDatabase(str(tmp_path)).posterior(name).reference_draws_info()
    assert found["inference"]["method"] == "importance_sampling"
    assert "permutations" in found["comments"] and found["comments"].endswith("drawn by importance.")
    assert found["checks_made"]["efmi_above_0_2"] is None and found["checks_made"]["r_hat_below_1_01"]


def test_the_documented_example_reads_back_what_is_written(tmp_path, monkeypatch):
    """docs/posteriordb.md: the galaxies' reference as a scenario of its own, memberships and all."""
    document = Path(__file__).parents[1] / "docs" / "posteriordb.md"
    blocks = re.findall(r"```yaml\n(.*?)```", document.read_text(), re.DOTALL)
    block = yaml.safe_load(blocks[-1])["scenarios"]["velocities"]
    monkeypatch.chdir(tmp_path)
    scenario, data_sets, references, names = written(tmp_path / block["database"], "galaxies")
    assert names == [block["posterior"]]
    found = get_scenario("velocities", block)
    assert (found.family, found.n_components) == (scenario.family, scenario.n_components)
    assert found.parameter_shapes == scenario.parameter_shapes
    assert found.stan_file.read_text() == scenario.stan_file.read_text()
    (data,) = found.data_sets([1])
    np.testing.assert_array_equal(data.y, data_sets[0].y)
    assert found.stan_data(data) == scenario.stan_data(data_sets[0])
    published = found.published_reference()
    assert published is not None and (published.divergences, published.e_bfmi_min) == (0, 0.9)
    for name, values in references[0].scalars().items():
        np.testing.assert_array_equal(published.draws[name], values)
    draws = {name: values[0] for name, values in references[0].parameters.items()}
    assert found.memberships(data, draws).keys() == {"membership"}
    np.testing.assert_allclose(
        found.memberships(data, draws)["membership"], scenario.memberships(data, draws)["membership"]
    )


@pytest.mark.parametrize("block", [0, 1])
def test_documented_blocks_have_known_settings(block):
    document = Path(__file__).parents[1] / "docs" / "posteriordb.md"
    blocks = re.findall(r"```yaml\n(.*?)```", document.read_text(), re.DOTALL)
    for name, settings in yaml.safe_load(blocks[block])["scenarios"].items():
        with pytest.raises(UserError, match=r"database: .*: there is no such folder"):
            get_scenario(name, {**settings, "database": "/nowhere"})
