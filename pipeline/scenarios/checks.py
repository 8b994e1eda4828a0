"""Checks of values in a block of the configuration, a scenario's or a method's; `construct` checked types.

Each raises UserError with the key, what was found and what is allowed.
"""

import math
from collections.abc import Mapping, Sequence

from pipeline.errors import UserError

_MIN_ACCEPTED = 5  # prior draws of a trial


def check_positive(key: str, value: float) -> None:
    """Refuse what is not a positive finite number."""
    if not 0 < value < math.inf:
        raise UserError(f"{key} must be a positive number, not {value}.")


def check_only_one(values: Mapping[str, object]) -> None:
    """Refuse settings that exclude each other; None stands for one that is not given."""
    if sum(value is not None for value in values.values()) > 1:
        raise UserError(f"{' and '.join(values)} exclude each other; give one of them.")


def check_at_least(key: str, value: int, smallest: int) -> None:
    """Refuse an integer below the smallest allowed."""
    if value < smallest:
        raise UserError(f"{key} must be at least {smallest}, not {value}.")


def check_between(key: str, value: int, smallest: int, largest: int, why: str) -> None:
    """Refuse an integer outside of its range; `why` says where the largest comes from."""
    if not smallest <= value <= largest:
        raise UserError(f"{key} must be {smallest} to {largest} ({why}), not {value}.")


def check_n_components(n_components: int, *, ordered: bool) -> None:
    """Refuse fewer than two components, and more than can be told apart or relabelled."""
    if ordered:
        check_between("n_components", n_components, 2, 50, "each needs observations of its own")
    else:
        check_between("n_components", n_components, 2, 8, "K! labellings are gone through")


def check_range(key: str, ends: Sequence[int], smallest: int) -> None:
    """Refuse what is not a range of integers, both ends included, from the smallest allowed."""
    if len(ends) != 2 or not smallest <= ends[0] <= ends[1]:
        raise UserError(f"{key} must be [least, most] with {smallest} <= least <= most, not {list(ends)}.")


def check_length(key: str, values: Sequence[float], length: int, why: str) -> None:
    """Refuse a list of another length; `why` says where the length comes from."""
    if len(values) != length:
        raise UserError(f"{key} must be {length} numbers ({why}), not {len(values)}: {list(values)}.")


def check_all_positive(key: str, values: Sequence[float]) -> None:
    """Refuse a list with anything but positive finite numbers."""
    if not all(0 < value < math.inf for value in values):
        raise UserError(f"{key} must be positive numbers, not {list(values)}.")


def check_increasing(key: str, values: Sequence[float]) -> None:
    """Refuse a list of numbers that are not finite or fall."""
    if not all(math.isfinite(value) for value in values) or list(values) != sorted(values):
        raise UserError(f"{key} must be numbers from the smallest to the largest, not {list(values)}.")


def check_probabilities(key: str, values: Sequence[float]) -> None:
    """Refuse what is not a distribution within 1e-8, Stan's own tolerance for a simplex."""
    if not all(value >= 0 for value in values) or not abs(math.fsum(values) - 1) < 1e-8:
        raise UserError(f"{key} must be probabilities that sum to 1, not {list(values)}.")


def check_one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a word that is none of those allowed."""
    if value not in allowed:
        raise UserError(f"{key} must be one of {', '.join(allowed)}, not {value!r}.")


def check_finite(key: str, value: float) -> None:
    """Refuse infinities and NaN."""
    if not math.isfinite(value):
        raise UserError(f"{key} must be a finite number, not {value}.")


def check_separation(separation: Sequence[float]) -> None:
    """Refuse what is no range of separations between components."""
    check_length("separation", separation, 2, "least and largest")
    if not 0 <= separation[0] < separation[1]:
        raise UserError(
            f"separation must be [least, largest] with 0 <= least < largest, not {list(separation)}."
        )


def check_reachable(separation: Sequence[float], accepted: int, trials: int) -> None:
    """Refuse a separation that hardly any prior draw has: simulating would take very long."""
    if accepted < _MIN_ACCEPTED:
        raise UserError(
            f"separation {list(separation)}: {accepted} of {trials} prior draws lie there. "
            "Widen it, or change mu_sd."
        )
