"""Short reads, done at once where the event loop is: a thread costs more than most of them.

A statement is tried for `SECONDS`, in a connection where nothing else can take long: values and
patterns are short, of functions there are those that take no longer than their arguments are
long, and the whole database is in memory. Whatever is not done in that time, or fails, or wants
anything but to read, has done nothing: it is run again from the beginning in a thread, where its
errors, limits and writes are at home.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from time import perf_counter

from asynccode.backends.litedb.connections import connect
from asynccode.databases import ResultSet
from asynccode.outcomes import Outcome
from asynccode.rows import Row, size

SECONDS = 0.002
"""How long a statement may hold the event loop up."""
LARGEST = 4 * 1024 * 1024
"""Bytes of the largest database of which a connection is kept for this."""
KNOWN = 4096
"""Statements that are remembered not to be short."""
_STATEMENTS = 256
_STEPS = 200
"""Steps of SQLite between two looks at the clock."""
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 16_384,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4096,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 10_000,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
}
_ACTIONS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})
_NAMES = """abs avg coalesce count date datetime dense_rank group_concat ifnull iif julianday
length like lower ltrim max min nullif rank round row_number rtrim strftime substr substring sum
time total trim typeof upper my_key"""
_FUNCTIONS = frozenset(_NAMES.split())


class Quick:
    """A reading connection for the event loop's own thread."""

    def __init__(self, content: bytes, dialect: str) -> None:
        """Open it (blocks)."""
        self._long: dict[str, None] = {}
        self._deadline = 0.0
        self._connection = connect(content, dialect=dialect, statements=_STATEMENTS)
        self._connection.execute("PRAGMA query_only = 1")
        self._connection.execute("PRAGMA temp_store = 2")
        for _, name in self._connection.execute("PRAGMA collation_list").fetchall():
            if name not in _COLLATIONS:  # sorting by one in Python is a single step of SQLite's
                self._connection.create_collation(name, None)
        for limit, value in _LIMITS.items():
            self._connection.setlimit(limit, value)
        self._connection.set_progress_handler(self._is_late, _STEPS)
        self._connection.set_authorizer(_allowed)

    def _is_late(self) -> bool:
        return perf_counter() > self._deadline

    def execute(self, statement: str, most_bytes: int) -> ResultSet | None:
        """Run a statement that only reads; None if it must be run elsewhere."""
        if statement in self._long:
            return None
        began = perf_counter()
        self._deadline = began + SECONDS
        try:
            cursor = self._connection.execute(statement)
            # What is no query, BEGIN for one, comes here only if nothing forbade it.
            found = None if cursor.description is None else _fetched(cursor, self._is_late)
        except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError):
            found = None
        if found is None or size(found) > most_bytes:
            self._note(statement)
            return None
        return ResultSet(
            outcome=Outcome.OK,
            columns=[name for name, *_ in cursor.description],
            rows=found,
            seconds=perf_counter() - began,
        )

    def _note(self, statement: str) -> None:
        if len(self._long) >= KNOWN:
            del self._long[next(iter(self._long))]
        self._long[statement] = None

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def _fetched(cursor: sqlite3.Cursor, is_late: Callable[[], bool]) -> list[Row] | None:
    rows: list[Row] = []
    while chunk := cursor.fetchmany(256):
        rows += chunk
        if is_late():
            cursor.close()
            return None
    return rows


def _allowed(
    action: int, one: str | None, two: str | None, schema: str | None, by: str | None
) -> int:
    if action in _ACTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (two or "").lower() in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
