"""The embedded driver does what CmdStan 2.35.0 did for 40 command lines, to the last digit."""

import platform
import sys

import pytest

from tests.stan import cmdstan_golden
from tests.stan.cmdstan_golden import CASES, GOLDEN, stable_lines

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"),
        reason="other mathematical libraries round differently, and chains then part",
    ),
]

UNWRITABLE = "error-output-unwritable"


def test_goldens_are_complete():
    assert len(CASES) == 40
    assert all({"stdout.txt", "stderr.txt"} <= set(case["files"]) for case in CASES.values())


@pytest.mark.parametrize("case", sorted(set(CASES) - {UNWRITABLE}))
def test_same_as_cmdstan(case, built_model, tmp_path):
    executable = built_model(GOLDEN / f"{CASES[case]['model']}.stan").executable
    found = cmdstan_golden.run(case, executable, tmp_path)
    expected = cmdstan_golden.expected(case)

    assert found.exit_code == expected.exit_code
    assert found.files.keys() == expected.files.keys()
    for name, text in expected.files.items():
        assert stable_lines(found.files[name]) == stable_lines(text), name


def test_an_unwritable_output_file_fails_before_sampling(built_model, tmp_path):
    found = cmdstan_golden.run(UNWRITABLE, built_model(GOLDEN / "mixture.stan").executable, tmp_path)
    expected = cmdstan_golden.expected(UNWRITABLE)
    assert expected.exit_code == 0  # CmdStan's run succeeded and its draws were lost

    assert found.exit_code == 1
    assert 'no/such/folder/output.csv": No such file or directory' in found.files["stderr.txt"]
    header = stable_lines(found.files["stdout.txt"])
    assert header == stable_lines(expected.files["stdout.txt"])[: len(header)]
    assert "Gradient evaluation" not in found.files["stdout.txt"]
