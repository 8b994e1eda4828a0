"""What jobs say of their cost, and how it adds up to the run's wall time."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from pipeline.job import job
from pipeline.job_costs import IDLE, SNAKEMAKE, STARTUP, read_job_costs, share_out


def write_log(run: Path, name: str, rule: str, start: float, startup: float, end: float, threads=1, mib=100):
    cost = {
        "rule": rule,
        "threads": threads,
        "ended": end,
        "startup_s": startup,
        "work_s": end - start - startup,
        "cpu_s": (end - start) / 2,
        "peak_mib": mib,
    }
    file = run / "logs" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a message\n" + json.dumps(cost) + "\n")


@pytest.fixture
def run(tmp_path):
    """Two cores: both busy, then one; nothing for 2 s; a job on both; an hour's pause; a job on one."""
    write_log(tmp_path, "build/a.log", "build_model", 0, 1, 10)
    write_log(tmp_path, "reference/b.log", "reference", 0, 1, 8, mib=300)
    write_log(tmp_path, "fit/c.log", "fit", 12, 2, 20, threads=2)
    write_log(tmp_path, "collect.log", "collect", 3620, 1, 3624, mib=200)
    (tmp_path / "logs/fit/at-work.log").write_text("")
    (tmp_path / "logs/fit/failed.log").write_text("Error: no space left\n")
    (tmp_path / "logs/fit/other.log").write_text("[1, 2]\n")
    return tmp_path


def test_shares_by_hand(run):
    found = share_out(read_job_costs(run))
    assert (found.wall_s, found.cores) == (pytest.approx(20 + 4), 2)
    shares = found.parts.set_index("part").share * 2 * 24
    expected = {"compiling": 9, "references": 7, "fits": 2 * 6, "tables and report": 3}
    expected |= {STARTUP: 1 + 1 + 2 * 2 + 1, SNAKEMAKE: 2 * 2, IDLE: 2 + 4}
    assert list(shares.index) == list(expected)
    assert dict(shares) == pytest.approx(expected)
    assert found.parts.share.sum() == pytest.approx(1)
    peaks = found.parts.set_index("part").peak_mib
    assert (peaks["references"], peaks["tables and report"]) == (300, 200)


def test_what_a_measured_wall_time_has_more_is_snakemake_s(run):
    found = share_out(read_job_costs(run), wall_s=30)
    shares = found.parts.set_index("part").share * 2 * 30
    assert shares[SNAKEMAKE] == pytest.approx(2 * (2 + 6))
    assert shares[IDLE] == pytest.approx(2 + 4)


def test_a_job_s_log_tells_its_cost(tmp_path, capsys):
    name = str(tmp_path / "logs" / "mine.log")
    with job(SimpleNamespace(log=[name], input=[], rule="fit", threads=2)):
        print("half way", file=sys.stderr)
        subprocess.run(["sleep", "0.2"], check=True)
    assert "half way" in Path(name).read_text() and "half way" in capsys.readouterr().err
    (cost,) = read_job_costs(tmp_path).to_dict("records")
    assert (cost["rule"], cost["threads"]) == ("fit", 2)
    assert cost["work_s"] >= 0.2 and cost["cpu_s"] > 0 and cost["peak_mib"] > 10
    # psutil's may be off by a second, and its clock's ticks are hundredths.
    age_s = time.time() - psutil.Process().create_time() - cost["work_s"]
    assert abs(cost["startup_s"] - age_s) < 1.5


def test_a_run_without_logs_has_no_costs(tmp_path):
    assert read_job_costs(tmp_path).empty
