"""The profile for Slurm names every rule of the workflow, and Snakemake can plan with it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
RULES = "".join(file.read_text() for file in sorted((ROOT / "pipeline/rules").glob("*.smk")))
PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
TIMED = {"train", "fit", "fit_shard"}


def test_every_rule_has_its_resources():
    names = re.findall(r"^(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:", RULES, re.MULTILINE)
    assert names and set(PROFILE["set-resources"]) == set(names)
    assert all("mem_mb" in resources for resources in PROFILE["set-resources"].values())


def test_timed_jobs_and_no_others_have_a_node_to_themselves():
    alone = {name for name, needs in PROFILE["set-resources"].items() if "slurm_extra" in needs}
    assert alone == TIMED


@pytest.mark.slow
def test_snakemake_plans_with_the_slurm_profile():
    pytest.importorskip("snakemake_executor_plugin_slurm")
    arguments = ["--profile", "profiles/slurm", "--configfile", "config/smoke.yaml", "--forceall", "-n"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    plan = done.stdout + done.stderr
    assert done.returncode == 0, plan
    for rule in TIMED - {"fit_shard"}:  # smoke has one shard
        job = plan.split(f"\nrule {rule}:\n")[1].split("\nrule ")[0]
        assert f"threads: {PROFILE['cores']}\n" in job, job
        assert "mem_mb=4000," in job and "runtime=720," in job and "slurm_extra=--exclusive\n" in job, job
