"""Reading connections that all episodes share: clean when they are handed out, or not at all.

A connection belongs to one prepared database. One statement has it at a time, in a transaction of
its own that may only read, as a role that may only read. What a statement could leave behind in
the connection it cannot do: only statements that begin like reading ones come here, and the
functions that set something or lock something are taken away (`server.FORBIDDEN`).
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import asyncpg
from attrs import define, field

from asynccode.backends.pgdb.names import READER
from asynccode.backends.pgdb.server import Server

CONNECTIONS = 32
"""Reading connections of one backend."""
NEAR, PATIENCE = 4, 0.1
"""Statements at once in one database for which connections are opened without waiting, and how
long the others wait for one of those, in seconds."""
STATEMENTS = 200
"""Statements that a connection keeps prepared."""


class Reader:
    """One reading connection, and the statements that it keeps prepared."""

    def __init__(self, connection: asyncpg.Connection, seconds: float) -> None:
        self.connection = connection
        self._seconds = seconds
        self._prepared: OrderedDict[str, Any] = OrderedDict()
        self._numbers = itertools.count()

    async def within(self, seconds: float) -> None:
        """Let statements take at most so long."""
        if seconds != self._seconds:
            await self.connection.execute(f"SET statement_timeout = {milliseconds(seconds)}")
            self._seconds = seconds

    async def prepare(self, statement: str) -> Any:
        """Give a statement prepared; nothing ever changes here, so it stays good."""
        found = self._prepared.get(statement)
        if found is None:
            name = f"kept_{next(self._numbers)}"
            found = await self.connection.prepare(statement, name=name)
            self._prepared[statement] = found
            if len(self._prepared) > STATEMENTS:
                self._prepared.popitem(last=False)  # asyncpg closes it with its last user
        else:
            self._prepared.move_to_end(statement)
        return found


def milliseconds(seconds: float) -> int:
    """Give a time as PostgreSQL's settings have it, where 0 would be no limit."""
    return int(seconds * 1000) + 1


@define(eq=False)
class _Turn:
    """One statement's turn."""

    holds: list[anyio.CapacityLimiter] = field(factory=list)


class Readers:
    """The reading connections of one backend."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._places = anyio.CapacityLimiter(CONNECTIONS)
        self._near: dict[str, anyio.CapacityLimiter] = {}
        self._idle: deque[tuple[str, Reader]] = deque()
        self.open = 0
        """Connections there are."""
        self.dropped = 0
        """Connections that were not clean, and closed."""

    @asynccontextmanager
    async def reader(self, database: str, seconds: float) -> AsyncIterator[Reader]:
        """Lend a connection to `database`, for statements of at most `seconds`."""
        turn = _Turn()
        try:
            await self._wait(database, turn)
            reader = await self._take(database, seconds)
            try:
                await reader.within(seconds)
                yield reader
            except BaseException:
                if await is_clean(reader.connection):
                    self._idle.append((database, reader))
                else:
                    self.open -= 1
                    self.dropped += 1
                raise
            else:
                self._idle.append((database, reader))
        finally:
            for limiter in turn.holds:
                limiter.release_on_behalf_of(turn)

    async def _wait(self, database: str, turn: _Turn) -> None:
        """Wait for a place, and before it a while for one of the few turns in a database.

        A new connection costs more than many statements take, so who waits gets one sooner.
        """
        near = self._near.get(database)
        if near is None:
            near = self._near[database] = anyio.CapacityLimiter(NEAR)
        for limiter, patience in ((near, PATIENCE), (self._places, math.inf)):
            try:
                limiter.acquire_on_behalf_of_nowait(turn)
            except anyio.WouldBlock:
                with anyio.move_on_after(patience) as clock:
                    await limiter.acquire_on_behalf_of(turn)
                if clock.cancelled_caught:
                    continue
            turn.holds.append(limiter)

    async def _take(self, database: str, seconds: float) -> Reader:
        for index in range(len(self._idle) - 1, -1, -1):
            name, reader = self._idle[index]
            if name == database:
                del self._idle[index]
                if not reader.connection.is_closed():
                    return reader
                self.open -= 1
        if self.open >= CONNECTIONS and self._idle:
            evicted = self._idle.popleft()[1].connection  # its place is ours
        else:
            evicted = None
            self.open += 1
        try:
            if evicted is not None:
                await close(evicted)
            settings = {"statement_timeout": str(milliseconds(seconds))}
            return Reader(await self._server.log_in(READER, database, settings), seconds)
        except BaseException:
            self.open -= 1
            raise

    async def aclose(self) -> None:
        """Close all connections."""
        while self._idle:
            await close(self._idle.pop()[1].connection)


async def is_clean(connection: asyncpg.Connection) -> bool:
    """Whether a connection answers after what was done to it; closes it if it does not.

    A statement that was cancelled here is cancelled at the server first: asyncpg sends the
    request, and the next statement waits for its end.
    """
    if not connection.is_closed():
        with anyio.move_on_after(5, shield=True), suppress(asyncpg.PostgresError, OSError):
            with suppress(asyncpg.InterfaceError):
                await connection.execute("SELECT 1")
                return True
            await connection.execute("ROLLBACK")
            return True
    connection.terminate()
    return False


async def close(connection: asyncpg.Connection) -> None:
    """Close a connection in bounded time."""
    with anyio.move_on_after(5, shield=True), suppress(Exception):
        await connection.close(timeout=4)
    connection.terminate()
