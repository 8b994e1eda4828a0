"""Observations out of a CSV, every mistake in it named by file and line."""

import csv
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.errors import UserError
from pipeline.settings import did_you_mean

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MISSING = {"", ".", "-", "na", "n/a", "nan", "null", "none", "missing"}
# Squares of larger numbers would overflow in the sums that a Gaussian likelihood needs.
_LARGEST = 1e100


def read_column(path: Path, column: str) -> Float[np.ndarray, " obs"]:
    """Read one column of numbers from a CSV whose first line holds the columns' names.

    Fields are separated by commas and decimals by points; the encoding is UTF-8. Empty lines at the end are
    no observations; anywhere else they are missing values, and refused as such.

    Raises:
        UserError: no such file or column, a line that does not fit the header, a value that is missing or
            no number; names the file and the line, counted from 1 with the header.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such file. A path counts from the folder that the workflow runs in, "
            f"{Path.cwd()}."
        ) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text ({error.reason}). Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: is not valid CSV: {error}.") from error  # pyright: ignore[reportPossiblyUnboundVariable]
    while rows and not any(field.strip() for field in rows[-1][1]):
        rows.pop()
    if not rows:
        raise UserError(
            f"{path}: is empty. Its first line must hold the columns' names, {column!r} among them."
        )
    header = [name.strip() for name in rows[0][1]]
    position = _position(path, header, column)
    return np.array([_number(path, line, row, position, header) for line, row in rows[1:]], dtype=float)


def _position(path: Path, header: list[str], column: str) -> int:
    if header.count(column) > 1:
        raise UserError(f"{path}, line 1: {header.count(column)} columns are called {column!r}; rename one.")
    if column not in header:
        one_field = len(header) == 1 and re.search("[;\t]", header[0])
        advice = " Separate the columns by commas." if one_field else ""
        hint = "" if one_field else did_you_mean(column, header)
        raise UserError(
            f"{path}, line 1: there is no column {column!r}.{hint} Found: {', '.join(header)}.{advice}"
        )
    return header.index(column)


def _number(path: Path, line: int, row: list[str], position: int, header: list[str]) -> float:
    where = f"{path}, line {line}, column {header[position]!r}"
    text = row[position].strip() if position < len(row) else ""
    if text.lower() in _MISSING:
        found = f" ({text!r})" if text else ""
        raise UserError(
            f"{where}: the value is missing{found}. Fill it in, or remove the line if its absence tells "
            "nothing (in a series, its neighbours then follow each other)."
        )
    if len(row) != len(header):
        raise UserError(
            f"{path}, line {line}: found {len(row)} fields where the first line has {len(header)}."
        )
    if not _NUMBER.fullmatch(text):
        raise UserError(f"{where}: found {text!r}, which is no number such as 12, -0.5 or 1e3.")
    if abs(value := float(text)) > _LARGEST:
        raise UserError(f"{where}: found {text}, beyond {_LARGEST:g}. Give the data in larger units.")
    return value
