"""Scenarios by name. A new one is a new module of this package and a block in the configuration."""

import dataclasses
import difflib
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.errors import UserError
from pipeline.scenarios.base import DataSet, Scenario

__all__ = ["DataSet", "Scenario", "get_scenario", "scenario_classes", "scenario_names"]


def scenario_names() -> list[str]:
    """Return the names of all scenario classes, sorted."""
    return sorted(scenario_classes())


@functools.cache
def scenario_classes() -> Mapping[str, type[Scenario]]:
    """Import the modules of this package and return their scenario classes by name."""
    classes: dict[str, type[Scenario]] = {}
    for module_info in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        module = importlib.import_module(module_info.name)
        for _, cls in inspect.getmembers(module, inspect.isclass):
            # A class imported from elsewhere is registered where it is defined.
            if cls.__module__ != module.__name__ or not issubclass(cls, Scenario) or inspect.isabstract(cls):
                continue
            if cls.name in classes:
                raise ImportError(
                    f"Two scenarios are called {cls.name!r}: {classes[cls.name].__module__} and {module.__name__}."
                )
            classes[cls.name] = cls
    return classes


def get_scenario(name: str, settings: Mapping[str, Any] | None = None) -> Scenario:
    """Build a scenario from its block of the configuration.

    Args:
        name: the block's key under ``scenarios``.
        settings: the block. ``type`` names the scenario's class where it is not `name` itself, as in
            ``my-data: {type: custom, file: my.csv}``; all other keys are the class's settings.

    Raises:
        UserError: an unknown class or setting (with the closest name), or a setting of a wrong type or
            value.
    """
    where = f"Configuration, scenarios: {name}"
    if settings is not None and not isinstance(settings, Mapping):
        raise UserError(f"{where} must be a block of settings (key: value), not {settings!r}.")
    values = dict(settings or {})
    kind = values.pop("type", name)
    classes = scenario_classes()
    if not isinstance(kind, str) or kind not in classes:
        raise UserError(
            f"{where}: there is no scenario {kind!r}. {_advice(kind, classes)} "
            "For a block with a name of its own, set type to one of these."
        )
    cls = classes[kind]
    fields = {field.name: field for field in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
    for key in values:
        if key not in fields:
            raise UserError(f"{where}: {kind} has no setting {key!r}. {_advice(key, fields)}")
    for key, field in fields.items():
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if no_default and key not in values:
            raise UserError(f"{where}: the setting {key} is missing; {kind} cannot do without it.")
    try:
        return cls(**values)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _advice(found: Any, allowed: Iterable[str]) -> str:
    names = sorted(allowed)
    close = difflib.get_close_matches(str(found), names, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Allowed: {', '.join(names)}."
