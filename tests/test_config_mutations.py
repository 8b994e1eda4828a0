"""A configuration with anything wrong in it is refused with a message that names the key, or is valid."""

import copy
import math
import warnings
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Config, check_config
from pipeline.errors import UserError

CONFIG = Path(__file__).parents[1] / "config"
MORE = {
    "stan": {"toolchain": "auto"},
    "reference": {"chains": 4, "warmup": 500, "adapt_delta": 0.9, "max_attempts": 2, "timeout_s": 60},
    "checks": {"n_datasets": 100, "draws": 100},
    "regression": {"error_rate": 0.01, "tolerance": 0.1, "baseline": "baselines/mine"},
    "belief_networks": 10,
    "plugins": [],
}
WHOLE = {**yaml.safe_load((CONFIG / "default.yaml").read_text()), **MORE}
WHOLE["scenarios"]["mine"] = {
    "type": "gmm-exchangeable",
    "n_components": 2,
    "separation": [1.0, 9.0],
    "n_obs": [9, 20],
}
WHOLE["methods"]["mixture-vi"] = {"components": 2, "rank": "full", "draws": 100, "refine": True}
ODD = [
    None,
    True,
    -1,
    0,
    1.5,
    10**12,
    math.nan,
    -math.inf,
    "",
    "x",
    "../x",
    "<script>alert(1)</script>",
    "Größe",
    [],
    [1],
    {},
]


def paths(node, path=()):
    """Return the path of every key."""
    if not isinstance(node, dict):
        return []
    return [found for key, value in node.items() for found in ((*path, key), *paths(value, (*path, key)))]


PATHS = paths(WHOLE)


@pytest.mark.slow
@settings(max_examples=200)
@given(
    st.sampled_from(PATHS),
    st.one_of(
        st.tuples(st.just("value"), st.sampled_from(ODD)),
        st.tuples(st.just("key"), st.sampled_from(["{}x", "X{}", "{} ", "", "<b>{}</b>", "../{}", 7, None])),
        st.tuples(st.just("delete"), st.none()),
    ),
)
def test_mutated_configurations_are_refused_by_key_or_valid(path, change):
    kind, what = change
    config = copy.deepcopy(WHOLE)
    parent = config
    for key in path[:-1]:
        parent = parent[key]
    value, named = parent.pop(path[-1]), {str(key) for key in path}
    if kind == "value":
        parent[path[-1]] = copy.deepcopy(what)
    elif kind == "key":
        new = what.format(path[-1]) if isinstance(what, str) else what
        parent[new] = value
        named |= {str(new)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = check_config(config)
        except UserError as error:
            assert any(name and name in str(error) for name in named), error
        else:
            assert isinstance(found, Config)


@pytest.mark.parametrize("raw", [{}, {"run": "a"}, {"run": "a", "seed": 1, "scenarios": {}, "methods": {}}])
def test_what_is_missing_is_said(raw):
    with pytest.raises(UserError, match=r"scenarios|methods|seed"):
        check_config(raw)
