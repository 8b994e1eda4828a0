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
# Key of a block with a name of its own that names the method, which may so stand there with several settings.
TYPE = "type"

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


def get_method(name: str, settings: Mapping[str, Any]) -> Method:
    """Build a method from its block of the configuration.

    Args:
        name: the block's key under ``methods``.
        settings: the block. ``type`` names the method where it is not `name` itself, as in
            ``advi-patient: {type: advi-fullrank, tol_rel_obj: 0.001}``.

    Raises:
        UserError: a wrong name, key or value, or another method's name for this one.
    """
    where = f"methods.{name}"
    own = {key: value for key, value in settings.items() if key not in (SCOPE, TYPE)}
    kind = settings.get(TYPE, name)
    cls = _class_of(kind, f"{where}.{TYPE}" if TYPE in settings else where)
    if kind != name and name in _discover():
        raise UserError(
            f"{where}.{TYPE}: {name} is itself a method, and its name may not stand for {kind}. Choose "
            "another name."
        )
    return construct(cls, own, where, also=(SCOPE, TYPE))


def _class_of(name: str, where: str) -> type[Method]:
    classes = _discover()
    if name not in classes:
        raise UserError(
            f"{where}: no such method.{did_you_mean(name, classes)} Allowed: {', '.join(sorted(classes))}. "
            "A block with a name of its own names one of these as its type."
        )
    return classes[name]
