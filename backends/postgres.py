"""PostgreSQL: private databases in a server that is there.

An episode reads in a prepared database that all share, each statement in a transaction that is
rolled back, until one is no pure read: then it gets a clone of its own, made from a template,
where it may do what it likes and COMMIT means what it says. The clone goes when the episode ends.

The server is the one that `$ASYNCCODE_POSTGRES` names (a DSN of a role that may create databases
and roles), else the one that libpq's own variables name. asyncpg speaks to asyncio alone.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar, TypeVar

import anyio
import asyncpg

from asynccode.backends.pgdb import names
from asynccode.backends.pgdb.catalogue import read_catalogue, read_state
from asynccode.backends.pgdb.pool import Readers, close, is_clean
from asynccode.backends.pgdb.server import Server, drop
from asynccode.backends.pgdb.statements import READING, WANTS_MORE, execute, first_word
from asynccode.backends.servers import ServerBackend
from asynccode.backends.worlds import PrivateDatabase, PrivateSession
from asynccode.databases import Database, ResultSet, Table, TableState
from asynccode.errors import BackendError, SandboxLost, Unavailable
from asynccode.outcomes import Health, Limits, Outcome

VARIABLE = "ASYNCCODE_POSTGRES"
REMEDY = f"start a server and name it in ${VARIABLE}, as in postgresql://user@host/postgres"
LOOK_SECONDS = 60.0
"""How long a look at all tables may take."""
_BROKEN = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError)
T = TypeVar("T")


def dsn() -> str:
    """Give the server's DSN."""
    return os.environ.get(VARIABLE) or "postgresql:///postgres"


class PostgresBackend(ServerBackend):
    """Databases in a PostgreSQL server; use it in `async with`."""

    name: ClassVar[str] = "postgres"
    driver: ClassVar[str] = "asyncpg"

    def __init__(self) -> None:
        super().__init__()
        self.server = Server(dsn())
        self.readers = Readers(self.server)

    async def load(self, database: Database) -> str:
        """Load a database into the server unless it is there."""
        try:
            return await self.server.prepare(database)
        except (*_BROKEN, asyncpg.PostgresError, TimeoutError) as error:
            raise Unavailable(f"There is no PostgreSQL to work with: {error}", REMEDY) from error

    def world(self, database: Database, shared: str, limits: Limits) -> PostgresWorld:
        """Give a world that reads in the server's database `shared`."""
        return PostgresWorld(self, database, shared, limits)

    async def disconnect(self) -> None:
        """Close all connections."""
        await self.readers.aclose()
        await self.server.aclose()

    @classmethod
    async def probe(cls) -> Health:
        """Ask the server for its version, and whether we may make databases there."""
        if not cls.is_spoken_to():
            return Health(available=False, reason="asyncpg speaks to asyncio alone")
        try:
            connection = await asyncpg.connect(dsn(), timeout=10)
        except (*_BROKEN, asyncpg.PostgresError, TimeoutError, KeyError) as error:
            # KeyError: a user who has no account, whose name asyncpg asks for.
            return Health(available=False, reason=f"no server answers: {error}", remedy=REMEDY)
        try:
            version = str(await connection.fetchval("SHOW server_version"))
            able = await connection.fetchval(
                "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            )
        finally:
            await close(connection)
        if not able:
            return Health(
                available=False,
                version=version,
                reason="the role is no superuser: it cannot take dangerous functions away",
                remedy=f"name a superuser in ${VARIABLE}",
            )
        return Health(available=True, version=version)

    @classmethod
    async def clean(cls) -> list[str]:
        """Remove the clones of dead owners."""
        if not cls.is_spoken_to() or VARIABLE not in os.environ:
            return []
        removed: list[str] = []
        with suppress(*_BROKEN, asyncpg.PostgresError, TimeoutError):
            server = Server(dsn())
            async with server.admin() as admin:
                query = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'asynccode\\_c\\_%'"
                found = [name for (name,) in await admin.fetch(query)]
                for name in found:
                    owner = names.owner_of(name)
                    if owner is not None and owner.is_dead():
                        await drop(admin, name)
                        removed.append(name)
            await server.aclose()
        return removed

    def statistics(self) -> Mapping[str, int]:
        """Counts for humans and tests."""
        return {
            **super().statistics(),
            "copied": self.server.clones,
            "connections": self.readers.open,
            "dropped": self.readers.dropped,
        }


class _StillRunning(Exception):
    """The server did not stop a statement in its time: its connection must be looked at."""

    def __init__(self, result: ResultSet) -> None:
        super().__init__()
        self.result = result


class PostgresSession(PrivateSession):
    """The session of one database."""

    engine: ClassVar[str] = "postgres"


class PostgresWorld(PrivateDatabase):
    """One episode's database: the shared one until it is written to, then a clone."""

    speaks = PostgresSession

    def __init__(
        self, backend: PostgresBackend, database: Database, shared: str, limits: Limits
    ) -> None:
        super().__init__(database)
        self._backend, self._shared, self._limits = backend, shared, limits
        self._clone: str | None = None
        self._own: asyncpg.Connection | None = None
        self._busy = anyio.Lock(fast_acquire=True)

    @property
    def is_changed(self) -> bool:
        """Whether it has a clone, since something wanted more than to read."""
        return self._clone is not None

    async def execute(self, statement: str, seconds: float | None) -> ResultSet:
        """Run a statement where it belongs."""
        self.check()
        seconds = self._limits.step_seconds if seconds is None else seconds
        async with self._busy:
            try:
                if self._clone is None and first_word(statement) in READING:
                    result = await self._read(statement, seconds)
                    if result.error_code not in WANTS_MORE:
                        return result
                return await self._write(statement, seconds)
            except _StillRunning as stopped:
                return stopped.result
            except _BROKEN as error:
                self.check()
                raise SandboxLost(f"The connection to PostgreSQL broke: {error}") from error

    async def _read(self, statement: str, seconds: float) -> ResultSet:
        async with self._backend.readers.reader(self._shared, seconds) as reader:
            result = await execute(
                reader.connection, statement, self._limits, seconds, reader.prepare
            )
            if result.outcome is Outcome.TIMEOUT and result.error_code is None:
                raise _StillRunning(result)
        self.check()
        return result

    async def _write(self, statement: str, seconds: float) -> ResultSet:
        connection = await self._connection()
        # The agent may set it to something else; then we stop the statement a little later.
        milliseconds = int(seconds * 1000) + 1
        clean = False
        try:
            if not connection.is_in_transaction():
                await connection.execute(f"SET statement_timeout = {milliseconds}")
            result = await execute(connection, statement, self._limits, seconds)
            clean = result.seconds < seconds
            return result
        finally:
            if not clean and self._own is not None and not await is_clean(connection):
                self._own = None

    async def _connection(self) -> asyncpg.Connection:
        """Give the connection to the clone, making either if it is not there."""
        clone = self._clone
        if clone is None:
            with anyio.CancelScope(shield=True):  # a clone that nobody knows would stay
                name, self._own = await self._backend.server.clone(self._database)
                self._clone = clone = name
                if self._closed:  # meanwhile
                    await self.aclose()
            self.check()
        assert clone is not None
        if self._own is None or self._own.is_closed():
            self._own = await self._backend.server.log_in(clone, clone)
        return self._own

    async def catalogue(self) -> Sequence[Table]:
        """Give the tables as they are now."""
        return await self._look(read_catalogue)

    async def state(self) -> Mapping[str, TableState]:
        """Give what every table holds."""
        return await self._look(read_state)

    async def _look(self, read: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        self.check()
        async with self._busy:
            try:
                if self._clone is not None:
                    return await read(await self._connection())
                async with self._backend.readers.reader(self._shared, LOOK_SECONDS) as reader:
                    return await read(reader.connection)
            except (*_BROKEN, asyncpg.PostgresError) as error:
                self.check()
                raise BackendError(f"The tables cannot be read: {error}") from error

    async def aclose(self) -> None:
        """Drop the clone; what runs in it ends."""
        self._closed = True
        own, self._own = self._own, None
        if own is not None:
            own.terminate()
        clone = self._clone
        if clone is not None:
            await self._backend.server.drop(clone)
            self._clone = None
        self._backend.forget(self)
