"""MySQL or MariaDB: private databases in a server that is there.

As on PostgreSQL, an episode reads in a prepared database that all share, as a user who may only
read, until a statement is no pure read or would leave something in its connection (a variable, a
lock): then it gets a copy of its own. MySQL has no templates, so a copy is made table by table.

The server is the one that `$ASYNCCODE_MYSQL` names, as `mysql://user:password@host:port/` or with
`?unix_socket=PATH`: an administrator who may create databases and users. aiomysql speaks to
asyncio alone.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import ClassVar, TypeVar

import aiomysql
import anyio
import anyio.lowlevel
import pymysql
from attrs import evolve

from asynccode.backends.mydb.catalogue import read_catalogue, read_state
from asynccode.backends.mydb.pool import Readers
from asynccode.backends.mydb.server import Server, drop, owner_of
from asynccode.backends.mydb.statements import (
    BROKEN,
    WANTS_MORE,
    CutError,
    address,
    ask,
    bound,
    connect,
    execute,
    is_shareable,
)
from asynccode.backends.servers import ServerBackend
from asynccode.backends.worlds import PrivateDatabase, PrivateSession
from asynccode.databases import Database, ResultSet, Table, TableState
from asynccode.errors import BackendError, InputError, SandboxLost, Unavailable
from asynccode.outcomes import Health, Limits

VARIABLE = "ASYNCCODE_MYSQL"
REMEDY = f"start a server and name it in ${VARIABLE}, as in mysql://root:password@localhost:3306/"
_ERRORS = (pymysql.Error, TimeoutError, *BROKEN)
T = TypeVar("T")


def dsn() -> str:
    """Give the server's address."""
    return os.environ.get(VARIABLE) or "mysql://root@localhost:3306/"


class MysqlBackend(ServerBackend):
    """Databases in a MySQL or MariaDB server; use it in `async with`."""

    name: ClassVar[str] = "mysql"
    driver: ClassVar[str] = "aiomysql"

    def __init__(self) -> None:
        super().__init__()
        self.server = Server(dsn())
        self.readers = Readers(self.server)

    async def load(self, database: Database) -> str:
        """Load a database into the server unless it is there."""
        try:
            return await self.server.prepare(database)
        except _ERRORS as error:
            raise Unavailable(f"There is no MySQL to work with: {error}", REMEDY) from error

    def world(self, database: Database, shared: str, limits: Limits) -> MysqlWorld:
        """Give a world that reads in the server's database `shared`."""
        return MysqlWorld(self, database, shared, limits)

    async def disconnect(self) -> None:
        """Close all connections."""
        self.readers.close()
        await self.server.aclose()

    @classmethod
    async def probe(cls) -> Health:
        """Ask the server for its version."""
        if not cls.is_spoken_to():
            return Health(available=False, reason="aiomysql speaks to asyncio alone")
        try:
            connection = await connect(**address(dsn()))
            ((version, exact),) = await ask(
                connection, "SELECT version(), @@lower_case_table_names = 0"
            )
        except (*_ERRORS, InputError) as error:
            return Health(available=False, reason=f"no server answers: {error}", remedy=REMEDY)
        connection.close()
        await anyio.lowlevel.checkpoint()
        if exact:
            return Health(
                available=True,
                version=str(version),
                reason="names of tables tell capitals apart, and InterCode's golds do not",
                remedy="start the server with --lower-case-table-names=1",
            )
        return Health(available=True, version=str(version))

    @classmethod
    async def clean(cls) -> list[str]:
        """Remove the copies of dead owners."""
        if not cls.is_spoken_to() or VARIABLE not in os.environ:
            return []
        removed: list[str] = []
        with suppress(*_ERRORS):
            server = Server(dsn())
            async with server.admin() as admin:
                for (name,) in await ask(admin, r"SHOW DATABASES LIKE 'asynccode\_c\_%'"):
                    owner = owner_of(name)
                    if owner is not None and owner.is_dead():
                        await drop(admin, name)
                        removed.append(name)
            await server.aclose()
        return removed

    def statistics(self) -> Mapping[str, int]:
        """Counts for humans and tests."""
        return {
            **super().statistics(),
            "copied": self.server.copies,
            "connections": self.readers.open,
        }


class MysqlSession(PrivateSession):
    """The session of one database."""

    engine: ClassVar[str] = "mysql"


class MysqlWorld(PrivateDatabase):
    """One episode's database: the shared one until it is written to, then a copy."""

    speaks = MysqlSession

    def __init__(
        self, backend: MysqlBackend, database: Database, shared: str, limits: Limits
    ) -> None:
        super().__init__(database)
        self._backend, self._shared, self._limits = backend, shared, limits
        self._copy: str | None = None
        self._own: aiomysql.Connection | None = None
        self._busy = anyio.Lock(fast_acquire=True)

    @property
    def is_changed(self) -> bool:
        """Whether it has a copy, since something wanted more than to read."""
        return self._copy is not None

    async def execute(self, statement: str, seconds: float | None) -> ResultSet:
        """Run a statement where it belongs."""
        self.check()
        seconds = self._limits.step_seconds if seconds is None else seconds
        async with self._busy:
            try:
                if self._copy is None and is_shareable(statement):
                    result = await self._execute(statement, seconds)
                    if result.error_code not in WANTS_MORE:
                        return result
                return await self._execute(statement, seconds, own=True)
            except CutError as cut:
                self.check()
                return cut.result
            except _ERRORS as error:
                self.check()
                raise SandboxLost(f"The connection to MySQL broke: {error}") from error

    async def _execute(self, statement: str, seconds: float, *, own: bool = False) -> ResultSet:
        async with self._connection(own=own) as connection:
            await bound(connection, seconds)
            result = await execute(connection, statement, self._limits, seconds)
        self.check()
        if result.error is None:
            return result
        # What the server calls it is our business.
        named = result.error.replace(self._copy or self._shared, self._database.name.lower())
        return evolve(result, error=named)

    @asynccontextmanager
    async def _connection(self, *, own: bool = False) -> AsyncIterator[aiomysql.Connection]:
        """Lend a connection to where the episode is: the shared database, or its copy.

        Makes the copy if it wants one of its `own`. What an exception leaves is not used again.
        """
        server = self._backend.server
        if self._copy is None and not own:
            async with self._backend.readers.reader(self._shared) as connection:
                yield connection
            return
        if self._copy is None:
            with anyio.CancelScope(shield=True):  # a copy that nobody knows would stay
                self._copy, self._own = await server.copy(self._shared)
                if self._closed:  # meanwhile
                    await self.aclose()
            self.check()
        assert self._copy is not None
        if self._own is None or self._own.closed:
            self._own = await server.log_in(self._copy)
        mine = self._own
        async with server.ending(mine):
            yield mine

    async def catalogue(self) -> Sequence[Table]:
        """Give the tables as they are now."""
        return await self._look(read_catalogue)

    async def state(self) -> Mapping[str, TableState]:
        """Give what every table holds."""
        return await self._look(read_state)

    async def _look(self, read: Callable[[aiomysql.Connection], Awaitable[T]]) -> T:
        self.check()
        async with self._busy:
            try:
                async with self._connection() as connection:
                    return await read(connection)
            except _ERRORS as error:
                self.check()
                raise BackendError(f"The tables cannot be read: {error}") from error

    async def aclose(self) -> None:
        """Drop the copy; what runs in it ends."""
        self._closed = True
        own, self._own = self._own, None
        if own is not None:
            await self._backend.server.end(own)
        copy, self._copy = self._copy, None
        if copy is not None:
            await self._backend.server.drop(copy)
        self._backend.forget(self)
