"""Blocks of the configuration become dataclasses, or errors that say what to mend."""

from dataclasses import dataclass
from typing import Literal

import pytest

from pipeline.errors import UserError
from pipeline.settings import construct


@dataclass(frozen=True)
class Block:
    draws: int = 10
    scale: float = 1.0
    sizes: tuple[int, ...] = (1, 2)
    file: str | None = None
    kind: Literal["a", "b"] = "a"
    range: tuple[int, int] = (1, 2)

    def __post_init__(self):
        if self.draws < 1:
            raise UserError(f"draws: found {self.draws}, must be at least 1.")


def test_values_and_defaults():
    assert construct(Block, {"draws": 5, "scale": 2, "sizes": [3]}, "x") == Block(5, 2, (3,))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"drawz": 5},
            r"methods\.m\.drawz: no such setting. Did you mean 'draws'\? Allowed: draws, file, kind, range",
        ),
        ({"draws": "5"}, r"methods\.m\.draws: found '5'; it must be an integer"),
        ({"draws": True}, "found True; it must be an integer"),
        (
            {"sizes": [1, "a"]},
            r"methods\.m\.sizes: found \[1, 'a'\]; it must be a list of values, each an integer",
        ),
        ({"sizes": 3}, "found 3; it must be a list of values, each an integer"),
        ({"file": 3}, "found 3; it must be a text or empty"),
        ({"scale": "1e-3"}, "found '1e-3'; it must be a number"),
        ({"kind": "c"}, "found 'c'; it must be one of a, b"),
        ({"range": "1-2"}, "found '1-2'; it must be a list of 2 values, each an integer"),
        ({"draws": 0}, r"methods\.m: draws: found 0, must be at least 1"),
    ],
)
def test_errors_name_the_key(settings, message):
    with pytest.raises(UserError, match=message):
        construct(Block, settings, "methods.m")
