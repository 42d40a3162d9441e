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
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import ClassVar

import aiomysql
import anyio
import anyio.lowlevel
import pymysql
import sniffio

from asynccode.backends.mydb.catalogue import read_catalogue, read_state
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
from asynccode.databases import (
    Database,
    DatabaseBackend,
    DatabaseSession,
    DatabaseWorld,
    ResultSet,
    Table,
    TableState,
    description_of,
)
from asynccode.errors import BackendError, InputError, SandboxLost, Unavailable
from asynccode.images import Image
from asynccode.outcomes import Health, Limits

VARIABLE = "ASYNCCODE_MYSQL"
REMEDY = f"start a server and name it in ${VARIABLE}, as in mysql://root:password@localhost:3306/"
CONNECTIONS = 32
_ERRORS = (pymysql.Error, TimeoutError, *BROKEN)


def dsn() -> str:
    """Give the server's address."""
    return os.environ.get(VARIABLE) or "mysql://root@localhost:3306/"


class MysqlBackend(DatabaseBackend):
    """Databases in a MySQL or MariaDB server; use it in `async with`."""

    name: ClassVar[str] = "mysql"
    isolates: ClassVar[frozenset[str]] = frozenset({"files", "network", "processes"})

    def __init__(self) -> None:
        self.server = Server(dsn())
        self.places = anyio.CapacityLimiter(CONNECTIONS)
        self.idle: deque[tuple[str, aiomysql.Connection]] = deque()
        self._open: set[MysqlWorld] = set()
        self._opened = 0
        self._prepared: dict[str, str] = {}
        self._preparing = anyio.Lock(fast_acquire=True)
        self._closed = False

    async def prepare(self, image: Image) -> str:
        """Load the database into the server unless it is there."""
        database = description_of(image, self.name)
        await self._shared(database)
        return database.digest

    async def _shared(self, database: Database) -> str:
        if self._closed:
            raise InputError("The backend is closed.")
        if sniffio.current_async_library() != "asyncio":
            raise Unavailable("aiomysql speaks to asyncio alone, not to trio", "use asyncio")
        async with self._preparing:
            found = self._prepared.get(database.digest)
            if found is None:
                try:
                    found = await self.server.prepare(database)
                except _ERRORS as error:
                    reason = f"There is no MySQL to work with: {error}"
                    raise Unavailable(reason, REMEDY) from error
                self._prepared[database.digest] = found
            return found

    async def open(self, image: Image, limits: Limits) -> MysqlWorld:
        """Open a private database: nothing is made for it until it is written to."""
        database = description_of(image, self.name)
        world = MysqlWorld(self, database, await self._shared(database), limits)
        self._open.add(world)
        self._opened += 1
        return world

    async def reader(self, name: str) -> aiomysql.Connection:
        """Give a connection that reads in a prepared database; hold a place meanwhile."""
        for index in range(len(self.idle) - 1, -1, -1):
            database, connection = self.idle[index]
            if database == name:
                del self.idle[index]
                if not connection.closed:
                    return connection
        if len(self.idle) >= CONNECTIONS:
            self.idle.popleft()[1].close()
        return await self.server.log_in(name)

    def forget(self, world: MysqlWorld) -> None:
        """Note that a world has closed."""
        self._open.discard(world)

    async def aclose(self) -> None:
        """Drop all copies and close all connections."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            for world in list(self._open):
                await world.aclose()
            while self.idle:
                self.idle.pop()[1].close()
            await self.server.aclose()

    @classmethod
    async def probe(cls) -> Health:
        """Ask the server for its version."""
        if sniffio.current_async_library() != "asyncio":
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
        if sniffio.current_async_library() != "asyncio" or VARIABLE not in os.environ:
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
        return {"open": len(self._open), "opened": self._opened, "copied": self.server.copies}


class MysqlWorld(DatabaseWorld):
    """One episode's database: the shared one until it is written to, then a copy."""

    def __init__(
        self, backend: MysqlBackend, database: Database, shared: str, limits: Limits
    ) -> None:
        self._backend, self._database = backend, database
        self._shared, self._limits = shared, limits
        self._copy: str | None = None
        self._own: aiomysql.Connection | None = None
        self._session: MysqlSession | None = None
        self._busy = anyio.Lock(fast_acquire=True)
        self._closed = False

    @property
    def database(self) -> Database:
        """What it was when it was opened."""
        return self._database

    @property
    def is_alive(self) -> bool:
        """Whether it is open."""
        return not self._closed

    @property
    def is_changed(self) -> bool:
        """Whether it has a copy, since something wanted more than to read."""
        return self._copy is not None

    async def session(self) -> DatabaseSession:
        """Open the session."""
        self._check()
        if self._session is not None:
            raise InputError("The database has a session open already.")
        self._session = MysqlSession(self)
        return self._session

    def release(self) -> None:
        """Let another session be opened."""
        self._session = None

    def _check(self) -> None:
        if self._closed:
            raise SandboxLost("The database is closed.")

    async def execute(self, statement: str, seconds: float | None) -> ResultSet:
        """Run a statement where it belongs."""
        self._check()
        seconds = self._limits.step_seconds if seconds is None else seconds
        async with self._busy:
            try:
                if self._copy is None and is_shareable(statement):
                    result = await self._read(statement, seconds)
                    if result.error_code not in WANTS_MORE:
                        return result
                connection = await self._connection()
                return await self._on(connection, statement, seconds)
            except _ERRORS as error:
                self._check()
                raise SandboxLost(f"The connection to MySQL broke: {error}") from error
            finally:
                if self._own is not None and self._own.closed:
                    self._own = None

    async def _read(self, statement: str, seconds: float) -> ResultSet:
        async with self._backend.places:
            connection = await self._backend.reader(self._shared)
            try:
                return await self._on(connection, statement, seconds)
            finally:
                if not connection.closed:
                    self._backend.idle.append((self._shared, connection))

    async def _on(
        self, connection: aiomysql.Connection, statement: str, seconds: float
    ) -> ResultSet:
        """Run a statement; a connection on which it has not ended is closed, and it is killed."""
        ended = False
        result: ResultSet
        try:
            await bound(connection, seconds)
            result = await execute(connection, statement, self._limits, seconds)
            ended = True
        except CutError as cut:
            result = cut.result
        finally:
            if not ended:
                thread = connection.thread_id()
                connection.close()
                await self._backend.server.kill(thread)
        self._check()
        return result

    async def _connection(self) -> aiomysql.Connection:
        """Give the connection to the copy, making either if it is not there."""
        copy = self._copy
        if copy is None:
            with anyio.CancelScope(shield=True):  # a copy that nobody knows would stay
                name, self._own = await self._backend.server.copy(self._shared)
                self._copy = copy = name
                if self._closed:  # meanwhile
                    await self.aclose()
            self._check()
        assert copy is not None
        if self._own is None or self._own.closed:
            self._own = await self._backend.server.log_in(copy)
        return self._own

    async def catalogue(self) -> Sequence[Table]:
        """Give the tables as they are now."""
        self._check()
        async with self._busy:
            if self._copy is not None:
                return await read_catalogue(await self._connection())
            async with self._backend.places:
                connection = await self._backend.reader(self._shared)
                found = await read_catalogue(connection)
                self._backend.idle.append((self._shared, connection))
                return found

    async def state(self) -> Mapping[str, TableState]:
        """Give what every table holds."""
        self._check()
        async with self._busy:
            try:
                if self._copy is not None:
                    return await read_state(await self._connection())
                async with self._backend.places:
                    connection = await self._backend.reader(self._shared)
                    found = await read_state(connection)
                    self._backend.idle.append((self._shared, connection))
                    return found
            except _ERRORS as error:
                raise BackendError(f"The tables cannot be read: {error}") from error

    async def aclose(self) -> None:
        """Drop the copy; what runs in it ends."""
        self._closed = True
        own, self._own = self._own, None
        if own is not None:
            thread = None if own.closed else own.thread_id()
            own.close()
            if thread is not None:
                await self._backend.server.kill(thread)
        copy, self._copy = self._copy, None
        if copy is not None:
            await self._backend.server.drop(copy)
        self._backend.forget(self)


class MysqlSession(DatabaseSession):
    """The session of one database."""

    engine: ClassVar[str] = "mysql"

    def __init__(self, world: MysqlWorld) -> None:
        self._world: MysqlWorld | None = world

    @property
    def world(self) -> MysqlWorld:
        """The database. Raises `SandboxLost` if the session is closed."""
        if self._world is None:
            raise SandboxLost("The session is closed.")
        return self._world

    @property
    def database(self) -> Database:
        """What the database was when it was opened."""
        return self.world.database

    async def execute(self, statement: str, *, seconds: float | None = None) -> ResultSet:
        """Run one statement."""
        return await self.world.execute(statement, seconds)

    async def catalogue(self) -> Sequence[Table]:
        """Give the tables as they are now."""
        return await self.world.catalogue()

    async def aclose(self) -> None:
        """Close the session; the database keeps what was committed."""
        world, self._world = self._world, None
        if world is not None:
            world.release()
