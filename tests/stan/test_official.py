"""The official toolchain: that CmdStanPy's and BridgeStan's compile functions are called, and rightly.

CmdStan itself is not at hand where these tests run. A folder stands in for it, with a makefile that
answers as CmdStan's does and notes what it is asked for, and with the real stanc; another for BridgeStan.
"""

import shutil
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.stan.build import build, main
from pipeline.stan.toolchain import Embedded, Official, find_toolchain

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="CmdStan compiles with make")

CMDSTAN_MAKEFILE = """
CMDSTAN_VERSION := 2.35.0
CXX = {compiler}
CXXFLAGS = -std=c++17 -O3 -I src -I stan/src -D_REENTRANT
print-%: ; @echo $* = $($*)
%: %.stan
\t@echo "cmdstan STAN_THREADS=$(STAN_THREADS) $(notdir $@)" >> {log}
\tbin/stanc $(STANCFLAGS) --o=$@.hpp $<
\t@echo executable > $@
"""
BRIDGESTAN_MAKEFILE = """
%_model.so: %.stan
\t@echo "bridgestan STAN_THREADS=$(STAN_THREADS) $(notdir $@)" >> {log}
\t{stanc} $(STANCFLAGS) --o=$*.hpp $<
\t@echo library > $@
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Folders that pass for CmdStan and BridgeStan, and a program that includes a file."""
    compiler = Path(__file__).parent / "fake_compiler.sh"
    monkeypatch.setenv("LATENTBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.delenv("CMDSTAN", raising=False)
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    embedded = find_toolchain("embedded")
    cmdstan, bridgestan = tmp_path / "cmdstan-2.35.0", tmp_path / "bridgestan"
    (cmdstan / "bin").mkdir(parents=True)
    bridgestan.mkdir()
    (cmdstan / "bin" / "stanc").symlink_to(embedded.stanc)
    log = tmp_path / "log"
    (cmdstan / "makefile").write_text(CMDSTAN_MAKEFILE.format(log=log, compiler=compiler))
    (bridgestan / "Makefile").write_text(BRIDGESTAN_MAKEFILE.format(log=log, stanc=embedded.stanc))
    monkeypatch.setenv("CMDSTAN", str(cmdstan))
    monkeypatch.setenv("BRIDGESTAN", str(bridgestan))
    (tmp_path / "f.stanfunctions").write_text("real f() { return 1; }")
    (tmp_path / "normal.stan").write_text(
        "functions {\n#include f.stanfunctions\n}\nparameters { real x; }\nmodel { x ~ normal(f(), 1); }"
    )
    return tmp_path


def test_both_compile_functions_are_used(installed, capfd):
    built = build(installed / "normal.stan")
    assert (built.toolchain.kind, built.toolchain.stan_version) == ("official", "2.35.0")
    assert built.toolchain.compiler_version == "fake 1.0"
    assert built.toolchain.flags == ("STAN_THREADS=TRUE", "-std=c++17", "-O3", "-D_REENTRANT")
    assert any(package.startswith("bridgestan 2.") for package in built.toolchain.packages)
    assert built.executable.read_text() == "executable\n"
    assert built.library.read_text() == "library\n"
    assert built.compile_wall_s > 0
    lines = (installed / "log").read_text().splitlines()
    assert lines == [
        "cmdstan STAN_THREADS=TRUE normal",
        "bridgestan STAN_THREADS=TRUE normal_model.so",
    ]
    assert capfd.readouterr().out == ""

    assert build(installed / "normal.stan").reused
    assert (installed / "log").read_text().splitlines() == lines
    (installed / "f.stanfunctions").write_text("real f() { return 2; }")
    assert not build(installed / "normal.stan", "official").reused


def test_setting_decides(installed, monkeypatch, tmp_path):
    assert isinstance(find_toolchain("auto"), Official)
    assert isinstance(find_toolchain("embedded"), Embedded)
    monkeypatch.delenv("CMDSTAN")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert isinstance(find_toolchain("auto"), Embedded)
    with pytest.raises(UserError, match=r"finds no CmdStan[\s\S]*toolchain: embedded"):
        find_toolchain("official")
    (tmp_path / ".cmdstan").mkdir()
    shutil.move(tmp_path / "cmdstan-2.35.0", tmp_path / ".cmdstan")
    assert isinstance(find_toolchain("auto"), Official)


def test_cmdstan_that_is_none(installed, monkeypatch):
    monkeypatch.setenv("CMDSTAN", str(installed / "bridgestan-2"))
    with pytest.raises(UserError, match=r"CMDSTAN is '.*bridgestan-2', which is no CmdStan installation"):
        find_toolchain("auto")


def test_cmdstan_that_is_not_built(installed):
    (installed / "cmdstan-2.35.0" / "bin" / "stanc").unlink()
    with pytest.raises(UserError, match="make build"):
        find_toolchain("auto")


@pytest.mark.parametrize("part", ["cmdstan-2.35.0/makefile", "bridgestan/Makefile"])
def test_failing_makefile(installed, capsys, part):
    makefile = installed / part
    makefile.write_text(makefile.read_text().replace("\t@echo", "\t@echo broken on purpose; exit 3; echo"))
    assert main([str(installed / "normal.stan")]) == 1
    said = capsys.readouterr()
    assert "broken on purpose" in said.err
    assert "toolchain: embedded" in said.err
    assert said.out == ""
    assert not list((installed / "cache" / "official").glob("*[!k]"))


def test_syntax_error(installed, capsys):
    (installed / "normal.stan").write_text("parameters { real x }")
    assert main([str(installed / "normal.stan")]) == 1
    assert "Syntax error in 'normal.stan', line 1, column 20" in capsys.readouterr().err
