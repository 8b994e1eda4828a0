"""Blocks of the configuration become dataclasses, or errors that say what to mend."""

from dataclasses import dataclass

import pytest

from pipeline.errors import UserError
from pipeline.settings import construct


@dataclass(frozen=True)
class Block:
    draws: int = 10
    scale: float = 1.0
    sizes: tuple[int, ...] = (1, 2)
    file: str | None = None

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
            r"methods\.m\.drawz: no such setting. Did you mean 'draws'\? Allowed: draws, file, scale",
        ),
        ({"draws": "5"}, r"methods\.m\.draws: found '5', which is no int"),
        ({"draws": True}, "found True, which is no int"),
        ({"sizes": [1, "a"]}, r"methods\.m\.sizes: found \[1, 'a'\]"),
        ({"draws": 0}, r"methods\.m: draws: found 0, must be at least 1"),
    ],
)
def test_errors_name_the_key(settings, message):
    with pytest.raises(UserError, match=message):
        construct(Block, settings, "methods.m")
