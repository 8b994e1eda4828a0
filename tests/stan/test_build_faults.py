"""What is said when a program cannot be built; with a compiler that only pretends."""

import errno
import os
import re
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.stan import toolchain
from pipeline.stan.build import build, main
from tests.stan.building import PROGRAM, build_quietly, compilations, entries

FAULTS = {
    "missing.stan": (None, "missing.stan does not exist"),
    "folder.stan": (Path.mkdir, "is not a file"),
    "normal.txt": (lambda path: path.write_text(PROGRAM), "must end in .stan"),
    "syntax.stan": (
        lambda path: path.write_text(PROGRAM.replace("1);", "1)")),
        r"Syntax error in 'syntax.stan', line 6, column 0",
    ),
    "type.stan": (
        lambda path: path.write_text(PROGRAM.replace("normal", "nrmal")),
        r"Semantic error in 'type.stan', line 5, column 2 to column 18",
    ),
    "include.stan": (
        lambda path: path.write_text("functions {\n#include nowhere.stanfunctions\n}\n"),
        r"(?s)'include.stan', line 2, column 0.*Could not find include file 'nowhere.stanfunctions'",
    ),
    "binary.stan": (lambda path: path.write_bytes(b"\xff\xfe\x00"), r"'binary.stan', line 1"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_program(work, capsys, name):
    make, message = FAULTS[name]
    path = work / name
    if make:
        make(path)
    assert main([str(path), "--toolchain=embedded"]) == 1
    said = capsys.readouterr()
    assert re.search(message, said.err)
    assert said.out == ""
    assert compilations(work) == []


@pytest.mark.parametrize(
    "failure, message",
    [
        ("disk", "No space left on the disk"),
        ("memory", "the memory ran out"),
        ("code", r"(?s)error: 'nonsense' was not declared.*fake_compiler.sh"),
    ],
)
def test_failing_compiler(work, monkeypatch, failure, message):
    monkeypatch.setenv("FAKE_FAILURE", failure)
    with pytest.raises(UserError, match=message):
        build_quietly(work / "normal.stan")
    assert entries(work) == []


def test_no_compiler(work, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"CXX=no-such-compiler[\s\S]*apt install g\+\+"):
        build_quietly(work / "normal.stan")
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(work))
    with pytest.raises(UserError, match=r"No C\+\+ compiler found \(looked for"):
        build_quietly(work / "normal.stan")


def test_broken_compiler(work, monkeypatch):
    broken = work / "broken.sh"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(UserError, match="does not run"):
        build_quietly(work / "normal.stan")


def test_unwritable_cache(work, monkeypatch):
    (work / "file").touch()
    monkeypatch.setenv("LATENTBENCH_CACHE", str(work / "file" / "cache"))
    with pytest.raises(UserError, match=r"cannot be written[\s\S]*LATENTBENCH_CACHE"):
        build_quietly(work / "normal.stan")


def test_full_disk(work, monkeypatch):
    write_text = Path.write_text

    def full(path, *arguments, **options):
        if path.name == "model.cpp":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"No space left[\s\S]*LATENTBENCH_CACHE"):
        build_quietly(work / "normal.stan")


def test_no_wheel(work, monkeypatch):
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"httpstan[\s\S]*3\.10 to 3\.13[\s\S]*toolchain: official"):
        build_quietly(work / "normal.stan")


def test_unknown_setting(work):
    with pytest.raises(UserError, match="'offical'; allowed are auto, embedded, official"):
        build(work / "normal.stan", "offical")
