"""What installs the suite says the same everywhere."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_conda_environment_has_the_same_dependencies():
    environment = yaml.safe_load((ROOT / "pipeline/envs/latentbench.yaml").read_text())
    assert environment["dependencies"][-1]["pip"] == PROJECT["dependencies"]


def test_constraints_pin_every_dependency_and_name_no_address():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
    extras = [need for extra in PROJECT["optional-dependencies"].values() for need in extra]
    names = {
        re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", need)[0]).lower()
        for need in [*PROJECT["dependencies"], *extras]
    }
    assert names - {PROJECT["name"]} <= pinned
