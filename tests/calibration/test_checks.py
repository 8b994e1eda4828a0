"""All checks of one network, and that they catch a bad one."""

import json

import numpy as np
import pytest

from pipeline.amortized.inference import Amortized
from pipeline.calibration.altered import KINDS
from pipeline.calibration.checks import check_network
from pipeline.calibration.settings import Checks
from pipeline.calibration.subject import Subject
from pipeline.errors import UserError
from pipeline.seeds import derive_seed
from tests.amortized.networks import small_network


def test_too_little_is_refused():
    with pytest.raises(UserError, match="draws: found 10; it must be at least 99"):
        Checks(n_datasets=100, draws=10)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["gmm-ordered", "hmm-ordered"])
def test_an_untrained_network_fails_the_checks(scenario):
    subject = Subject(Amortized(small_network(scenario)))

    def seed_of(number, purpose):
        return derive_seed(1, scenario, number, "", purpose)

    checks = Checks(n_datasets=60, draws=200)
    summary, table = check_network(subject, checks, seed_of)
    json.dumps(summary, allow_nan=False, default=float)
    assert len(table) == 60
    quantities = [row["quantity"] for row in summary["calibration"]]
    assert quantities[-1] == "log likelihood"
    assert [row["quantity"] for row in summary["recovery"]] == quantities[:-1]
    assert not all(row["inside"] for row in summary["calibration"])
    assert {row["n"] for row in summary["memberships"]} == {120}
    assert all(row["excess"] > 0 for row in summary["memberships"])
    assert [row["data"] for row in summary["altered"]] == ["as simulated", *KINDS]
    assert np.isfinite(table.to_numpy(dtype=float)).all()
    if scenario == "hmm-ordered":  # the same again; once is enough, and it is the quicker one
        again = check_network(subject, checks, seed_of)[0]
        assert {k: v for k, v in again.items() if k != "wall_s"} == {
            k: v for k, v in summary.items() if k != "wall_s"
        }
