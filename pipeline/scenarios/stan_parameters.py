"""Which parameters a Stan program declares, in which shapes: read from its text, before any compilation."""

import ast
import operator
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pipeline.errors import UserError

# By type, how many sizes it takes; where it may take fewer, the last one counts twice.
_SQUARE = {"cov_matrix", "corr_matrix", "cholesky_factor_corr"}
_SIZES = {
    "real": 0,
    **dict.fromkeys(
        (
            "vector",
            "row_vector",
            "simplex",
            "unit_vector",
            "ordered",
            "positive_ordered",
            "sum_to_zero_vector",
        ),
        1,
    ),
    **dict.fromkeys(
        ("matrix", "cholesky_factor_cov", "column_stochastic_matrix", "row_stochastic_matrix", *_SQUARE), 2
    ),
}
_DECLARATION = re.compile(
    r"(?:array\s*\[(?P<array>.*?)\]\s*)?(?P<type>\w+)\s*(?:\[(?P<sizes>.*?)\])?\s*(?P<names>\w+(?:\s*,\s*\w+)*)"
)
_SCALAR = re.compile(r"(?P<name>\w+)(?:\[(?P<index>\d+(?:,\d+)*)\])?")
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,  # of integers, Stan's division rounds to zero; sizes are not negative
}


def declared_parameters(program: str) -> dict[str, tuple[str, ...]]:
    """Return the parameters of a program in its order, each with its sizes as the program writes them.

    Args:
        program: the text of a Stan program.

    Raises:
        UserError: no block of parameters, or a declaration in it that is not understood.
    """
    found: dict[str, tuple[str, ...]] = {}
    for statement in _block(re.sub(r"//[^\n]*|/\*.*?\*/", " ", program, flags=re.DOTALL)).split(";"):
        # Bounds say nothing about the shape.
        text = re.sub(r"<[^<>]*>", " ", statement).strip()
        if not text:
            continue
        match = _DECLARATION.fullmatch(text)
        if match is None or match["type"] not in _SIZES:
            raise UserError(
                f"its declaration {' '.join(statement.split())!r} is not understood. Allowed are "
                f"{', '.join(_SIZES)} and arrays of them, as Stan 2.33 and later write them: array[2] real x."
            )
        sizes = [*_parts(match["sizes"] or "")]
        if len(sizes) == 1 and _SIZES[match["type"]] == 2:
            sizes *= 2
        if len(sizes) != _SIZES[match["type"]]:
            raise UserError(f"its declaration {' '.join(statement.split())!r} has {len(sizes)} sizes.")
        for name in _parts(match["names"]):
            found[name] = (*_parts(match["array"] or ""), *sizes)
    return found


def evaluated(sizes: Iterable[str], data: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return sizes as numbers, given the data; None where they are no arithmetic of the data's integers."""
    try:
        return tuple(_value(ast.parse(size.strip(), mode="eval").body, data) for size in sizes)
    except (SyntaxError, LookupError, TypeError, ZeroDivisionError):
        return None


def shapes_of(scalars: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of parameters from the names of their scalars, such as "mu[1]" and "mu[2]"."""
    largest: dict[str, tuple[int, ...]] = {}
    for scalar in scalars:
        if (match := _SCALAR.fullmatch(scalar)) is None:
            continue
        name, position = match["name"], tuple(int(i) for i in (match["index"] or "").split(",") if i)
        before = largest.get(name, position)
        largest[name] = tuple(map(max, before, position))
    return largest


def scalars_of(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return the names of all scalars of some parameters, with 1-based index."""
    return [
        f"{name}[{','.join(str(i + 1) for i in index)}]" if shape else name
        for name, shape in shapes.items()
        for index in np.ndindex(shape)
    ]


def _block(code: str) -> str:
    """Return what stands in the block of parameters."""
    for match in re.finditer(r"(\w+\s+)?\bparameters\s*\{", code):
        if match[1] is None or match[1].strip() != "transformed":
            depth, start = 1, match.end()
            for end in range(start, len(code)):
                depth += {"{": 1, "}": -1}.get(code[end], 0)
                if depth == 0:
                    return code[start:end]
    raise UserError("found no block of parameters.")


def _parts(text: str) -> list[str]:
    """Split at the commas that stand in no brackets."""
    return [part.strip() for part in re.split(r",(?![^(\[]*[)\]])", text) if part.strip()]


def _value(node: ast.expr, data: Mapping[str, Any]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        value = data[node.id]
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{node.id} is no integer")
        return value
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, data), _value(node.right, data))
    raise TypeError("no arithmetic of integers")
