import doctest
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import cells
from pipeline.report.cells import Column, make_table, number, short


def test_the_examples_in_the_docstrings():
    result = doctest.testmod(cells)
    assert result.attempted >= 4
    assert result.failed == 0


def _read(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_numbers_are_shown_to_three_digits(value: float):
    assert _read(number(value)) == pytest.approx(
        value, rel=0.05 if abs(value) < 1e-3 or abs(value) > 1e6 else 0.006
    )


@given(st.floats(1e-3, 1e5))
def test_short_numbers_have_two_digits(value: float):
    assert _read(short(value)) == pytest.approx(value, rel=0.051)
    assert len(short(value).replace(",", "").replace(".", "").strip("0")) <= 2


def test_what_is_missing_is_a_dash_and_an_empty_value():
    table = make_table(
        "t", "T", [Column("x", "X", "number"), Column("s", "S")], [{"x": math.nan, "s": None}, {}]
    )
    assert [[(c.text, c.value) for c in row] for row in table.rows] == [[("–", ""), ("", "")]] * 2
    assert cells.is_missing(pd.NA)
    assert not cells.is_missing(0)


def test_infinite_values_can_be_read_by_javascript_and_pandas():
    table = make_table("t", "T", [Column("x", "X", "number")], [{"x": math.inf}, {"x": -math.inf}])
    assert [row[0].value for row in table.rows] == ["Infinity", "-Infinity"]
    assert [row[0].text for row in table.rows] == ["∞", "−∞"]
    assert float("Infinity") == math.inf


def test_raw_values_keep_more_digits_than_are_shown():
    table = make_table("t", "T", [Column("x", "X", "number")], [{"x": 1 / 3, "x aside": "(0.5)"}])
    cell = table.rows[0][0]
    assert (cell.text, cell.aside) == ("0.333", "(0.5)")
    assert float(cell.value) == pytest.approx(1 / 3, abs=1e-9)
