"""Scenarios out of databases in posteriordb's layout, and what is said of damaged ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from pipeline.config import check_config
from pipeline.contracts.scenarios import CONTRACT
from pipeline.errors import UserError
from pipeline.scenarios import get_scenario
from pipeline.scenarios.posteriordb_files import find_posterior
from tests.scenarios.databases import (
    NAME,
    PROGRAM,
    ROLES,
    SCALARS,
    tiny_data,
    tiny_draws,
    write,
    write_tiny_database,
    write_zipped,
)

SAMPLE = Path(__file__).parents[3] / "shared" / "posteriordb-sample"
DATA = "data/data/tiny_data.json"
PROGRAM_FILE = "models/stan/tiny_mixture.stan"
DRAWS = f"reference_posteriors/draws/draws/{NAME}.json"


@pytest.fixture
def checkout(tmp_path):
    return write_tiny_database(tmp_path / "posteriordb")


def scenario_of(checkout, **settings):
    block = {"type": "posteriordb", "database": str(checkout), "posterior": NAME}
    return get_scenario("tiny", {**block, **settings})


def message(checkout, **settings):
    with pytest.raises(UserError) as caught:
        scenario_of(checkout, **settings)
    return str(caught.value)


def test_a_checkout_or_the_database_in_it(checkout):
    scenario = scenario_of(checkout)
    assert (scenario.family, scenario.n_components, scenario.label_axes) == ("mixture", 2, {})
    assert list(scenario.parameter_shapes.items()) == [("pi", (2,)), ("mu", (2,)), ("sd", (2,))]
    assert scenario.stan_file.read_text() == PROGRAM
    data = scenario.data_sets([1])[0]
    assert scenario.stan_data(data) == tiny_data() and data.theta is None and data.z is None
    again = scenario_of(checkout / "posterior_database")
    assert again.parameter_shapes == scenario.parameter_shapes


def test_draws_keep_their_chains_and_names(checkout):
    found = scenario_of(checkout).published_reference()
    assert found is not None
    for name in SCALARS:
        np.testing.assert_array_equal(found.draws[name], [chain[name] for chain in tiny_draws()])
    assert (found.divergences, found.e_bfmi_min, found.treedepth_saturated) == (0, 0.9, None)
    for part in (NAME, "10 chains of 100 draws", "stan_sampling", "rstan 2.19.2", "2020-05-25"):
        assert part in found.source


def test_without_draws_or_unwanted_ones_stan_samples(checkout, tmp_path):
    assert scenario_of(checkout, reference_draws=False).published_reference() is None
    bare = write_tiny_database(tmp_path / "bare", with_draws=False)
    assert scenario_of(bare).published_reference() is None


def test_unzipped_files_are_read_too(checkout):
    base = checkout / "posterior_database"
    (base / "data/data/tiny_data.json.zip").unlink()
    write(base / "data/data/tiny_data.json", tiny_data())
    assert scenario_of(checkout).data_sets([1])[0].y[3, 0] == tiny_data()["y"][3]


def test_without_roles_there_are_no_memberships(checkout):
    scenario = scenario_of(checkout)
    draws = {"pi": np.full((3, 2), 0.5), "mu": np.zeros((3, 2)), "sd": np.ones((3, 2))}
    assert scenario.memberships(scenario.data_sets([1])[0], draws) == {}


def test_roles_give_bayes_rule(checkout):
    scenario = scenario_of(checkout, **ROLES)
    data = scenario.data_sets([1])[0]
    draws = {"pi": np.array([[0.3, 0.7]]), "mu": np.array([[-1.0, 2.0]]), "sd": np.array([[0.5, 2.0]])}
    found = scenario.memberships(data, draws)["membership"][0]
    joint = draws["pi"] * stats.norm.pdf(data.y, draws["mu"], draws["sd"])
    np.testing.assert_allclose(found, joint / joint.sum(axis=1, keepdims=True), rtol=1e-9)


def test_scalars_constants_and_rows_of_the_transition_matrix(checkout):
    """The forms of posteriordb's own programs: log_mix with one probability, an HMM with a simplex a row."""
    base = checkout / "posterior_database"
    code = base / "models/stan/tiny_mixture.stan"
    code.write_text(
        "data { int N; vector[N] y; real s; } parameters { real<lower=0, upper=1> theta; ordered[2] mu; "
        "simplex[2] theta1; simplex[2] theta2; } model { }"
    )
    write_zipped(base / "data/data/tiny_data.json", {**tiny_data(), "s": 2.0})
    rng = np.random.default_rng(3)
    theta, mu = rng.random(4), np.sort(rng.normal(size=(4, 2)))
    rows = rng.dirichlet([1, 1], (2, 4))
    draws = {"theta": theta, "mu": mu, "theta1": rows[0], "theta2": rows[1]}
    mixture = scenario_of(checkout, reference_draws=False, weights="theta", mean="mu", sd="s")
    data = mixture.data_sets([1])[0]
    found = mixture.memberships(data, draws)["membership"][:, :, 0]
    first, second = (stats.norm.pdf(data.y.T, mu[:, [k]], 2.0) for k in (0, 1))
    share = theta[:, None]
    np.testing.assert_allclose(found, share * first / (share * first + (1 - share) * second), rtol=1e-9)
    hmm = scenario_of(
        checkout, reference_draws=False, family="hmm", transition=["theta1", "theta2"], mean="mu", sd=1.0
    )
    assert hmm.n_components == 2
    found = hmm.memberships(data, draws)
    forward = stats.norm.pdf(data.y[0], mu, 1.0)
    second = np.einsum("di,dij->dj", forward, np.moveaxis(rows, 0, 1)) * stats.norm.pdf(data.y[1], mu, 1.0)
    np.testing.assert_allclose(
        found["filtering"][:, 1], second / second.sum(axis=1, keepdims=True), rtol=1e-9
    )
    np.testing.assert_allclose(found["smoothing"].sum(axis=-1), 1, rtol=1e-9)


def test_labels_may_be_exchangeable(checkout):
    scenario = scenario_of(checkout, **ROLES, exchangeable=True)
    assert scenario.label_axes == {"pi": (0,), "mu": (0,), "sd": (0,)}


@pytest.mark.parametrize(
    "settings",
    [
        {"weights": "share", "mean": "mu", "sd": "sd"},
        {"weights": "pi", "mean": "mu", "sd": "scales"},
        {"family": "hmm", "transition": ["pi", "pi"], "mean": "mu", "sd": "sd"},
    ],
)
def test_labels_of_other_forms_cannot_be_exchanged(checkout, settings):
    data = {**tiny_data(), "share": 0.4, "scales": [1.0, 2.0]}
    write_zipped(checkout / "posterior_database" / DATA, data)
    assert scenario_of(checkout, **settings).label_axes == {}
    assert "exchangeable: labels can be permuted in" in message(checkout, **settings, exchangeable=True)


def test_several_series_and_counts_stay_what_they_are(checkout):
    data = {**tiny_data(), "u": [1, 2, 3], "v": [0.5, 0.25, 0.125]}
    write_zipped(checkout / "posterior_database/data/data/tiny_data.json", data)
    scenario = scenario_of(checkout, y=["u", "v"])
    one = scenario.data_sets([1])[0]
    assert one.y.shape == (3, 2) and scenario.plotted(one).tolist() == [1, 2, 3]
    assert scenario.stan_data(one) == data and isinstance(scenario.stan_data(one)["u"][0], int)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"database": "nowhere"}, ["database: nowhere", "no such folder"]),
        ({"posterior": "tiny_data-tiny_mixtures"}, [f"Did you mean '{NAME}'?"]),
        ({"posterior": "tiny_mix"}, [f"Did you mean '{NAME}'?"]),
        ({"posterior": "eight_schools"}, ["Its mixtures and HMMs", NAME]),
        ({"family": "gmm"}, ["family", "mixture, hmm"]),
        ({"y": "x"}, ["y: 'x'", "Lists there: y"]),
        ({"y": ["y", "K"]}, ["'K'"]),
        ({"mean": "mu"}, ["weights", "missing"]),
        ({**ROLES, "weights": "theta"}, ["'theta'", "pi, mu, sd", "N, K, y"]),
        ({**ROLES, "sd": "y"}, ["sd: y has shape [40]", "[2] or []"]),
        ({**ROLES, "mean": 3}, ["mean", "a text"]),
        ({**ROLES, "transition": "pi"}, ["transition", "family mixture"]),
        ({**ROLES, "family": "hmm"}, ["weights", "family hmm"]),
        ({**ROLES, "n_components": 3}, ["n_components: found 3", "2 means"]),
        ({"n_components": 1}, ["n_components must be at least 2"]),
        ({"exchangeable": True}, ["exchangeable"]),
        ({"wieghts": "pi"}, ["wieghts", "Did you mean 'weights'?"]),
    ],
)
def test_settings_that_do_not_fit_are_named(checkout, settings, said):
    found = message(settings.get("database", checkout), **settings)
    assert found.startswith("scenarios.tiny") and all(part in found for part in said), found


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda base: (base / f"{DATA}.zip").write_bytes(b"PK\x03\x04 cut"), "whole zip file"),
        (lambda base: (base / f"{DATA}.zip").unlink(), "neither this file nor"),
        (lambda base: (base / "models/info/tiny_mixture.info.json").write_text("{"), "is not JSON"),
        (lambda base: (base / "models/info/tiny_mixture.info.json").unlink(), "no such file"),
        (lambda base: (base / f"posteriors/{NAME}.json").write_text("[]"), "must hold a JSON object"),
        (lambda base: (base / f"posteriors/{NAME}.json").write_text("{}"), "model_name must be a text"),
        (lambda base: write(base / "models/info/tiny_mixture.info.json", {}), "only Stan programs"),
        (lambda base: (base / f"{DRAWS}.zip").unlink(), "neither this file nor"),
        (lambda base: write_zipped(base / DRAWS, {}), "a list of chains"),
        (lambda base: write_zipped(base / DRAWS, [{"mu[1]": [1.0] * 9}, {}]), "differ in names"),
        (lambda base: write_zipped(base / DRAWS, [{"a": [1.0] * 9}, {"a": [1.0] * 8}]), "equally many draws"),
        (lambda base: write_zipped(base / DRAWS, [{"a": [1.0, 2.0, 3.0, None]}]), "finite numbers"),
        (lambda base: write_zipped(base / DRAWS, [{"a": ["x"] * 9}]), "all of them numbers"),
        (lambda base: write_zipped(base / DRAWS, [{"mu[1]": [1.0] * 9}]), "do not fit the program"),
        (lambda base: (base / PROGRAM_FILE).write_text("model { }"), "no block of parameters"),
    ],
)  # fmt: skip
def test_damage_is_named_with_its_file(checkout, spoil, said):
    spoil(checkout / "posterior_database")
    found = message(checkout)
    assert said in found and str(checkout) in found


def test_draws_of_other_parameters_say_which_are_missing(checkout):
    draws = [{key: value for key, value in chain.items() if key != "sd[2]"} for chain in tiny_draws()]
    write_zipped(checkout / "posterior_database" / DRAWS, draws)
    assert "sd[2] missing; found mu[1], mu[2]" in message(checkout)
    assert scenario_of(checkout, reference_draws=False).published_reference() is None


def test_what_is_no_mixture_and_no_hmm_is_refused_unless_told(checkout):
    file = checkout / f"posterior_database/posteriors/{NAME}.json"
    model = checkout / "posterior_database/models/info/tiny_mixture.info.json"
    (model.with_name("tiny.info.json")).write_text(model.read_text().replace('tiny_mixture"', 'tiny"'))
    file.write_text(
        json.dumps(
            {**json.loads(file.read_text()), "keywords": ["regression"], "model_name": "tiny", "name": "x"}
        )
    )
    assert "family: mixture or hmm" in message(checkout)
    assert scenario_of(checkout, family="mixture").family == "mixture"


@pytest.mark.parametrize(
    ("title", "family"),
    [
        ("HMM with Gaussian emission", "hmm"),
        ("Hidden Markov Model", "hmm"),
        ("A Gaussian Mixture", "mixture"),
    ],
)
def test_titles_and_single_keywords_tell_the_family(checkout, title, family):
    base = checkout / "posterior_database"
    about = json.loads((base / f"posteriors/{NAME}.json").read_text())
    write(base / f"posteriors/{NAME}.json", {**about, "keywords": "stan_benchmark", "name": ""})
    info = json.loads((base / "models/info/tiny_mixture.info.json").read_text())
    write(base / "models/info/tiny_mixture.info.json", {**info, "title": title, "name": ""})
    assert find_posterior(base, NAME).family == family


def test_sizes_that_the_program_computes_come_from_the_draws(checkout):
    code = checkout / "posterior_database/models/stan/tiny_mixture.stan"
    code.write_text(PROGRAM.replace("ordered[K] mu", "ordered[size(rep_vector(1, K))] mu"))
    assert scenario_of(checkout).parameter_shapes["mu"] == (2,)
    assert "size(rep_vector(1, K))" in message(checkout, reference_draws=False)


def test_a_configuration_takes_it_and_names_the_line_of_a_fault(checkout, tmp_path):
    text = f"""\
run: tiny
seed: 1
scenarios:
  tiny: {{type: posteriordb, database: {checkout}, posterior: {NAME}, weights: pi, mean: mu, sd: sd}}
methods:
  nuts: {{}}
"""
    file = tmp_path / "tiny.yaml"
    file.write_text(text)
    config = check_config(yaml.safe_load(text), [file])
    assert config.n_datasets == {"tiny": 1} and config.scenarios["tiny"].stan_program == (
        "posteriordb_tiny_mixture.stan"
    )
    file.write_text(text.replace("weights: pi", "weights: p"))
    with pytest.raises(UserError, match=r"tiny.yaml:4: scenarios.tiny: weights: 'p'"):
        check_config(yaml.safe_load(file.read_text()), [file])


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="a sample of posteriordb is not there")
def test_posteriordbs_own_files(tmp_path):
    """Its files but for the program, which a checkout has; one of ours with its parameters stands in."""
    base = tmp_path / "posterior_database"
    for file in SAMPLE.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(SAMPLE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    (base / "models/stan").mkdir()
    (base / "models/stan/low_dim_gauss_mix.stan").write_text(
        "parameters { ordered[2] mu; array[2] real<lower=0> sigma; real<lower=0, upper=1> theta; } model { }"
    )
    posterior = "low_dim_gauss_mix-low_dim_gauss_mix"
    scenario = get_scenario("x", {"type": "posteriordb", "database": str(tmp_path), "posterior": posterior})
    assert scenario.parameter_shapes == {"mu": (2,), "sigma": (2,), "theta": ()}
    published = scenario.published_reference()
    assert published is not None and published.draws["theta"].shape == (10, 1000)
    assert published.divergences == 0 and published.e_bfmi_min == pytest.approx(1.849, abs=1e-3)
    for check in CONTRACT:
        check(scenario)
