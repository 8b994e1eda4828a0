"""Which files of this package a module depends on: the workflow rebuilds what changed code touches."""

import ast
import functools
import hashlib
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent


@functools.cache
def sources_of(*modules: str) -> list[str]:
    """Return the files of ``pipeline`` that the given modules import, directly or not, themselves included.

    The modules may be plug-ins, whose own file counts and what they import from ``pipeline``.

    Imports inside functions count too. Modules found by discovery, such as the methods, must be named.
    """
    todo, seen = list(modules), {}
    while todo:
        module = todo.pop()
        file = _file_of(module)
        if module in seen or file is None:
            continue
        seen[module] = str(file)
        todo += _imports(file)
    return sorted(set(seen.values()))


def _file_of(module: str) -> Path | None:
    if module.split(".")[0] != PACKAGE.name:  # a plug-in, which is imported by now
        file = getattr(sys.modules.get(module), "__file__", None)
        return Path(file) if file else None
    relative = PACKAGE.parent / module.replace(".", "/")
    for candidate in (relative.with_suffix(".py"), relative / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


@functools.cache
def _imports(file: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in found if name.split(".")[0] == "pipeline"]


def hash_of(*modules: str) -> str:
    """Return a hash of the contents of ``sources_of(*modules)``."""
    digest = hashlib.sha256()
    for file in sources_of(*modules):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:20]
