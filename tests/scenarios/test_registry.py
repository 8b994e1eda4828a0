import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.scenarios import get_scenario, scenario_names
from pipeline.scenarios.gmm_ordered import GmmOrdered
from pipeline.scenarios.hmm_ordered import HmmOrdered


def message(name, block):
    with pytest.raises(UserError) as caught:
        get_scenario(name, block)
    return str(caught.value)


def test_names_are_those_of_the_modules_in_the_package():
    assert scenario_names() == [
        "custom",
        "galaxies",
        "gmm-exchangeable",
        "gmm-multivariate",
        "gmm-ordered",
        "hmm-exchangeable",
        "hmm-ordered",
        "posteriordb",
        "program",
    ]


def test_the_key_is_the_type_unless_a_type_is_given():
    assert get_scenario("gmm-ordered", None) == GmmOrdered()
    assert get_scenario("long", {"type": "hmm-ordered", "n_times": 500}) == HmmOrdered(n_times=500)


def test_defaults_are_those_of_the_paper():
    assert GmmOrdered() == GmmOrdered(
        mu_mean=(-2, 0, 2), mu_sd=1, pi_concentration=(2, 2, 2), sd=1, n_obs=(150, 250), n_rep=(2, 4)
    )
    assert HmmOrdered() == HmmOrdered(
        mu_mean=(-1, 1), mu_sd=1, p_stay_shape=(2, 2), initial=(0.5, 0.5), sd=1, n_times=100, n_rep=(2, 5)
    )


def test_an_unknown_scenario_is_named_with_the_closest():
    found = message("gmm_ordered", {})
    assert found.startswith("scenarios.gmm_ordered: ")
    assert "'gmm-ordered'?" in found and ", ".join(scenario_names()) in found
    assert message("mine", {"type": "costum"}).startswith("scenarios.mine.type: ")
    assert "'7'" not in message("mine", {"type": 7})


def test_an_unknown_setting_is_named_with_the_closest():
    found = message("hmm-ordered", {"n_time": 3})
    assert found.startswith("scenarios.hmm-ordered.n_time: ")
    assert "'n_times'?" in found and "p_stay_shape" in found


def test_a_missing_setting_is_named():
    assert "column" in message("custom", {"file": "a.csv", "family": "hmm", "n_components": 2})


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("gmm-ordered", "mu_mean", [1.0]),
        ("gmm-ordered", "mu_mean", [2.0, 0.0, -2.0]),
        ("gmm-ordered", "mu_mean", [0.0, float("nan"), 1.0]),
        ("gmm-ordered", "mu_mean", "-2, 0, 2"),
        ("gmm-ordered", "mu_sd", 0),
        ("gmm-ordered", "mu_sd", float("inf")),
        ("gmm-ordered", "mu_sd", True),
        ("gmm-ordered", "pi_concentration", [2, 2]),
        ("gmm-ordered", "pi_concentration", [2, 2, 0]),
        ("gmm-ordered", "sd", -1.0),
        ("gmm-ordered", "sd", "1"),
        ("gmm-ordered", "n_obs", [250, 150]),
        ("gmm-ordered", "n_obs", [0, 5]),
        ("gmm-ordered", "n_obs", [150.5, 250]),
        ("gmm-ordered", "n_obs", 200),
        ("gmm-ordered", "n_rep", [2, 3, 4]),
        ("hmm-ordered", "mu_mean", [-1, 0, 1]),
        ("hmm-ordered", "initial", [0.5, 0.6]),
        ("hmm-ordered", "initial", [1.5, -0.5]),
        ("hmm-ordered", "initial", [float("nan"), 1.0]),
        ("hmm-ordered", "p_stay_shape", [2, -2]),
        ("hmm-ordered", "n_times", 1),
        ("hmm-ordered", "n_times", 10.0),
        ("galaxies", "n_components", 1),
        ("galaxies", "concentration", 0),
        ("galaxies", "mu_mean", float("inf")),
        ("galaxies", "variance_scale", -1),
        ("galaxies", "ordered", "no"),
        ("gmm-exchangeable", "n_components", 1),
        ("gmm-exchangeable", "separation", [3, 2]),
        ("gmm-exchangeable", "separation", [3.0]),
        ("gmm-exchangeable", "separation", [30, 40]),
        ("gmm-exchangeable", "n_obs", [0, 5]),
        ("gmm-multivariate", "n_components", 1),
        ("gmm-multivariate", "n_dims", 4),
        ("gmm-multivariate", "separation", [2, 1]),
        ("gmm-multivariate", "separation", [40, 50]),
    ],
)
def test_a_wrong_value_is_named_with_its_key(name, key, value):
    found = message(name, {key: value})
    assert found.startswith(f"scenarios.{name}")
    assert key in found
    assert any(str(part) in found for part in (value, list(value) if isinstance(value, list) else value))


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from(["mu_mean", "mu_sd", "n_obs", "type", "a"]),
        st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers(), max_size=3),
    )
)
def test_whatever_stands_in_a_block_is_built_or_refused_with_a_message(block):
    try:
        get_scenario("gmm-ordered", block)
    except UserError as error:
        assert str(error)
