"""The record of what made a run: a command that, typed again, makes it again."""

import json
import shlex

import pytest
import yaml
from snakemake.cli import parse_config

from pipeline.provenance import provenance

CONFIG = {"run": "mine", "seed": 1, "scenarios": {"galaxies": {}}, "methods": {"nuts": {"draws": 500}}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/default.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path


def command(config, file, records=()):
    return provenance(config, [str(file)], {}, {}, records)["command"]


def test_the_default_needs_no_file(folder):
    assert command(CONFIG, "config/default.yaml") == "snakemake --cores all"
    assert command(CONFIG, folder / "config/default.yaml") == "snakemake --cores all"


def test_a_file_is_named_as_it_is_typed_here(folder):
    (folder / "config/my own.yaml").write_text(yaml.safe_dump(CONFIG))
    found = command(CONFIG, folder / "config/my own.yaml")
    assert found == "snakemake --cores all --configfile 'config/my own.yaml'"


def test_values_of_the_command_line_are_kept(folder):
    # Snakemake reads numbers within blocks as texts, which the configuration refuses.
    given = {**CONFIG, "run": "seed7", "seed": 7, "stan": {"toolchain": "embedded"}, "plugins": ["a b.py"]}
    words = shlex.split(command(given, "config/default.yaml"))
    assert words[:4] == ["snakemake", "--cores", "all", "--config"]
    assert {**CONFIG, **parse_config(words[4:])} == given


def test_the_cores_are_those_of_the_fits(folder):
    for name, cores in (("a", 4), ("b", 4), ("c", 2)):
        (folder / name).write_text(json.dumps({"cores": cores}))
    assert command(CONFIG, "config/default.yaml", [folder / "a", folder / "b"]) == "snakemake --cores 4"
    assert command(CONFIG, "config/default.yaml", [folder / "a", folder / "c"]) == "snakemake --cores all"
