"""Reading connections that all episodes share: clean when they are handed out, or not at all.

A connection belongs to one prepared database. One statement has it at a time, in a transaction of
its own that may only read, as a role that may only read. What a statement could leave behind in
the connection it cannot do: only statements that begin like reading ones come here, and the
functions that set something or lock something are taken away (`server.FORBIDDEN`).
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import asyncpg

from asynccode.backends.pgdb.names import READER
from asynccode.backends.pgdb.server import Server

CONNECTIONS = 32
"""Reading connections of one backend."""
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


class Readers:
    """The reading connections of one backend."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._places = anyio.CapacityLimiter(CONNECTIONS)
        self._idle: deque[tuple[str, Reader]] = deque()
        self.open = 0
        """Connections there are."""
        self.dropped = 0
        """Connections that were not clean, and closed."""

    @asynccontextmanager
    async def reader(self, database: str, seconds: float) -> AsyncIterator[Reader]:
        """Lend a connection to `database`, for statements of at most `seconds`."""
        token = object()
        try:
            self._places.acquire_on_behalf_of_nowait(token)
        except anyio.WouldBlock:
            await self._places.acquire_on_behalf_of(token)
        try:
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
            self._places.release_on_behalf_of(token)

    async def _take(self, database: str, seconds: float) -> Reader:
        for index in range(len(self._idle) - 1, -1, -1):
            name, reader = self._idle[index]
            if name == database:
                del self._idle[index]
                if not reader.connection.is_closed():
                    return reader
                self.open -= 1
        if self.open >= CONNECTIONS and self._idle:
            _, oldest = self._idle.popleft()
            self.open -= 1
            await close(oldest.connection)
        self.open += 1
        try:
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
