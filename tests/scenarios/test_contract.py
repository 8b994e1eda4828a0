import tempfile
from pathlib import Path

import pytest

from pipeline.contracts.scenarios import CONTRACT
from pipeline.scenarios import get_scenario, scenario_names
from pipeline.scenarios.galaxies import Galaxies
from tests.scenarios import databases

_TEMPORARY = tempfile.TemporaryDirectory()
_DATABASE = str(databases.write_tiny_database(Path(_TEMPORARY.name)))
_TINY = {"type": "posteriordb", "database": _DATABASE, "posterior": databases.NAME, **databases.ROLES}
_GALAXIES = {"file": str(Galaxies.input_files[0]), "column": "velocity_1000_km_per_s", "n_components": 3}
# One block a scenario, or more where a setting changes what a scenario is.
BLOCKS = {
    "gmm-ordered": {},
    "hmm-ordered": {},
    "galaxies": {},
    "galaxies-exchangeable": {"type": "galaxies", "ordered": False},
    "gmm-exchangeable": {},
    "gmm-multivariate": {},
    "twin": {"type": "gmm-exchangeable", "ordered": True, "n_components": 2, "separation": [3, 5]},
    "hmm-exchangeable": {"n_times": 60},
    "my-mixture": {"type": "custom", "family": "mixture", **_GALAXIES},
    "tiny": _TINY,
    "tiny-exchangeable": {**_TINY, "exchangeable": True},
    "my-series": {"type": "custom", "family": "hmm", "standardise": False, **_GALAXIES},
}


def test_every_scenario_has_a_block_here():
    elsewhere = {"program"}  # its own tests have its files
    assert {block.get("type", name) for name, block in BLOCKS.items()} == set(scenario_names()) - elsewhere


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", BLOCKS)
def test_contract(name, check):
    check(get_scenario(name, BLOCKS[name]))
