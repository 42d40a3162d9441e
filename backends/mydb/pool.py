"""Reading connections that all episodes share: what did not end well in one closes it.

A connection belongs to one prepared database, as a user who may only read it. One statement has
it at a time; what a statement could leave behind in it never comes here (`is_shareable`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomysql
import anyio

from asynccode.backends.mydb.server import Server

CONNECTIONS = 32
"""Reading connections of one backend."""


class Readers:
    """The reading connections of one backend."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._places = anyio.CapacityLimiter(CONNECTIONS)
        self._idle: deque[tuple[str, aiomysql.Connection]] = deque()
        self._lent = 0

    @property
    def open(self) -> int:
        """How many connections there are."""
        return self._lent + len(self._idle)

    @asynccontextmanager
    async def reader(self, database: str) -> AsyncIterator[aiomysql.Connection]:
        """Lend a connection to `database`; one that an exception leaves is ended."""
        async with self._places:
            connection = self._take(database)
            self._lent += 1
            try:
                if connection is None:
                    connection = await self._server.log_in(database)
                async with self._server.ending(connection):
                    yield connection
            finally:
                self._lent -= 1
                if connection is not None and not connection.closed:
                    self._idle.append((database, connection))

    def _take(self, database: str) -> aiomysql.Connection | None:
        for index in range(len(self._idle) - 1, -1, -1):
            name, connection = self._idle[index]
            if name == database:
                del self._idle[index]
                if not connection.closed:
                    return connection
        if self.open >= CONNECTIONS and self._idle:
            self._idle.popleft()[1].close()
        return None

    def close(self) -> None:
        """Close all that are not lent."""
        while self._idle:
            self._idle.pop()[1].close()
