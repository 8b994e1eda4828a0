"""Fits that end their process: a row each, and the rest goes on."""

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import pieces as pieces_module
from pipeline import supervision
from pipeline.pieces import fit_supervised
from pipeline.scenarios import get_scenario
from tests.test_pieces import FINISHED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Fit three data sets, without Stan, in supervised processes; return what the pieces say."""
    monkeypatch.setattr(pieces_module, "BoundModel", lambda *_: None)
    monkeypatch.setattr(supervision, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(supervision, "GRACE_S", 2.0)
    scenario = get_scenario("hmm-ordered", {"n_times": 5})
    data_sets = dict(enumerate(scenario.data_sets([1, 2, 3])))
    found = {}

    def run(fit_one, limit_s=60.0):
        def work():
            same = dict.fromkeys(data_sets, 1)
            keys = dict.fromkeys(data_sets, "a")
            done = pieces_module.fit_all(
                scenario, data_sets, None, fit_one, same, 1, tmp_path / "pieces", keys, "test", limit_s
            )  # fmt: skip
            lines = [f"{piece.status}: {piece.reason}" for piece in done.values()]
            (tmp_path / "found").write_text("\n".join(lines))

        fit_supervised(work, tmp_path / "pieces")
        found[0] = (tmp_path / "found").read_text().splitlines()
        return found[0]

    return run


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (lambda: os._exit(0), "failed: the method ended the process (exit status 0)"),
        (lambda: os._exit(7), "failed: the method ended the process (exit status 7)"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "failed: the process was killed (SIGKILL): most"),
        (lambda: (faulthandler.disable(), ctypes.string_at(0)), "failed: the process crashed (SIGSEGV)"),
        # Adds up in compiled code, which looks at no signal of Python's.
        pytest.param(
            lambda: sum(range(10**13)),
            "timeout: no end after 3 s, in compiled code",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_fit_that_ends_its_process_is_a_row_and_the_rest_goes_on(fit, tmp_path, fault, expected):
    def fit_one(number, task):
        with (tmp_path / "calls").open("a") as calls:
            calls.write(f"{number}\n")
        if number == 1:
            fault()
        return FINISHED

    found = fit(fit_one, limit_s=3.0)
    assert [line.split(":")[0] for line in (found[0], found[2])] == ["ok", "ok"]
    assert found[1].startswith(expected)
    assert (tmp_path / "calls").read_text().split() == ["0", "1", "2"]  # none was fitted twice
    assert not list(tmp_path.rglob("*.started"))


def test_what_fails_outside_a_fit_fails_the_job(tmp_path, capfd):
    def work():
        raise RuntimeError("the network cannot be loaded")

    with pytest.raises(SystemExit) as end:
        fit_supervised(work, tmp_path)
    assert end.value.code == 1 and "the network cannot be loaded" in capfd.readouterr().err


def test_a_mark_of_a_killed_run_is_no_failure(fit, tmp_path):
    (tmp_path / "pieces").mkdir()
    (tmp_path / "pieces/1-a.started").write_text("{}")
    assert [line.split(":")[0] for line in fit(lambda number, task: FINISHED)] == ["ok"] * 3


@pytest.mark.slow
def test_the_child_ends_with_its_parent(tmp_path):
    code = (
        "import os, time; from pathlib import Path; from pipeline.pieces import fit_supervised\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "def work():\n"
        "    (folder / 'child').write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "fit_supervised(work, folder)\n"
    )
    root = str(Path(__file__).parents[1])
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": root})
    deadline = time.monotonic() + 60
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child = int((tmp_path / "child").read_text())
    parent.kill()
    parent.wait()
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{child}/stat").read_text().split(")")[1].split()[0] == "Z":
                return
        except FileNotFoundError:
            return
        time.sleep(0.02)
    raise AssertionError("the child outlived its parent")
