"""Frozen dataclasses built from blocks of the configuration, with errors that say what to mend."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from pipeline.errors import UserError


def did_you_mean(found: str, allowed: typing.Iterable[str]) -> str:
    """Return " Did you mean X?" for the closest allowed name, or nothing where none is close."""
    close = difflib.get_close_matches(found, list(allowed), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def construct(cls: type, settings: Mapping[str, Any], where: str, also: typing.Iterable[str] = ()) -> Any:
    """Build the dataclass ``cls`` from a block of the configuration.

    Args:
        cls: a dataclass whose fields are the allowed keys, with their types.
        settings: the block's keys and values.
        where: the block's place, such as "methods.nuts", to begin messages with.
        also: keys that the block may have beside these, already taken out of it; for messages.

    Raises:
        UserError: a key that is no field, a value of another type, or what ``__post_init__`` refuses.
    """
    fields = {f.name for f in dataclasses.fields(cls) if f.init}
    hints = typing.get_type_hints(cls)
    for key, value in settings.items():
        if key not in fields:
            allowed = [*sorted(fields), *also]
            raise UserError(
                f"{where}.{key}: no such setting.{did_you_mean(key, allowed)} "
                f"Allowed: {', '.join(allowed) or 'none'}."
            )
        if not _fits(value, hints[key]):
            raise UserError(f"{where}.{key}: found {value!r}; it must be {_in_words(hints[key])}.")
    try:
        return cls(**{key: _frozen(value) for key, value in settings.items()})
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _fits(value: Any, hint: Any) -> bool:
    """Say whether a value from YAML is of an annotated type; types beyond YAML's are left to the class."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(_fits(value, option) for option in typing.get_args(hint))
    origin = typing.get_origin(hint) or hint
    if origin is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin is tuple:
        inner = typing.get_args(hint)[:1]
        return isinstance(value, list | tuple) and all(_fits(v, i) for v in value for i in inner)
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    return isinstance(value, origin) if isinstance(origin, type) else True


def _in_words(hint: Any) -> str:
    """Say what an annotated type allows, to someone who writes YAML and no Python."""
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_in_words(option) for option in arguments)
    if origin is typing.Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin is tuple:
        size = "" if Ellipsis in arguments else f"{len(arguments)} values, each "
        return f"a list of {size or 'values, each '}{_in_words(arguments[0])}"
    words = {float: "a number", int: "an integer", str: "a text", bool: "true or false"}
    return words.get(origin, "empty" if origin is types.NoneType else f"a {hint}")


def _frozen(value: Any) -> Any:
    """Turn lists into tuples, so that frozen dataclasses can be compared and hashed."""
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
