"""The order in which the embedded toolchain compiles."""

from pipeline.stan import embedded
from pipeline.stan.embedded import SLOWEST, Unit


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
