"""The registry of methods: every module of this package, and every plug-in, may register classes."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, TypeVar

from pipeline import plugins
from pipeline.errors import UserError
from pipeline.methods.base import Method
from pipeline.settings import construct, did_you_mean

# Key of a method's block that says where it is applied, and nothing about the method itself.
SCOPE = "scenarios"

_REGISTRY: dict[str, type[Method]] = {}
_Class = TypeVar("_Class", bound=type[Method])


def register(cls: _Class) -> _Class:
    """Class decorator: make a method known by its ``name``."""
    other = _REGISTRY.setdefault(cls.name, cls)
    if other is not cls:
        raise ValueError(f"two methods are called {cls.name!r}: {other.__module__} and {cls.__module__}")
    return cls


def _discover() -> dict[str, type[Method]]:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for module in plugins.modules():
        for cls in plugins.defined_in(module, Method):
            register(cls)
    return _REGISTRY


def method_names() -> list[str]:
    """Return the names of all methods."""
    return sorted(_discover())


def method_class(name: str) -> type[Method]:
    """Return the class registered under ``name``; raises UserError for an unknown name."""
    classes = _discover()
    if name not in classes:
        hint = did_you_mean(name, classes)
        raise UserError(f"methods.{name}: no such method.{hint} Allowed: {', '.join(sorted(classes))}.")
    return classes[name]


def get_method(name: str, settings: Mapping[str, Any]) -> Method:
    """Build a method from its block of the configuration; raises UserError for a wrong name, key or value."""
    own = {key: value for key, value in settings.items() if key != SCOPE}
    return construct(method_class(name), own, f"methods.{name}", also=(SCOPE,))
