"""Check a plug-in: ``python -m pipeline.contracts FILE [--settings JSON]``.

Every scenario of the file is checked with its default settings, or those given by its name, and every method
on the file's own scenarios, on gmm-ordered and on hmm-ordered, where nothing stands in its way.
"""

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline import plugins
from pipeline.contracts.methods import check_method, ready
from pipeline.contracts.scenarios import CONTRACT
from pipeline.errors import UserError
from pipeline.methods import get_method
from pipeline.methods.base import Method
from pipeline.scenarios import get_scenario
from pipeline.scenarios.base import Scenario
from pipeline.stan.build import build

BUILT_IN = ("gmm-ordered", "hmm-ordered")


def check(module: ModuleType, settings: dict[str, dict[str, Any]]) -> list[str]:
    """Print what is checked, and return what is broken: who, which contract, where and why."""
    broken: list[str] = []

    def attempt(who: str, contract: str, run: Callable[[], object]) -> None:
        try:
            run()
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            why = str(error).strip() or frame.line
            broken.append(
                f"{who}: {contract}: {type(error).__name__} at {frame.filename}:{frame.lineno}: {why}"
            )
            print(f"BROKEN  {who}: {contract}")
        else:
            print(f"ok      {who}: {contract}")

    own = {
        cls.name: get_scenario(cls.name, settings.get(cls.name, {}))
        for cls in plugins.defined_in(module, Scenario)
    }
    for name, scenario in own.items():
        for contract in CONTRACT:
            attempt(
                f"scenario {name}", contract.__name__.replace("_", " "), lambda c=contract, s=scenario: c(s)
            )
    on = {**own, **{name: get_scenario(name) for name in BUILT_IN}}
    for cls in plugins.defined_in(module, Method):
        method = get_method(cls.name, settings.get(cls.name, {}))
        for name, scenario in on.items():
            if obstacle := method.obstacle(scenario):
                print(f"left out method {cls.name} on {name}: {obstacle}")
                continue
            attempt(f"method {cls.name}", f"on {name}", lambda m=method, s=scenario: _fit(m, s))
    return broken


def _fit(method: Method, scenario: Scenario) -> None:
    data = scenario.data_sets(range(5, 5 + (scenario.n_datasets or 1)))[0]
    with tempfile.TemporaryDirectory() as folder:
        built = build(scenario.stan_file)
        check_method(ready(method, scenario, Path(folder), built), scenario, data, built)


def main() -> int:
    """Check the file named on the command line; 1 where something is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--settings", type=json.loads, default={}, help='such as {"my-method": {"draws": 500}}'
    )
    arguments = parser.parse_args()
    try:
        plugins.activate([arguments.file])
        broken = check(plugins.modules()[0], arguments.settings)
    except UserError as error:
        broken = [str(error)]
    for text in broken:
        print(f"plug-in {arguments.file}: {text}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
