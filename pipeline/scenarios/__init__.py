"""Scenarios by name: those of this package's modules, and of plug-ins."""

import dataclasses
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from pipeline import plugins
from pipeline.errors import UserError
from pipeline.scenarios.base import DataSet, Scenario
from pipeline.settings import construct, did_you_mean

# Keys of a scenario's block that say how much of it a run takes, and nothing about the scenario itself.
SIZES = ("n_datasets", "n_references")
# Key of a scenario whose data sets are those of another one, which differs in the order of components alone.
TWIN = "twin_of"

__all__ = ["SIZES", "TWIN", "DataSet", "Scenario", "get_scenario", "scenario_classes", "scenario_names"]


def scenario_names() -> list[str]:
    """Return the names of all scenario classes, sorted."""
    return sorted(scenario_classes())


def scenario_classes() -> Mapping[str, type[Scenario]]:
    """Import the modules of this package and the plug-ins, and return their scenario classes by name.

    Raises:
        UserError: two classes have one name.
    """
    return _classes_in(tuple(plugins.modules()))


@functools.cache
def _classes_in(outside: tuple[ModuleType, ...]) -> Mapping[str, type[Scenario]]:
    names = [info.name for info in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")]
    classes: dict[str, type[Scenario]] = {}
    for module in [*map(importlib.import_module, names), *outside]:
        for cls in plugins.defined_in(module, Scenario):
            if cls.name in classes:
                files = f"{inspect.getfile(classes[cls.name])} and {module.__file__}"
                raise UserError(f"Two scenarios are called {cls.name!r}, in {files}.")
            classes[cls.name] = cls
    return classes


def get_scenario(name: str, settings: Mapping[str, Any] | None = None) -> Scenario:
    """Build a scenario from its block of the configuration.

    Args:
        name: the block's key under ``scenarios``.
        settings: the block. ``type`` names the scenario's class where it is not `name` itself, as in
            ``my-data: {type: custom, file: my.csv, ...}``; ``SIZES`` and ``TWIN`` are left out, and all other
            keys are the class's settings.

    Raises:
        UserError: an unknown class or setting (with the closest name), a setting of a wrong type or value,
            a setting missing, or whatever else the class refuses, such as a file that is not there.
    """
    where = f"scenarios.{name}"
    # An empty block of YAML is None.
    values = {key: value for key, value in (settings or {}).items() if key not in (*SIZES, TWIN)}
    key = f"{where}.type" if "type" in values else where
    kind = values.pop("type", name)
    classes = scenario_classes()
    if not isinstance(kind, str) or kind not in classes:
        raise UserError(
            f"{key}: there is no scenario {kind!r}.{did_you_mean(str(kind), classes)} "
            f"Allowed: {', '.join(classes)}. A block with a name of its own names one of these as its type."
        )
    required = {f.name for f in dataclasses.fields(classes[kind]) if f.default is dataclasses.MISSING}  # pyright: ignore[reportArgumentType]
    if missing := sorted(required - set(values)):
        raise UserError(f"{where}: {kind} needs the setting {missing[0]}, which is missing.")
    # Real data have a size of their own.
    sizes = () if getattr(classes[kind], "n_datasets", None) else (*SIZES, TWIN)
    return construct(classes[kind], values, where, also=("type", *sizes))
