"""A table as the template draws it: columns, cells with the text to read and the value to sort by."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column of a report table.

    Attributes:
        key: name of the field in the rows, and the column's name in the downloaded CSV.
        label: the header.
        kind: "text", "long" (text that wraps), "status", "flag", or one of the numeric kinds: "number",
            "precise" (four decimals), "integer", "percent", "seconds" and "times".
        term: glossary entry that the header links to, "" for none.
        filtered: whether the table gets a drop-down list of the column's values.
        links: whether each cell links to the glossary entry of its own value.
    """

    key: str
    label: str
    kind: str = "text"
    term: str = ""
    filtered: bool = False
    links: bool = False

    @property
    def numeric(self) -> bool:
        """Whether the column sorts by number and stands right-aligned."""
        return self.kind in _FORMATS


@dataclass(frozen=True)
class Cell:
    """One cell: ``text`` as shown, ``value`` as sorted and downloaded ("" where there is none).

    ``link`` names a glossary entry; ``aside`` stands behind the text in grey.
    """

    text: str
    value: str
    link: str = ""
    aside: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its caption; ``sorted_by`` is the key that its rows come sorted by, "-key" if down."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sorted_by: str = ""
    note: str = ""
    empty: str = "Nothing to show."


def make_table(
    identifier: str,
    caption: str,
    columns: Sequence[Column],
    records: Iterable[Mapping[str, Any]] | pd.DataFrame,
    *,
    sorted_by: str = "",
    note: str = "",
    empty: str = "Nothing to show.",
) -> Table:
    """Format records (or a frame's rows) into a table; the rows come as they are to be shown first.

    A record's field ``"<key> aside"`` stands behind the number of that column.
    """
    if isinstance(records, pd.DataFrame):
        records = frame_records(records)
    rows = tuple(tuple(_cell(column, record) for column in columns) for record in records)
    return Table(identifier, caption, tuple(columns), rows, sorted_by, note, empty)


def frame_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _cell(column: Column, record: Mapping[str, Any]) -> Cell:
    value = record.get(column.key)
    if value is None or is_missing(value):
        return Cell("–" if column.numeric else "", "")
    if column.kind == "flag":
        return Cell("yes" if value else "no", "true" if value else "false")
    if not column.numeric:
        return Cell(str(value), str(value), str(value) if column.links else "")
    size = float(value)
    # Spelt so that JavaScript, pandas and R all read it as a number.
    raw = f"{size:.10g}" if math.isfinite(size) else f"{'-' if size < 0 else ''}Infinity"
    return Cell(_FORMATS[column.kind](size), raw, aside=str(record.get(f"{column.key} aside", "")))


def is_missing(value: Any) -> bool:
    """Whether a cell has nothing to say: None, NaN, NA or the empty string."""
    return value is None or value is pd.NA or value == "" or (isinstance(value, float) and math.isnan(value))


def number(value: float) -> str:
    """Three significant digits, with a true minus sign; "–" where there is no number.

    >>> number(0.012345), number(-1234.5), number(float("nan"))
    ('0.0123', '−1,234', '–')
    """
    if is_missing(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size == 0:
        text = "0"
    elif size < 1e-4 or size >= 1e6:
        mantissa, exponent = f"{size:.1e}".split("e")
        text = f"{mantissa}e{int(exponent)}".replace("-", "−")
    else:
        digits = max(0, 2 - math.floor(math.log10(size)))
        text = f"{size:,.{min(digits, 5)}f}"
    return f"−{text}" if value < 0 else text


def short(value: float) -> str:
    """Two significant digits, for prose and the first screen.

    >>> short(0.0338), short(4.36), short(33.1), short(412.0)
    ('0.034', '4.4', '33', '410')
    """
    if is_missing(value) or not math.isfinite(value) or value == 0 or abs(value) < 1e-4:
        return number(value)
    rounded = float(f"{abs(value):.1e}")
    text = f"{rounded:,.{max(0, 1 - math.floor(math.log10(rounded)))}f}"
    return f"−{text}" if value < 0 else text


def seconds(value: float) -> str:
    """A duration in the unit that reads best.

    >>> seconds(0.0123), seconds(4.2), seconds(312.0)
    ('12.3 ms', '4.20 s', '5 min 12 s')
    """
    if is_missing(value):
        return "–"
    if value < 1:
        return f"{number(value * 1000)} ms"
    if value < 120:
        return f"{number(value)} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def percent(value: float) -> str:
    """A share in per cent.

    >>> percent(0.05), percent(1.0)
    ('5%', '100%')
    """
    if is_missing(value):
        return "–"
    return f"{number(100 * value)}%" if 0 < abs(value) < 0.01 else f"{100 * value:.3g}%"


_FORMATS = {
    "number": number,
    "precise": lambda value: f"{value:.4f}",
    "times": lambda value: f"{number(value)}×",
    "integer": lambda value: f"{value:,.0f}" if math.isfinite(value) else number(value),
    "percent": percent,
    "seconds": seconds,
}
