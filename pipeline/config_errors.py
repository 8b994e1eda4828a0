"""What is wrong in a configuration file, in the words of the file: its keys and lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from pipeline.errors import UserError
from pipeline.settings import did_you_mean

_TYPES = {
    "object": "a block of keys, such as `nuts: {}` under `methods:`",
    "array": "a list",
    "string": "a text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}


def check_keys(node: Any, path: list[str], files: list[Path]) -> None:
    """Refuse keys that YAML does not read as texts, such as 7 or null."""
    for key, value in node.items() if isinstance(node, Mapping) else ():
        if not isinstance(key, str):
            where_it_is = place([*path, str(key)], files)
            where = ".".join([*path, str(key)])
            raise UserError(
                f"{where_it_is}{where}: a key must be a text; YAML reads {key!r} here. Put it in quotes."
            )
        check_keys(value, [*path, key], files)


def check_duplicates(node: yaml.Node | None, path: list[str], file: Path) -> None:
    """Refuse a key that is given twice, of which YAML would take the last."""
    seen: dict[str, int] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        line, where = key.start_mark.line + 1, ".".join([*path, str(key.value)])
        if key.value in seen:
            raise UserError(
                f"{file}:{line}: {where}: given twice, first in line {seen[key.value]}. Remove one, or give "
                "it a name of its own."
            )
        seen[key.value] = line
        check_duplicates(value, [*path, str(key.value)], file)


def describe(error: jsonschema.ValidationError, files: list[Path]) -> str:
    """Say what a schema violation is, in the words of the configuration."""
    path = [str(part) for part in error.path]
    schema = error.schema
    if (
        error.validator == "additionalProperties"
        and isinstance(error.instance, dict)
        and isinstance(schema, dict)
    ):
        allowed = list(schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in allowed)
        path.append(str(unknown))
        text = f"no such key.{did_you_mean(str(unknown), allowed)} Allowed: {', '.join(allowed)}."
    elif error.validator == "type":
        text = f"found {_shown(error.instance)}; it must be {_TYPES[str(error.validator_value)]}."
    else:
        text = f"{error.message}."
    return f"{place(path, files)}{'.'.join(path) or 'configuration'}: {text}"


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def place(path: list[str], files: list[Path]) -> str:
    """Return "file:line: " of the deepest part of a key's path that a file holds."""
    best = (0, "")
    for file in files:
        if not file.exists():
            continue
        node, depth, line = yaml.compose(file.read_text()), 0, 1
        for part in path:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            found = next(((k, v) for k, v in pairs if k.value == part), None)
            if found is None:
                break
            node, depth, line = found[1], depth + 1, found[0].start_mark.line + 1
        best = max(best, (depth, f"{file}:{line}: "))
    return best[1]
