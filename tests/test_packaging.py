"""What installs the suite says the same everywhere."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from pipeline import config
from pipeline.errors import UserError
from pipeline.stan import embedded
from pipeline.stan.build import build

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]


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


def test_a_wheel_has_every_file_that_packages_read():
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]
    packed = {
        file
        for package, globs in patterns.items()
        for pattern in globs
        for file in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    # Rules, scripts and environments are Snakemake's, which runs from a checkout.
    beside = {"rules", "scripts", "envs"}
    needed = [
        file
        for file in (ROOT / "pipeline").rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc") and not beside & set(file.parts)
    ]
    assert needed and not set(needed) - packed


def test_outside_a_checkout_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "SOURCES", tmp_path / "stan" / "embedded")
    monkeypatch.setattr(config, "SCHEMA_FILE", tmp_path / "schema.yaml")
    program = tmp_path / "normal.stan"
    program.write_text("parameters { real x; } model { x ~ std_normal(); }")
    with pytest.raises(UserError, match=r"(?s)stan/embedded: no such file .* runs from a checkout"):
        build(program, "embedded", say=lambda message: None)
    with pytest.raises(UserError, match=r"(?s)schema.yaml: no such file .* runs from a checkout"):
        config.check_config({})
