"""A connection, one statement on it within bounds, and what MySQL's errors mean."""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiomysql
import anyio
import pymysql
from attrs import evolve
from pymysql.constants import CLIENT

from asynccode.databases import ResultSet
from asynccode.errors import InputError
from asynccode.outcomes import Limits, Outcome
from asynccode.rows import ROWS, Row, row_size

GRACE = 2.0
"""Seconds that the server has to stop a statement before we kill it."""
READING = frozenset({"select", "with", "values", "show", "describe", "desc", "explain", "table"})
"""First words of statements that may only read: the server refuses what else they do."""
_PRIVATE = re.compile(r"@|lock|processlist|\binto\b|;\s*\S", re.IGNORECASE)
"""What leaves something in a connection, or shows what others do: not where others read."""
_WORD = re.compile(r"(?:\s+|(?:--|\#)[^\n]*(?:\n|$)|/\*.*?\*/|\()*([A-Za-z]*)", re.DOTALL)
_OUTCOMES = {
    1969: Outcome.TIMEOUT,
    3024: Outcome.TIMEOUT,
    1317: Outcome.TIMEOUT,
    1021: Outcome.DISK_LIMIT,
    1114: Outcome.DISK_LIMIT,
    1037: Outcome.MEMORY_LIMIT,
    1038: Outcome.MEMORY_LIMIT,
    1044: Outcome.REFUSED,
    1227: Outcome.REFUSED,
    1045: Outcome.REFUSED,
    1142: Outcome.REFUSED,
}
WANTS_MORE = frozenset({"1142", "1044", "1370"})
"""Errors of a statement that would do more than a user who only reads."""
_GONE = frozenset({2006, 2013, 2014, 2055, 1927, 1053, 1152, 4031})
BROKEN = (OSError, EOFError, pymysql.InterfaceError)
_CHUNK = 200


def is_shareable(statement: str) -> bool:
    """Whether a statement may run where others read: it reads, and leaves nothing behind."""
    found = _WORD.match(statement)
    word = found[1].lower() if found else ""
    return word in READING and _PRIVATE.search(statement) is None


def address(dsn: str) -> dict[str, Any]:
    """Read `mysql://user:password@host:port/?unix_socket=PATH`. Raises `InputError`."""
    parts = urlsplit(dsn)
    if parts.scheme not in ("mysql", "mariadb"):
        raise InputError(f"{dsn!r} is no MySQL address: write mysql://user:password@host:port/.")
    found: dict[str, Any] = {
        "host": parts.hostname or "localhost",
        "port": parts.port or 3306,
        "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""),
    }
    socket = parse_qs(parts.query).get("unix_socket")
    return found | ({"unix_socket": socket[0]} if socket else {})


async def connect(**settings: Any) -> aiomysql.Connection:
    """Connect; a statement is one statement. Raises what aiomysql raises."""
    connection = aiomysql.Connection(
        autocommit=True, charset="utf8mb4", connect_timeout=20, local_infile=False, **settings
    )
    connection.client_flag &= ~CLIENT.MULTI_STATEMENTS
    await connection._connect()  # noqa: SLF001 (`aiomysql.connect` has no way to set the flag)
    return connection


async def bound(connection: aiomysql.Connection, seconds: float) -> None:
    """Let statements take at most so long, as far as the server can tell."""
    try:
        await ask(connection, f"SET SESSION max_statement_time = {seconds:.3f}")
    except pymysql.Error:  # MySQL's own, for SELECT alone
        await ask(connection, f"SET SESSION max_execution_time = {int(seconds * 1000) + 1}")


class Quiet(aiomysql.Cursor):  # type: ignore[misc]
    """A cursor that keeps the server's warnings to itself: they are the agent's business."""

    async def _show_warnings(self, conn: aiomysql.Connection) -> None:
        """Show nothing."""


class Stream(aiomysql.SSCursor):  # type: ignore[misc]
    """The same, and rows come as they are asked for."""

    async def _show_warnings(self, conn: aiomysql.Connection) -> None:
        """Show nothing."""


async def ask(connection: aiomysql.Connection, statement: str, *values: Any) -> list[Row]:
    """Run a statement of ours."""
    async with connection.cursor(Quiet) as cursor:
        await cursor.execute(statement, values or None)
        return list(await cursor.fetchall() or ())


class CutError(Exception):
    """A result was not read to its end: the connection is of no use any more."""

    def __init__(self, result: ResultSet) -> None:
        super().__init__()
        self.result = result


async def execute(
    connection: aiomysql.Connection, statement: str, limits: Limits, seconds: float
) -> ResultSet:
    """Run an agent's statement; an error of it is data.

    Raises `CutError` with the result if the connection must be thrown away, and one of `BROKEN`
    if it broke.
    """
    began = perf_counter()
    if "\0" in statement:
        return ResultSet(outcome=Outcome.REFUSED, error="a statement cannot hold a NUL")
    try:
        statement.encode()
    except UnicodeEncodeError as error:
        return ResultSet(outcome=Outcome.REFUSED, error=f"no text: {error}")
    late = ResultSet(
        outcome=Outcome.TIMEOUT, error=f"the statement was stopped: it took over {seconds:g} s"
    )
    with anyio.move_on_after(seconds + GRACE):
        try:
            result = await _execute(connection, statement, limits)
        except pymysql.Error as error:
            number, text = (*error.args, 0, "")[:2]
            if number in _GONE or not isinstance(number, int):
                raise ConnectionError(str(error)) from error
            outcome = _OUTCOMES.get(number, Outcome.NONZERO)
            result = ResultSet(outcome=outcome, error=str(text), error_code=str(number))
        except (ValueError, OverflowError) as error:
            text = f"a value cannot be shown: {error}"
            raise CutError(ResultSet(outcome=Outcome.NONZERO, error=text)) from error
        return evolve(result, seconds=perf_counter() - began)
    raise CutError(evolve(late, seconds=perf_counter() - began))


async def _execute(connection: aiomysql.Connection, statement: str, limits: Limits) -> ResultSet:
    cursor = await connection.cursor(Stream)
    await cursor.execute(statement)
    if cursor.description is None:
        affected = cursor.rowcount
        await cursor.close()
        return ResultSet(outcome=Outcome.OK, affected=affected)
    columns = [column[0] for column in cursor.description]
    rows: list[Row] = []
    size = 0
    while chunk := await cursor.fetchmany(_CHUNK):
        for row in chunk:
            size += row_size(row)
            if size > limits.output_bytes or len(rows) >= ROWS:
                raise CutError(
                    ResultSet(
                        outcome=Outcome.OUTPUT_LIMIT, columns=columns, rows=rows, truncated=True
                    )
                )
            rows.append(tuple(row))
    await cursor.close()
    return ResultSet(outcome=Outcome.OK, columns=columns, rows=rows)
