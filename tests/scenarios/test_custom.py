import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts.scenarios import prior_like_draws
from pipeline.errors import UserError
from pipeline.scenarios import get_scenario
from pipeline.scenarios.observations import read_column


@pytest.fixture
def scenario_of(tmp_path):
    """Build a custom scenario from the text of a CSV."""

    def build(text, **settings):
        path = tmp_path / "my.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        block = {"type": "custom", "file": str(path), "column": "x", "family": "mixture", "n_components": 2}
        return get_scenario("mine", {**block, **settings})

    return build


def test_reads_the_column_whatever_its_dress(scenario_of):
    text = '\ufeff"id", x \r\n"a, b",1\r\nc,"-2.5"\r\nd, 1e1 \r\n\r\n \r\n'
    scenario = scenario_of(text, standardise=False)
    np.testing.assert_array_equal(scenario.data_sets([1])[0].y, [[1], [-2.5], [10]])


def test_standardising_is_undone_by_location_and_scale(scenario_of):
    values = np.array([3.0, 5.0, 9.0, -200.0])
    text = "x\n" + "\n".join(map(str, values))
    scenario = scenario_of(text)
    y = scenario.data_sets([1])[0].y[:, 0]
    assert y.mean() == pytest.approx(0) and y.std(ddof=1) == pytest.approx(1)
    np.testing.assert_allclose(scenario.location + scenario.scale * y, values)


@pytest.mark.parametrize("family", ["mixture", "hmm"])
def test_prior_and_memberships_do_not_depend_on_units(scenario_of, family):
    values = np.random.default_rng(1).normal(size=30)
    first = scenario_of("x\n" + "\n".join(map(str, values)), family=family)
    second = scenario_of("x\n" + "\n".join(map(str, 1e6 + 1e3 * values)), family=family)
    first_data, second_data = (
        first.stan_data(first.data_sets([1])[0]),
        second.stan_data(second.data_sets([1])[0]),
    )
    for name, value in first_data.items():
        np.testing.assert_allclose(value, second_data[name], rtol=1e-8, atol=1e-8)


def test_prior_is_richardson_and_greens(scenario_of):
    values = [1.0, 2.0, 6.0]
    scenario = scenario_of("x\n1\n2\n6\n", standardise=False, n_components=3)
    data = scenario.stan_data(scenario.data_sets([1])[0])
    assert data["y"] == values
    assert (data["mu_mean"], data["mu_sd"]) == (3.5, 5.0)
    assert (data["variance_shape"], data["variance_scale"]) == (2.0, pytest.approx(0.02 * 25))
    assert data["concentration"] == [1.0, 1.0, 1.0]


def test_prior_can_be_set(scenario_of):
    prior = {"mu_mean": 7, "mu_sd": 0.5, "variance_shape": 3, "variance_scale": 4, "concentration": 2}
    scenario = scenario_of("x\n1\n2\n6\n", **prior)
    data = scenario.stan_data(scenario.data_sets([1])[0])
    assert {key: data[key] for key in prior} == {**prior, "concentration": [2, 2]}


def test_two_custom_scenarios_in_one_configuration(scenario_of):
    mixture = scenario_of("x\n1\n2\n6\n")
    series = scenario_of("x\n1\n2\n6\n", family="hmm")
    assert (mixture.family, mixture.stan_program) == ("mixture", "gmm.stan")
    assert (series.family, series.stan_program) == ("hmm", "hmm.stan")
    assert set(series.memberships(series.data_sets([1])[0], prior_like_draws(series, 1))) == {
        "filtering",
        "smoothing",
    }


@pytest.mark.parametrize(
    ("text", "settings", "parts"),
    [
        ("x\n1\n\n3\n", {}, ["line 3", "'x'", "missing"]),
        ("x,z\n1,2\n,3\n", {}, ["line 3", "missing"]),
        ("x\n1\nNA\n3\n", {}, ["line 3", "missing", "'NA'"]),
        ("x\n1\n2\nnan\n", {}, ["line 4", "missing", "'nan'"]),
        ("x\n1\ntwo\n3\n", {}, ["line 3", "'two'", "no number"]),
        ("x\n1\n1_000\n3\n", {}, ["line 3", "'1_000'", "no number"]),
        ("x\n1\ninf\n3\n", {}, ["line 3", "'inf'", "no number"]),
        ("x\n1\n0x10\n", {}, ["line 3", "'0x10'"]),
        ("x\n1\n1e300\n", {}, ["line 3", "1e300", "units"]),
        ('id,x\n"two\nlines",1\nb,?\n', {}, ["line 4", "'?'"]),
        ("x,z\n1,2\n3\n", {}, ["line 3", "found 1 fields", "2"]),
        ("x\n1\n3,14\n", {}, ["line 3", "found 2 fields"]),
        ("x;z\n1;2\n", {}, ["line 1", "'x'", "x;z", "commas"]),
        ("speed,x_pos\n1,2\n3,4\n", {"column": "speeds"}, ["line 1", "'speeds'", "'speed'?", "x_pos"]),
        ("x,x\n1,2\n", {}, ["line 1", "2 columns", "'x'"]),
        ("", {}, ["empty", "'x'"]),
        ("x\n", {}, ["0 observation", "at least 2"]),
        ("x\n5\n", {}, ["1 observation", "at least 2"]),
        ("x\n0.1\n0.1\n0.1\n", {}, ["all 3", "0.1", "onstant"]),
        ("x\n1\n2\n3\n", {"n_components": 4}, ["3 observations", "4 components", "n_components"]),
        ("x\n1\n2\n3\n", {"n_components": 1}, ["n_components", "2 to 50"]),
        (b"x\n1\n\xff\xfe\n", {}, ["UTF-8"]),
        ('x\n1\n"2\n', {}, ["CSV"]),
    ],
)
def test_a_file_that_cannot_be_fitted_is_refused_with_its_line(scenario_of, text, settings, parts):
    with pytest.raises(UserError) as caught:
        scenario_of(text, **settings)
    found = str(caught.value)
    assert found.startswith("scenarios.mine")
    for part in ["my.csv" if settings.get("n_components") != 1 else "", *parts]:
        assert part in found


def test_a_file_that_is_not_there_or_a_folder(tmp_path):
    block = {"type": "custom", "column": "x", "family": "hmm", "n_components": 2}
    with pytest.raises(UserError, match=r"nowhere\.csv: there is no such file"):
        get_scenario("mine", {**block, "file": "nowhere.csv"})
    with pytest.raises(UserError, match="cannot be read"):
        get_scenario("mine", {**block, "file": str(tmp_path)})


@given(st.lists(st.floats(-1e99, 1e99), min_size=1))
def test_any_number_survives_the_file(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "my.csv"
    path.write_text("x\n" + "\n".join(map(repr, values)))
    np.testing.assert_array_equal(read_column(path, "x"), values)


def test_galaxies_are_roeders_82_with_the_corrected_78th():
    (data,) = get_scenario("galaxies").data_sets([1])
    assert data.y.shape == (82, 1) and data.theta is None and data.z is None
    assert data.y[77, 0] == 26.960 and (np.diff(data.y[:, 0]) >= 0).all()
    # The mean that R's documentation data have, 20.828170 with 26.690, moves by .270 / 82.
    assert data.y.mean() == pytest.approx(20.8281707 + 0.270 / 82, abs=1e-6)
    with pytest.raises(ValueError, match="one data set"):
        get_scenario("galaxies").data_sets([1, 2])
