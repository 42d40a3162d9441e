"""One statement run within bounds, and what PostgreSQL's errors mean."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from operator import itemgetter
from time import perf_counter
from typing import Any

import anyio
import asyncpg
from attrs import evolve

from asynccode.databases import ResultSet
from asynccode.outcomes import Limits, MiB, Outcome
from asynccode.rows import ROWS, within

READING = frozenset({"select", "with", "values", "table", "explain", "show"})
"""First words of statements that may only read. What else they do, the server refuses."""
MEMORY = 256 * MiB
"""How much this process may grow while a long statement's result comes."""
GRACE = 2.0
"""Seconds that the server has to stop a statement before we do."""
_WORD = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*([A-Za-z]*)", re.DOTALL)
_OUTCOMES = {
    "57014": Outcome.TIMEOUT,
    "53100": Outcome.DISK_LIMIT,
    "53400": Outcome.DISK_LIMIT,
    "53200": Outcome.MEMORY_LIMIT,
    "54000": Outcome.MEMORY_LIMIT,
    "42501": Outcome.REFUSED,
}
WANTS_MORE = frozenset({"25006", "42501"})
"""SQLSTATEs of a statement that would do more than a role and a transaction that only read."""
_SHORT = frozenset(
    {
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "bool",
        "date",
        "timestamp",
        "timestamptz",
        "numeric",
    }
)
"""Types whose values are neither text nor bytes."""
_AS_TUPLE = itemgetter(slice(None))
"""A record as a tuple, in half the time that `tuple` takes."""
Prepare = Callable[[str], Awaitable[Any]]


def first_word(statement: str) -> str:
    """Give a statement's first word in lower case, comments and brackets left out."""
    found = _WORD.match(statement)
    return found[1].lower() if found else ""


class Watch:
    """Ends a connection over which a result comes that is too large for this process.

    A single value may be a gigabyte, and neither the server nor asyncpg has a limit on it.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._base = 0
        self._next: asyncio.TimerHandle | None = None
        self.swollen = False

    def __enter__(self) -> None:
        self._next = asyncio.get_running_loop().call_later(0.1, self._look)

    def __exit__(self, *_: object) -> None:
        if self._next is not None:
            self._next.cancel()

    def _look(self) -> None:
        with open("/proc/self/statm", "rb") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self._base = self._base or resident
        if resident - self._base > MEMORY:
            self.swollen = True
            self._connection.terminate()
            return
        self._next = asyncio.get_running_loop().call_later(0.02, self._look)


async def execute(
    connection: asyncpg.Connection,
    statement: str,
    limits: Limits,
    seconds: float,
    prepare: Prepare | None = None,
) -> ResultSet:
    """Run an agent's statement; an error of it is data.

    Raises `asyncpg.InterfaceError`, `asyncpg.PostgresConnectionError` or `OSError` if the
    connection broke. One that ran over its time may be of no use afterwards.
    """
    began = perf_counter()
    word = first_word(statement)
    if word == "copy":
        return ResultSet(outcome=Outcome.REFUSED, error="COPY is not allowed")
    if "\0" in statement:
        return ResultSet(outcome=Outcome.REFUSED, error="a statement cannot hold a NUL")
    result: ResultSet | None = None
    watch = Watch(connection)
    with anyio.move_on_after(seconds + GRACE), watch:
        try:
            return await _execute(prepare or connection.prepare, statement, limits, began)
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
            if not watch.swollen:
                raise
            text = "the statement was stopped: its result needed too much memory"
            result = ResultSet(outcome=Outcome.MEMORY_LIMIT, error=text)
        except asyncpg.PostgresError as error:
            outcome = _OUTCOMES.get(error.sqlstate or "", Outcome.NONZERO)
            text = str(error)
            if outcome is Outcome.TIMEOUT:
                text = f"the statement was stopped: it took longer than {seconds:g} s"
            result = ResultSet(outcome=outcome, error=text, error_code=error.sqlstate)
        except UnicodeEncodeError as error:
            result = ResultSet(outcome=Outcome.REFUSED, error=f"no text: {error}")
        except (ValueError, OverflowError) as error:
            # A value that PostgreSQL has and Python has not, such as a year of six digits.
            result = ResultSet(outcome=Outcome.NONZERO, error=f"a value cannot be shown: {error}")
    if result is None:
        text = f"the statement was stopped: it took over {seconds:g} s"
        result = ResultSet(outcome=Outcome.TIMEOUT, error=text)
    return evolve(result, seconds=perf_counter() - began)


async def _execute(prepare: Prepare, statement: str, limits: Limits, began: float) -> ResultSet:
    prepared = await prepare(statement)
    attributes = prepared.get_attributes()
    if not attributes:
        await prepared.fetch()
        status = (prepared.get_statusmsg() or "").rpartition(" ")[2]
        return ResultSet(
            outcome=Outcome.OK,
            affected=int(status) if status.isdigit() else None,
            seconds=perf_counter() - began,
        )
    # No more rows than may be shown, without a transaction of ours around the statement: a
    # cursor would need one, and asyncpg keeps this way to itself.
    most = min(ROWS, limits.output_bytes // (3 * len(attributes))) + 1
    records = await prepared._PreparedStatement__bind_execute((), most, None)  # noqa: SLF001
    kinds = [kind.name for _, kind in attributes]
    texts = [place for place, kind in enumerate(kinds) if kind not in _SHORT]
    rows, cut = within(list(map(_AS_TUPLE, records)), limits.output_bytes, texts=texts)
    return ResultSet(
        outcome=Outcome.OUTPUT_LIMIT if cut else Outcome.OK,
        columns=[name for name, *_ in attributes],
        types=kinds,
        rows=rows,
        truncated=cut,
        seconds=perf_counter() - began,
    )
