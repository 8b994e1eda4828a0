"""The order in which the embedded toolchain compiles, and what it leaves out of Stan's headers."""

import re
from collections import defaultdict
from pathlib import Path

from pipeline.stan import embedded
from pipeline.stan.embedded import RARE, SLOWEST, Unit
from pipeline.stan.toolchain import Embedded, find_toolchain
from tests.stan.building import build_quietly, compilations


def test_the_model_and_what_is_slow_are_begun_first(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTBENCH_CACHE", str(tmp_path))
    parts = [(f"{part}-{file.stem}", part) for part in ("cmdstan", "bridgestan")
             for file in sorted((embedded.SOURCES / part).glob("*.cpp"))]  # fmt: skip
    units = [Unit(name, part, None, "", "key") for name, part in [*parts, ("mine", "model")]]
    begun = []

    class Recorder:
        def map(self, function, items, jobs):
            begun.extend(unit.name for unit in items)
            return dict.fromkeys(items, True)

    embedded._compile(None, units, 2, Recorder(), lambda message: None)  # type: ignore[arg-type]
    assert begun[: len(SLOWEST) + 1] == ["mine", *SLOWEST], "a file was renamed?"
    assert sorted(begun) == sorted(unit.name for unit in units)


def test_what_calls_a_function_left_out_is_compiled_once_more_and_both_are_charged(work, monkeypatch):
    plain = build_quietly(work / "normal.stan")
    done = len(compilations(work))
    monkeypatch.setenv("FAKE_FAILURE", "rare")
    monkeypatch.setenv("FAKE_SLEEP_S", "0.5")
    (work / "other.stan").write_text((work / "normal.stan").read_text().replace("0, 1", "0, 2"))
    built = build_quietly(work / "other.stan")
    assert built.executable.read_text() == plain.executable.read_text() == "compiled\n"
    assert len(compilations(work)) - done == 4, "the program twice, two links"
    assert built.compile_wall_s > 4 * 0.5


def test_functions_are_left_out_with_all_their_overloads():
    """One overload fewer could have another one called, without a word."""
    tools = find_toolchain("embedded")
    assert isinstance(tools, Embedded)
    guards_of = defaultdict(set)
    for file in (tools.include / "stan" / "math").glob("[pr]*/*/*.hpp"):
        if file.parts[-3] in ("prim", "rev") and (
            guard := re.search(r"#define (STAN_MATH_\w+)", file.read_text())
        ):
            guards_of[file.stem].add(guard[1])
    left_out = set(re.findall(r"#define (STAN_MATH_\w+)", Path(RARE).read_text()))
    assert left_out <= set.union(*guards_of.values()), "another Stan has other headers?"
    torn = {name for name, guards in guards_of.items() if guards & left_out and guards - left_out}
    assert not torn
