"""Fits that go wrong in any way are rows, and what is finished is not done again."""

import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline import pieces
from pipeline.errors import UserError
from pipeline.pieces import Piece, fit_all, write_pieces
from pipeline.posterior import Posterior
from pipeline.posterior_io import read_posteriors
from pipeline.scenarios import get_scenario
from pipeline.timing import time_limit

FINISHED = Piece("ok", "", Posterior({"x": np.ones((1, 4))}, np.ones((1, 4, 1)), np.zeros((1, 4)), {}))


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Fit three data sets, without Stan, by a function of their number."""
    monkeypatch.setattr(pieces, "BoundModel", lambda *_: None)
    scenario = get_scenario("hmm-ordered", {"n_times": 5})
    data_sets = dict(enumerate(scenario.data_sets([1, 2, 3])))

    def run(fit_one, key="a", limit_s=60.0):
        keys = dict.fromkeys(data_sets, key)
        seeds = dict.fromkeys(data_sets, 1)
        return fit_all(
            scenario, data_sets, None, fit_one, seeds, 1, tmp_path / "pieces", keys, "test", limit_s
        )  # fmt: skip

    return run


def hang():
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (lambda: 1 / 0, "failed", "ZeroDivisionError: division by zero"),
        (lambda: sys.exit(3), "failed", r"the method called exit\(3\)"),
        (lambda: np.empty(10**15), "failed", "MemoryError: Unable to allocate"),
        (hang, "timeout", r"no end after 0\.3 s"),
    ],
)
def test_a_fault_is_a_row_and_the_rest_goes_on(fit, fault, status, reason):
    def fit_one(number, task):
        if number == 1:
            fault()
        return FINISHED

    found = fit(fit_one, limit_s=0.3)
    assert [piece.status for piece in found.values()] == ["ok", status, "ok"]
    assert re.search(reason, found[1].reason)


def test_a_broken_installation_is_no_failure_of_the_method(fit):
    def fit_one(number, task):
        raise UserError("the disk is full")

    with pytest.raises(UserError, match="disk is full"):
        fit(fit_one)


def test_a_killed_job_goes_on_and_changed_inputs_are_fitted_again(fit, tmp_path):
    done = []

    def fit_one(number, task):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(number)
        return FINISHED

    with pytest.raises(KeyboardInterrupt):
        fit(fit_one)
    assert done == [0, 1]
    fit(lambda number, task: done.append(number) or FINISHED)
    assert done == [0, 1, 2]
    # A record is written last: draws without one are of a killed job.
    record = next(Path(tmp_path / "pieces").glob("1-*.json"))
    record.unlink()
    record.with_suffix(".npz").write_bytes(b"half")
    found = fit(lambda number, task: done.append(number) or FINISHED)
    assert done == [0, 1, 2, 1]
    np.testing.assert_array_equal(found[1].posterior.parameters["x"], np.ones((1, 4)))
    fit(lambda number, task: done.append(number) or FINISHED, key="b")
    assert done[4:] == [0, 1, 2]


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: b"[1]"])
def test_a_damaged_piece_is_fitted_again(fit, tmp_path, suffix, damage, capsys):
    done = []

    def fit_one(number, task):
        done.append(number)
        return FINISHED

    fit(fit_one)
    (file, *_) = sorted((tmp_path / "pieces").rglob(f"*{suffix}"))
    file.write_bytes(damage(file.read_bytes()))
    assert [piece.status for piece in fit(fit_one).values()] == ["ok"] * 3
    assert len(done) == 4
    said = capsys.readouterr().err
    assert f"{file}: cannot be read" in said and "Fitted again." in said


def test_failed_fits_leave_their_rows_and_no_draws(fit, tmp_path):
    def fit_one(number, task):
        if number == 2:
            raise TimeoutError("too slow")
        return FINISHED

    write_pieces(fit(fit_one), tmp_path / "d.nc", tmp_path / "r.json", tmp_path / "pieces", 1)
    assert sorted(read_posteriors(tmp_path / "d.nc")) == [0, 1]
    assert not (tmp_path / "pieces").exists()


def test_limits_end_with_their_block():
    with pytest.raises(TimeoutError, match=r"no end after 0\.05 s"), time_limit(0.05):
        hang()
    with time_limit(0.05):
        pass
    time.sleep(0.1)
