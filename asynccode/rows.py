"""Rows of results: how large they are, and how one value is shown."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

Row = tuple[Any, ...]

ROWS = 100_000
"""Rows that a result may have; what has more is cut and its outcome is `output_limit`."""
_FRAME, _PLAIN = 3, 12
"""Bytes that a text takes beside its own, and that any other value takes."""
_TEXTS = frozenset({str, bytes})


def cell(value: Any) -> str:
    """Give one value as results show it."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return value.replace("\n", "\\n") if "\n" in value else value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"X'{bytes(value).hex().upper()}'"
    return str(value)


def line(row: Row) -> str:
    """Give one row as results show it."""
    shown = " | ".join([value if type(value) is str else cell(value) for value in row])
    return " | ".join(map(cell, row)) if "\n" in shown else shown


def within(
    rows: list[Row],
    most_bytes: int,
    most_rows: int = ROWS,
    texts: Sequence[int] | None = None,
) -> tuple[list[Row], bool]:
    """Cut rows to what may be shown; says whether any were dropped.

    `texts` are the places of the columns that may hold text or bytes, if that is known.
    """
    if len(rows) <= most_rows and size(rows, texts) <= most_bytes:
        return rows, False
    total = 0
    for number, row in enumerate(rows):
        total += row_size(row)
        if total > most_bytes or number >= most_rows:
            return rows[:number], True
    return rows, False


def row_size(row: Row) -> int:
    """Give about how many bytes a row takes when it is shown."""
    return sum(len(v) + _FRAME if isinstance(v, str | bytes) else _PLAIN for v in row)


def size(rows: Sequence[Row], texts: Sequence[int] | None = None) -> int:
    """Give what `row_size` gives for all rows together, by columns: they are of one kind each."""
    if len(rows) < 4:
        return sum(map(row_size, rows))
    if texts is None:
        return sum(map(_column_size, zip(*rows, strict=True)))
    plain = _PLAIN * len(rows) * (len(rows[0]) - len(texts))
    return plain + sum(_column_size(tuple(map(itemgetter(place), rows))) for place in texts)


def _column_size(column: tuple[Any, ...]) -> int:
    kinds = set(map(type, column))
    if kinds.isdisjoint(_TEXTS):
        return _PLAIN * len(column)
    if len(kinds) == 1:
        return sum(map(len, column)) + _FRAME * len(column)
    return row_size(column)
