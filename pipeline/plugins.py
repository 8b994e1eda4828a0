"""Methods and scenarios from outside the suite: files that the configuration names, and installed packages.

A package offers a module by the entry point group ``latentbench``. What the configuration names is handed to
the processes of the workflow in an environment variable, because each of them imports methods by itself.
"""

import functools
import importlib.util
import inspect
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType

from pipeline.errors import UserError
from pipeline.files import fingerprint

VARIABLE = "LATENTBENCH_PLUGINS"  # JSON list of absolute paths
GROUP = "latentbench"


def activate(paths: Sequence[str | Path]) -> None:
    """Import the files, for this process and for those that it starts.

    Raises:
        UserError: a file is missing, cannot be imported, or defines neither a method nor a scenario.
    """
    os.environ[VARIABLE] = json.dumps([str(Path(path).resolve()) for path in paths])
    modules()


def modules() -> list[ModuleType]:
    """Return the modules of all plug-ins, imported where they are not yet.

    Raises:
        UserError: as ``activate``.
    """
    files = [_from_file(Path(path)) for path in json.loads(os.environ.get(VARIABLE, "[]"))]
    return [*files, *_installed()]


def defined_in(module: ModuleType, base: type) -> list[type]:
    """Return the public concrete subclasses of ``base`` that a module itself defines."""
    return [
        cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__
        and issubclass(cls, base)
        and not inspect.isabstract(cls)
        and not name.startswith("_")
    ]


@functools.cache
def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"plugins: {path}: there is no such file.")
    name = f"latentbench_plugin_{fingerprint(str(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"plugins: {path}: a plug-in is a Python file, whose name ends in .py.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their own module up while they are made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        _check(module, str(path))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, UserError):
            raise
        raise UserError(_failed(str(path), error)) from error
    return module


@functools.cache
def _installed() -> tuple[ModuleType, ...]:
    found = []
    for entry in metadata.entry_points(group=GROUP):
        label = f"{entry.name} ({entry.value})"
        try:
            module = entry.load()
        except (Exception, SystemExit) as error:
            raise UserError(_failed(label, error)) from error
        _check(module, label)
        found.append(module)
    return tuple(found)


def _check(module: ModuleType, label: str) -> None:
    from pipeline.methods.base import Method
    from pipeline.scenarios.base import Scenario

    if not defined_in(module, Method) and not defined_in(module, Scenario):
        raise UserError(
            f"plugins: {label}: it defines no method and no scenario. Derive a class from "
            "pipeline.methods.base.Method or pipeline.scenarios.base.Scenario, with all it asks for."
        )


def _failed(label: str, error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in label]
    line = f", line {frames[-1].lineno}" if frames else ""
    return f"plugins: {label}{line}: importing it failed: {type(error).__name__}: {error}"
