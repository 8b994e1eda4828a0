"""What is built, when it is built again, and what is said when it cannot be; mostly with a fake compiler."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.stan import cache, compiler, embedded, toolchain
from tests.stan.building import FAKE_COMPILER, PROGRAM, build_quietly, command_line, compilations, entries


def test_builds_both_and_reuses_them(work):
    built = build_quietly(work / "normal.stan")
    assert (built.name, built.reused) == ("normal", False)
    assert built.executable.name == "normal"
    assert built.library.name == "normal_model.so"
    assert built.executable.read_text() == built.library.read_text() == "compiled\n"
    assert built.compile_wall_s > 0
    done = compilations(work)
    assert done.count("link") == 2
    assert len(set(done)) == len(done) - 1  # each source once

    shutil.rmtree(work / "cache" / "objects")  # a program stands without them
    again = build_quietly(work / "normal.stan")
    assert again.reused
    assert (again.executable, again.compile_wall_s) == (built.executable, built.compile_wall_s)
    assert compilations(work) == done


@pytest.mark.parametrize("refused", [toolchain.THREAD_LOCAL_FLAG, toolchain.INLINE_FLAG])
def test_some_flags_are_for_compilers_that_know_them(work, monkeypatch, refused):
    both = (*toolchain.COMPILE_FLAGS, toolchain.THREAD_LOCAL_FLAG, toolchain.INLINE_FLAG)
    assert toolchain.find_toolchain("embedded").record.flags == both
    compiler.accepts_flag.cache_clear()  # of a compiler that now answers otherwise
    monkeypatch.setenv("FAKE_REFUSES", refused)
    assert toolchain.find_toolchain("embedded").record.flags == tuple(f for f in both if f != refused)
    compiler.accepts_flag.cache_clear()


def test_much_is_inlined_in_models_alone(work):
    build_quietly(work / "normal.stan")
    lines = (work / "log").read_text().splitlines()
    with_it = [line for line in lines if toolchain.INLINE_FLAG in line]
    assert len(with_it) == 1 and "model.cpp" in with_it[0] and len(lines) > 10


def test_less_optimisation_is_asked_for_by_a_level(work, monkeypatch):
    monkeypatch.setenv("LATENTBENCH_OPTIMISATION", "1")
    flags = toolchain.find_toolchain("embedded").record.flags
    assert set(toolchain.COMPILE_FLAGS) - set(flags) == {"-O3", "-funroll-loops"} and "-O1" in flags
    assert toolchain.INLINE_FLAG not in flags
    monkeypatch.setenv("LATENTBENCH_OPTIMISATION", "fast")
    with pytest.raises(UserError, match="LATENTBENCH_OPTIMISATION must be 0, 1, 2 or 3, not 'fast'"):
        toolchain.find_toolchain("embedded")


def test_another_program_compiles_only_itself(work):
    build_quietly(work / "normal.stan")
    before = len(compilations(work))
    (work / "other.stan").write_text(PROGRAM.replace("0, 1", "0, 2"))
    build_quietly(work / "other.stan")
    new = compilations(work)[before:]
    assert len(new) == 3
    assert new.count("link") == 2


def test_place_and_comments_do_not_matter(work):
    built = build_quietly(work / "normal.stan")
    elsewhere = work / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "normal.stan").write_text(PROGRAM.replace("real x;", "real x; // location"))
    assert build_quietly(elsewhere / "normal.stan").executable == built.executable


def change_program(work, monkeypatch):
    (work / "normal.stan").write_text(PROGRAM.replace("0, 1", "0, 2"))


def change_lines(work, monkeypatch):
    # They stand in the program's messages.
    (work / "normal.stan").write_text("\n" + PROGRAM)


def change_include(work, monkeypatch):
    (work / "f.stanfunctions").write_text("real f() { return 2; }")


def change_flags(work, monkeypatch):
    monkeypatch.setattr(toolchain, "COMPILE_FLAGS", (*toolchain.COMPILE_FLAGS, "-O2"))


def change_compiler(work, monkeypatch):
    newer = work / "newer.sh"
    newer.write_text(FAKE_COMPILER.read_text().replace("fake 1.0", "fake 1.1"))
    newer.chmod(0o755)
    monkeypatch.setenv("CXX", str(newer))


def change_wheel(work, monkeypatch):
    version = embedded.metadata.version
    monkeypatch.setattr(
        embedded.metadata, "version", lambda name: "9.9" if name == "httpstan" else version(name)
    )


def change_header(work, monkeypatch):
    sources = work / "embedded"
    shutil.copytree(embedded.SOURCES, sources)
    monkeypatch.setattr(embedded, "SOURCES", sources)
    header = sources / "bridgestan" / "guard.hpp"
    header.write_text(header.read_text() + "\n")


CHANGES = [
    change_program,
    change_lines,
    change_include,
    change_flags,
    change_compiler,
    change_wheel,
    change_header,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_key_follows_content_flags_and_compiler(work, monkeypatch, change):
    if change is change_include:
        (work / "f.stanfunctions").write_text("real f() { return 1; }")
        (work / "normal.stan").write_text("functions {\n#include f.stanfunctions\n}\n" + PROGRAM)
    before = build_quietly(work / "normal.stan")
    change(work, monkeypatch)
    after = build_quietly(work / "normal.stan")
    assert not after.reused
    assert after.executable != before.executable
    assert before.executable.exists()


def test_name_is_part_of_the_key(work):
    before = build_quietly(work / "normal.stan")
    (work / "normal.stan").rename(work / "my normal.stan")
    after = build_quietly(work / "my normal.stan")
    assert after.executable.name == "my normal"
    assert after.executable != before.executable


def test_keys_see_where_parts_end():
    assert cache.content_key("ab", "c") != cache.content_key("a", "bc")
    assert cache.content_key("ab") != cache.content_key("ab", "")


def test_two_processes_build_once(work):
    processes = [
        command_line(work, "--json", "--jobs=1", "--toolchain=embedded", FAKE_SLEEP_S="0.05")
        for _ in range(3)
    ]
    results = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(results)) == 1
    assert Path(json.loads(results[0])["library"]).exists()
    done = compilations(work)
    assert len(done) == len(set(done)) + 1  # one line a source, two for linking


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_running(pid):
    try:
        # A zombie that nobody has reaped yet runs no more.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_kill_leaves_nothing_half_made(work):
    process = command_line(work, "--toolchain=embedded", FAKE_SLEEP_S="2")
    wait_for(lambda: compilations(work))
    process.kill()
    process.communicate()
    assert all(".tmp-" in entry.name for entry in entries(work))
    assert build_quietly(work / "normal.stan").executable.read_text() == "compiled\n"
    assert not any(".tmp-" in entry.name for entry in entries(work))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_termination_takes_the_compilers_along(work):
    process = command_line(work, "--toolchain=embedded", FAKE_SLEEP_S="60")
    wait_for(lambda: compilations(work))
    pids = [int(line.split()[0]) for line in (work / "log").read_text().splitlines()]
    assert all(is_running(pid) for pid in pids)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    wait_for(lambda: not any(is_running(pid) for pid in pids))
    assert entries(work) == []


def test_command_line(work):
    process = command_line(work)
    output, messages = process.communicate()
    executable, library = output.splitlines()
    assert Path(executable).name == "normal"
    assert Path(library).name == "normal_model.so"
    assert "once a machine" in messages


def test_compiler_with_its_own_library(work, monkeypatch):
    prefix = work / "prefix"
    for folder in ("bin", "lib"):
        (prefix / folder).mkdir(parents=True)
    (prefix / "lib" / "libstdc++.so.6").touch()
    shutil.copy(FAKE_COMPILER, prefix / "bin" / "g++")
    monkeypatch.setenv("CXX", str(prefix / "bin" / "g++"))
    build_quietly(work / "normal.stan")
    links = [line for line in (work / "log").read_text().splitlines() if line.split()[1] == "link"]
    assert len(links) == 2
    assert all(f"-Wl,-rpath,{prefix / 'lib'}" in line.split() for line in links)


@pytest.mark.slow
def test_concurrent_builds_with_the_real_compiler(tmp_path):
    (tmp_path / "normal.stan").write_text(PROGRAM)
    processes = [command_line(tmp_path, "--json", "--toolchain=embedded") for _ in range(2)]
    results = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    (paths,) = (json.loads(result) for result in results)
    information = subprocess.run([paths["executable"], "info"], capture_output=True, text=True, check=True)
    assert "stan_version_major = 2" in information.stdout
