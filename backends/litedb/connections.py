"""One open SQLite database: opened within limits, and one statement run within bounds.

Everything here blocks and is called in a worker's thread.
"""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import get_native_id
from time import perf_counter
from typing import Any

from attrs import define, evolve, field, frozen

from asynccode.backends.litedb.guard import Guard
from asynccode.databases import ResultSet
from asynccode.outcomes import Outcome
from asynccode.rows import ROWS, Row, size, within

LENGTH = 1_000_000
"""Bytes of one value or row. One step of SQLite on values of this length ends by itself in
seconds, and only between steps can a statement be stopped."""
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: LENGTH,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 250_000,
}
_FIRST, _CHUNK = 16, 512
_OUTCOMES = {
    "SQLITE_TOOBIG": Outcome.MEMORY_LIMIT,
    "SQLITE_NOMEM": Outcome.MEMORY_LIMIT,
    "SQLITE_FULL": Outcome.DISK_LIMIT,
}
_SAID = {
    Outcome.TIMEOUT: "the statement was stopped: it took longer than {seconds:g} s",
    Outcome.DISK_LIMIT: "the statement was stopped: it wrote more than {disk} bytes",
    Outcome.MEMORY_LIMIT: "the statement was stopped: it needed too much memory",
}


@frozen(kw_only=True)
class Bounds:
    """What one statement may use."""

    seconds: float
    output_bytes: int
    disk_bytes: int
    rows: int = ROWS


@define(eq=False)
class Running:
    """A statement under way: who watches it may stop it."""

    bounds: Bounds
    began: float = field(factory=perf_counter)
    thread: int | None = None
    """The kernel's number of the thread that it runs in."""
    connection: sqlite3.Connection | None = None
    reason: Outcome | None = None
    """Why it was stopped."""
    written: int | None = None
    """Bytes that its thread had written when it was first looked at."""

    def stop(self, reason: Outcome) -> None:
        """Interrupt it; called from any thread, again and again until it has ended."""
        self.reason = reason
        connection = self.connection
        if connection is not None:
            with suppress(sqlite3.ProgrammingError):  # it has just been closed
                connection.interrupt()


def connect(
    content: bytes | Path, *, dialect: str = "native", statements: int = 0
) -> sqlite3.Connection:
    """Open a private database in memory from bytes, or a file that nobody may change.

    Keeps `statements` compiled. The guard sees a statement when it is compiled, so who must
    know what each one wants keeps none.
    """
    where = ":memory:"
    if isinstance(content, Path):
        where = f"{content.resolve().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(
        where,
        uri=isinstance(content, Path),
        check_same_thread=False,
        isolation_level=None,
        cached_statements=statements,
    )
    if isinstance(content, bytes):
        connection.deserialize(content)
    for limit, value in LIMITS.items():
        connection.setlimit(limit, value)
    connection.execute("PRAGMA temp_store = 1")  # what a query sorts goes to a file, not to memory
    if dialect != "native":
        importlib.import_module(f"asynccode.backends.litedb.{dialect}").furnish(connection)
    return connection


class Opened:
    """An open database and its guard; one statement at a time."""

    def __init__(
        self, connection: sqlite3.Connection, *, shared: bool, temporary_pages: int | None = None
    ) -> None:
        """Take a connection; temporary tables in it may grow to so many pages."""
        self.connection = connection
        self._temporary_pages = temporary_pages
        self.guard = Guard(shared=shared)
        connection.set_authorizer(self.guard)

    def execute(self, statement: str, running: Running) -> ResultSet:
        """Run an agent's statement; an error of it is data."""
        self.guard.begin()
        running.thread, running.connection = get_native_id(), self.connection
        try:
            if running.reason is not None:  # it was cancelled before it began
                return self._stopped(running, None)
            try:
                return self._execute(statement, running.bounds)
            except sqlite3.OperationalError as error:
                if "decode to UTF-8" not in str(error) or self.guard.wrote:
                    raise
                return self._leniently(statement, running.bounds)
        except (UnicodeEncodeError, ValueError, sqlite3.InterfaceError) as error:
            return ResultSet(outcome=Outcome.REFUSED, error=f"no statement: {error}")
        except MemoryError:
            return ResultSet(outcome=Outcome.MEMORY_LIMIT, error="out of memory")
        except (sqlite3.Error, sqlite3.Warning) as error:
            return evolve(self._failed(error, running), seconds=perf_counter() - running.began)
        finally:
            running.connection = None
            if self._temporary_pages is not None and self.guard.temporary:
                # Not before they are there: the setting alone would take memory.
                self.ask(f"PRAGMA temp.max_page_count = {self._temporary_pages}")
                self._temporary_pages = None

    def _execute(self, statement: str, bounds: Bounds) -> ResultSet:
        began = perf_counter()
        cursor = self.connection.execute(statement)
        try:
            if cursor.description is None:
                affected = cursor.rowcount if cursor.rowcount >= 0 else None
                seconds = perf_counter() - began
                return ResultSet(outcome=Outcome.OK, affected=affected, seconds=seconds)
            rows, cut = _fetch(cursor, bounds)
            return ResultSet(
                outcome=Outcome.OUTPUT_LIMIT if cut else Outcome.OK,
                columns=[name for name, *_ in cursor.description],
                rows=rows,
                truncated=cut,
                seconds=perf_counter() - began,
            )
        finally:
            cursor.close()

    def _leniently(self, statement: str, bounds: Bounds) -> ResultSet:
        """Run a statement that only reads once more; text that is not UTF-8 gets U+FFFD."""
        self.connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            return self._execute(statement, bounds)
        finally:
            self.connection.text_factory = str

    def _failed(self, error: Exception, running: Running) -> ResultSet:
        code = getattr(error, "sqlite_errorname", None)
        if code == "SQLITE_INTERRUPT" and running.reason is not None:
            return self._stopped(running, code)
        if self.guard.refused is not None:
            text = f"{self.guard.refused} is not allowed"
            return ResultSet(outcome=Outcome.REFUSED, error=text, error_code="SQLITE_AUTH")
        if "null character" in str(error):
            return ResultSet(outcome=Outcome.REFUSED, error=str(error))
        outcome = _OUTCOMES.get(code or "", Outcome.NONZERO)
        return ResultSet(outcome=outcome, error=str(error), error_code=code)

    @staticmethod
    def _stopped(running: Running, code: str | None) -> ResultSet:
        reason, bounds = running.reason or Outcome.KILLED, running.bounds
        text = _SAID.get(reason, "the statement was stopped")
        text = text.format(seconds=bounds.seconds, disk=bounds.disk_bytes)
        return ResultSet(outcome=reason, error=text, error_code=code)

    def ask(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement of ours."""
        self.guard.begin(trusted=True)
        try:
            return self.connection.execute(statement, parameters).fetchall()
        finally:
            self.guard.begin()

    def close(self) -> None:
        """Close it."""
        self.connection.close()


def _fetch(cursor: sqlite3.Cursor, bounds: Bounds) -> tuple[list[Row], bool]:
    """Fetch until there is no more, or more than may be shown: then say so."""
    rows: list[Row] = []
    taken, count = 0, _FIRST
    while chunk := cursor.fetchmany(count):
        taken += size(chunk)
        rows += chunk
        if taken > bounds.output_bytes or len(rows) > bounds.rows:
            return within(rows, bounds.output_bytes, bounds.rows)[0], True
        if len(chunk) < count:
            break
        # Wide rows come in small steps: memory is bounded by what one step brings.
        count = _CHUNK if taken < len(rows) * 1024 else _FIRST
    return rows, False
