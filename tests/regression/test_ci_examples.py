"""The CI examples name commands, targets and files that exist."""

import re
from pathlib import Path

import pytest
import yaml

from pipeline.regression.settings import OUTPUTS

ROOT = Path(__file__).parents[2]
EXAMPLES = [ROOT / "docs/ci/github-actions.yml", ROOT / "docs/ci/gitlab-ci.yml"]


def strings(node):
    """Yield every text in a parsed YAML file."""
    if isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from strings(part)
    elif isinstance(node, str):
        yield node


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_run_the_gate_and_hand_over_its_files(file):
    texts = list(strings(yaml.safe_load(file.read_text())))
    commands = [text for text in texts if text.startswith("snakemake ")]
    assert len(commands) == 1
    # The target first: --configfile takes every word that follows it for a file.
    found = re.fullmatch(r"snakemake --cores all (\S+) --configfile (\S+)", commands[0])
    assert found
    target, config = found.groups()
    run = yaml.safe_load((ROOT / config).read_text())["run"]
    assert re.search(rf"^rule {target}:$", (ROOT / "pipeline/rules/regression.smk").read_text(), re.M)
    named = {path for text in texts for path in re.findall(r"results/[\w./-]+", text)}
    allowed = {f"results/{run}/regression", f"results/{run}/report.html"}
    assert named and named <= allowed | {f"results/{run}/regression/{name}" for name in OUTPUTS}
    assert any(text.startswith("pip install") and "constraints.txt" in text for text in texts)
