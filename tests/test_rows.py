"""How large results are, and how rows are shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from asynccode.rows import ROWS, Row, line, row_size, size, within

ROWS_OF_ALL_KINDS: list[Row] = [
    (1, "a", None, b"xy", 2.5, "only text"),
    (None, "", "z" * 9, b"", Decimal("1.50"), "line\nbreak"),
    (3, "ccc", None, None, True, "x"),
    (4, "d", "e", b"f", None, "y"),
    (5, "g", None, b"h", 1, "z"),
]


def test_the_size_by_columns_is_the_size_by_rows() -> None:
    for count in range(len(ROWS_OF_ALL_KINDS) + 1):
        rows = ROWS_OF_ALL_KINDS[:count]
        expected = sum(map(row_size, rows))
        assert size(rows) == expected
        assert size(rows, [1, 2, 3, 5]) == expected
    assert size([(), (), (), ()]) == 0


@pytest.mark.parametrize(("most", "kept"), [(10**6, 5), (20, 0), (100, 1), (200, 3)])
def test_rows_are_cut_where_they_become_too_large(most: int, kept: int) -> None:
    rows, cut = within(ROWS_OF_ALL_KINDS, most)
    assert (len(rows), cut) == (kept, kept < 5)
    assert rows == ROWS_OF_ALL_KINDS[:kept]


def test_rows_are_cut_when_they_are_too_many() -> None:
    assert within([(1,)] * (ROWS + 1), 1 << 40) == ([(1,)] * ROWS, True)


def test_a_row_is_a_line_whatever_is_in_it() -> None:
    assert line(ROWS_OF_ALL_KINDS[0]) == "1 | a | NULL | X'7879' | 2.5 | only text"
    assert line(ROWS_OF_ALL_KINDS[1]) == "NULL |  | zzzzzzzzz | X'' | 1.50 | line\\nbreak"
