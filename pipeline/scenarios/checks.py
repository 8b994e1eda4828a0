"""Checks of the settings in a scenario's block of the configuration.

Each returns its value in the declared type or raises UserError with the key, what was found and what is
allowed; `get_scenario` puts the scenario's name before it.
"""

import math
from collections.abc import Sequence
from typing import Any

from pipeline.errors import UserError


def number(key: str, value: Any, *, above: float = -math.inf, below: float = math.inf) -> float:
    """Return a finite number in the open interval (above, below)."""
    if not _is_number(value) or not above < value < below:
        raise UserError(f"{key} must be a number{_bounds(above, below)}, not {value!r}.")
    return float(value)


def integer(key: str, value: Any, *, at_least: int, at_most: int | None = None) -> int:
    """Return an integer in [at_least, at_most]."""
    if not _is_integer(value) or value < at_least or (at_most is not None and value > at_most):
        top = "" if at_most is None else f" and at most {at_most}"
        raise UserError(f"{key} must be an integer, at least {at_least}{top}, not {value!r}.")
    return int(value)


def integer_range(key: str, value: Any, *, at_least: int) -> tuple[int, int]:
    """Return the two ends, both included, of a range of integers."""
    ends = _as_sequence(value)
    if (
        ends is None
        or len(ends) != 2
        or not all(_is_integer(end) for end in ends)
        or not at_least <= ends[0] <= ends[1]
    ):
        raise UserError(
            f"{key} must be [smallest, largest], two integers with {at_least} <= smallest <= largest, "
            f"not {value!r}."
        )
    return int(ends[0]), int(ends[1])


def numbers(
    key: str,
    value: Any,
    *,
    length: int | None = None,
    at_least_length: int = 1,
    above: float = -math.inf,
) -> tuple[float, ...]:
    """Return a list of finite numbers larger than `above`, of the length asked for."""
    found = _as_sequence(value)
    size = f"{length}" if length is not None else f"at least {at_least_length}"
    right_size = found is not None and (
        len(found) == length if length is not None else len(found) >= at_least_length
    )
    if found is None or not right_size or not all(_is_number(x) and x > above for x in found):
        raise UserError(f"{key} must be a list of {size} numbers{_bounds(above, math.inf)}, not {value!r}.")
    return tuple(float(x) for x in found)


def probabilities(key: str, value: Any, *, length: int) -> tuple[float, ...]:
    """Return non-negative numbers that sum to one within 1e-8, Stan's own tolerance for a simplex."""
    found = numbers(key, value, length=length)
    if min(found) < 0 or abs(math.fsum(found) - 1) > 1e-8:
        raise UserError(
            f"{key} must be {length} probabilities that sum to 1, not {value!r}, whose sum is "
            f"{math.fsum(found):g}."
        )
    return found


def text(key: str, value: Any, *, allowed: Sequence[str] = ()) -> str:
    """Return a text that is not empty, one of `allowed` where any are given."""
    if not isinstance(value, str) or not value or (allowed and value not in allowed):
        kinds = f"one of {', '.join(allowed)}" if allowed else "a text"
        raise UserError(f"{key} must be {kinds}, not {value!r}.")
    return value


def flag(key: str, value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise UserError(f"{key} must be true or false, not {value!r}.")
    return value


def _is_number(value: Any) -> bool:
    # YAML's true is an int to Python, and never a number to the user.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _as_sequence(value: Any) -> Sequence[Any] | None:
    return value if isinstance(value, list | tuple) else None


def _bounds(above: float, below: float) -> str:
    parts = []
    if above > -math.inf:
        parts.append(f"above {above:g}")
    if below < math.inf:
        parts.append(f"below {below:g}")
    return f" {' and '.join(parts)}" if parts else ""
