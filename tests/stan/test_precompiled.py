from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.stan import embedded, precompiled
from pipeline.stan.processes import Processes
from pipeline.stan.toolchain import Embedded, find_toolchain


@pytest.fixture
def tools(tmp_path, monkeypatch) -> Embedded:
    monkeypatch.setenv("LATENTBENCH_CACHE", str(tmp_path))
    monkeypatch.delenv(precompiled.VARIABLE, raising=False)
    found = find_toolchain("embedded")
    assert isinstance(found, Embedded)
    return found


@pytest.fixture
def calls(monkeypatch):
    """The compiler's command lines, none of which is run."""
    calls: list[list[str]] = []

    def compiled(processes, argv, folder, what):
        calls.append(argv)
        Path(argv[-1]).write_text("header")

    monkeypatch.setattr(precompiled, "run_compiler", compiled)
    return calls


def test_the_header_is_made_once_where_it_is_asked_for(tools, calls, monkeypatch):
    flags = ["-O3"]
    plain = ["-include", str(embedded.LEAN)]
    assert precompiled.include_flags(tools, flags, embedded.LEAN, Processes()) == plain and not calls
    monkeypatch.setenv(precompiled.VARIABLE, "1")
    include, *first = precompiled.include_flags(tools, flags, embedded.LEAN, Processes())
    assert first == ["-include", embedded.LEAN.name]
    assert (Path(include.removeprefix("-I")) / f"{embedded.LEAN.name}.gch").read_text() == "header"
    assert precompiled.include_flags(tools, flags, embedded.LEAN, Processes()) == [include, *first]
    assert len(calls) == 1
    assert precompiled.include_flags(tools, ["-O2"], embedded.LEAN, Processes()) != [include, *first]


def test_other_compilers_go_without(tools, calls, monkeypatch):
    monkeypatch.setenv(precompiled.VARIABLE, "1")
    clang = replace(tools, record=replace(tools.record, compiler_version="Debian clang version 14.0.6"))
    assert precompiled.include_flags(clang, [], embedded.LEAN, Processes())[0] == "-include" and not calls
