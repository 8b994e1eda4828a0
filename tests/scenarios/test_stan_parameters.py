"""Parameters and their shapes, read from programs' texts."""

import json
import subprocess
from pathlib import Path

import httpstan
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.scenarios import get_scenario
from pipeline.scenarios.stan_parameters import declared_parameters, evaluated, scalars_of, shapes_of

EVERYTHING = """
functions { real parameters_of(real x) { return x; } }
data { int K; int M; array[2] int n; }
transformed data { int P = K * 2; }
parameters {
  real<lower=0, upper=K> a; real b, c; // real not_me;
  /* vector[3] nor me; */
  vector<offset=a, multiplier=2>[K] v;
  array[M, 2] simplex[K + 1] s;
  array[K] matrix<lower=0>[M, (K - 1) * M] m;
  cholesky_factor_corr[K] L;
  cholesky_factor_cov[M, K] C; cov_matrix[M] S;
  ordered[n[1]] o;
}
transformed parameters { vector[K] t = v; }
model { target += a; }
"""


def test_declarations_of_every_form():
    found = declared_parameters(EVERYTHING)
    data = {"K": 3, "M": 2, "n": [4, 5]}
    assert {name: evaluated(sizes, data) for name, sizes in found.items()} == {
        "a": (), "b": (), "c": (), "v": (3,), "s": (2, 2, 4), "m": (3, 2, 4), "L": (3, 3), "C": (2, 3),
        "S": (2, 2), "o": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["gmm-exchangeable", "gmm-multivariate", "hmm-exchangeable", "gmm-ordered"])
def test_the_suites_own_programs(name):
    scenario = get_scenario(name, {})
    data = scenario.stan_data(scenario.data_sets([1])[0])
    found = declared_parameters(scenario.stan_file.read_text())
    shapes = {key: evaluated(sizes, data) for key, sizes in found.items()}
    assert shapes == scenario.parameter_shapes and list(shapes) == list(scenario.parameter_shapes)


@pytest.mark.parametrize("program", sorted((Path(__file__).parents[1] / "stan/models").glob("*.stan")))
def test_stan_sees_the_same_parameters(program):
    stanc = Path(httpstan.__file__).parent / "stanc"
    answer = subprocess.run([stanc, "--info", program], capture_output=True, check=True)
    info = json.loads(answer.stdout)["parameters"]
    try:
        found = declared_parameters(program.read_text())
    except UserError:
        assert not info or any(one["type"] not in ("real", "int") for one in info.values())
        return
    assert {name: len(sizes) for name, sizes in found.items()} == {
        name: one["dimensions"] for name, one in info.items()
    }


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("model { target += 1; }", "no block of parameters"),
        ("parameters { real sigma[2]; }", "real sigma[2]"),
        ("parameters { complex z; }", "complex z"),
        ("parameters { vector v; }", "0 sizes"),
        ("parameters { real x; ", "no block of parameters"),
    ],
)
def test_what_is_not_understood_is_named(code, said):
    with pytest.raises(UserError) as caught:
        declared_parameters(code)
    assert said in str(caught.value)


@pytest.mark.parametrize("size", ["P", "x", "size(y)", "K / 0", "lambda", "n[1]", "__import__('os')", "1.5"])
def test_sizes_that_are_no_arithmetic_of_integers_have_no_value(size):
    assert evaluated([size], {"K": 3, "x": 2.0, "n": [1]}) is None


@given(
    st.dictionaries(st.sampled_from(["mu", "a1", "b_c"]), st.lists(st.integers(1, 4), max_size=3).map(tuple))
)
def test_names_of_scalars_and_shapes_say_the_same(shapes):
    assert shapes_of(scalars_of(shapes)) == shapes
    assert shapes_of([*scalars_of(shapes), "lp__.x", "z[a]"]) == shapes
