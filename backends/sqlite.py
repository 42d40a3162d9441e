"""SQLite: private databases in this process, no server.

An episode reads in the prepared database that all share, until a statement wants more than to
read (SQLite's own authorizer says so while compiling it): then it gets a private copy in memory,
and that statement and all later ones run there. Nothing is written anywhere else. Reads that take
a millisecond or two are done at once (`litedb/quick.py`), all else in threads.

What a statement may do is in `litedb/guard.py`, its limits in `litedb/connections.py`, and the
threads in `litedb/workers.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self, TypeVar

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from asynccode.backends.litedb.catalogue import read_catalogue, read_state
from asynccode.backends.litedb.connections import Bounds, Opened, Running
from asynccode.backends.litedb.sources import Source
from asynccode.backends.litedb.workers import Workers
from asynccode.backends.worlds import PrivateDatabase, PrivateSession
from asynccode.databases import (
    Database,
    DatabaseBackend,
    ResultSet,
    Table,
    TableState,
    description_of,
)
from asynccode.errors import InputError
from asynccode.images import Image
from asynccode.interfaces import Health
from asynccode.outcomes import Limits, Outcome

OURS_SECONDS = 60.0
"""How long what we do ourselves may take: preparing, reading all tables, ending a statement."""

T = TypeVar("T")


class SqliteBackend(DatabaseBackend):
    """Databases in memory; use it in `async with`."""

    name: ClassVar[str] = "sqlite"
    isolates: frozenset[str] = frozenset({"files", "network", "processes"})

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._preparing = anyio.Lock()  # a database is prepared once
        self._workers: Workers | None = None
        self._group: TaskGroup | None = None
        self._open: set[SqliteWorld] = set()
        self._opened = 0
        self.copied = 0
        """How many databases were copied, because they were written to."""

    async def __aenter__(self) -> Self:
        self._workers = Workers()
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._workers.watch)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        try:
            await self.aclose()
        finally:
            if group is not None:
                group.cancel_scope.cancel()
                await group.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """Close all databases and end the threads."""
        with anyio.CancelScope(shield=True):
            for world in list(self._open):
                await world.aclose()
            workers, self._workers = self._workers, None
            if workers is not None:
                await workers.aclose()
            for source in self._sources.values():
                source.close()
            self._sources.clear()

    @property
    def workers(self) -> Workers:
        """The threads. Raises `InputError` outside `async with`."""
        if self._workers is None:
            raise InputError("The backend is not open: use it in `async with`.")
        return self._workers

    async def prepare(self, image: Image) -> str:
        """Open the database once, to see that it is one. Raises `ImageError`."""
        database = description_of(image, self.name)
        await self._source(database)
        return database.digest

    async def _source(self, database: Database) -> Source:
        found = self._sources.get(database.digest)
        if found is None:
            async with self._preparing:
                found = self._sources.get(database.digest)
                if found is None:
                    found = await self.call(lambda: Source(database))
                    self._sources[database.digest] = found
        return found

    async def call(self, job: Callable[[], T]) -> T:
        """Do a job of ours in a thread."""
        bounds = Bounds(seconds=OURS_SECONDS, output_bytes=1 << 40, disk_bytes=1 << 40)
        return await self.workers.run(job, Running(bounds))

    async def open(self, image: Image, limits: Limits) -> SqliteWorld:
        """Open a private database: nothing is copied until it is written to."""
        source = await self._source(description_of(image, self.name))
        world = SqliteWorld(self, source, limits)
        self._open.add(world)
        self._opened += 1
        return world

    def forget(self, world: SqliteWorld) -> None:
        """Note that a world has closed."""
        self._open.discard(world)

    @classmethod
    async def probe(cls) -> Health:
        """Say which SQLite there is; it is part of Python."""
        if not hasattr(sqlite3.Connection, "deserialize"):
            return Health(
                available=False,
                version=sqlite3.sqlite_version,
                reason="this Python's SQLite cannot open a database from memory",
                remedy="use a Python that was built with SQLite 3.36 or newer",
            )
        return Health(available=True, version=sqlite3.sqlite_version)

    def statistics(self) -> Mapping[str, int]:
        """Counts for humans and tests."""
        return {
            "open": len(self._open),
            "opened": self._opened,
            "copied": self.copied,
            "threads": 0 if self._workers is None else self._workers.threads,
        }


class SqliteSession(PrivateSession):
    """The session of one database."""

    engine: ClassVar[str] = "sqlite"


class SqliteWorld(PrivateDatabase):
    """One episode's database: the shared one until it is written to, then a copy."""

    speaks = SqliteSession

    def __init__(self, backend: SqliteBackend, source: Source, limits: Limits) -> None:
        super().__init__(source.database)
        self._backend, self._source, self._limits = backend, source, limits
        self._own: Opened | None = None
        self._current: Running | None = None

    @property
    def is_changed(self) -> bool:
        """Whether it has been copied, since something wanted more than to read."""
        return self._own is not None

    async def execute(self, statement: str, seconds: float | None) -> ResultSet:
        """Run a statement where it belongs."""
        limits = self._limits
        if (result := await self._quickly(statement)) is not None:
            return result
        bounds = Bounds(
            seconds=limits.step_seconds if seconds is None else seconds,
            output_bytes=limits.output_bytes,
            disk_bytes=limits.disk_bytes,
        )
        running = Running(bounds)
        return await self._run(lambda: self._execute(statement, running), running)

    async def _quickly(self, statement: str) -> ResultSet | None:
        """Give the result of a short read of the shared database; None if it is not one."""
        quick = self._source.quick
        if quick is None or self._own is not None or self._current is not None:
            return None
        await anyio.lowlevel.checkpoint()
        self.check()
        return quick.execute(statement, self._limits.output_bytes)

    def _execute(self, statement: str, running: Running) -> ResultSet:
        """Run it in the shared database; in a private one if it wants more (in a thread)."""
        if self._own is None:
            reader = self._source.take()
            try:
                result = reader.execute(statement, running)
                wants_more = reader.guard.wrote and reader.guard.refused is None
            finally:
                self._source.give(reader)
            if not wants_more or running.reason is not None:
                return result
            self._own = self._source.copy(running.bounds.disk_bytes)
            self._backend.copied += 1
        return self._own.execute(statement, running)

    async def catalogue(self) -> Sequence[Table]:
        """Give the tables as they are now."""
        own = self._own
        if own is None:
            return await self._ours(self._source.catalogue)
        return await self._ours(lambda: read_catalogue(own.ask))

    async def state(self) -> Mapping[str, TableState]:
        """Give what every table holds."""
        own = self._own
        if own is None:
            return await self._ours(self._source.state)
        return await self._ours(lambda: read_state(own))

    async def _ours(self, job: Callable[[], T]) -> T:
        bounds = Bounds(seconds=OURS_SECONDS, output_bytes=1 << 40, disk_bytes=1 << 40)
        return await self._run(job, Running(bounds))

    async def _run(self, job: Callable[[], T], running: Running) -> T:
        self.check()
        if self._current is not None:
            raise InputError("The session runs one statement at a time.")
        self._current = running
        try:
            result = await self._backend.workers.run(job, running)
        finally:
            self._current = None
        self.check()
        return result

    async def aclose(self) -> None:
        """Stop what runs and free the copy."""
        self._closed = True
        if self._current is not None:
            with anyio.move_on_after(OURS_SECONDS, shield=True):
                while self._current is not None:
                    self._current.stop(Outcome.KILLED)
                    await anyio.sleep(0.001)
        own, self._own = self._own, None
        if own is not None:
            own.close()
        self._backend.forget(self)
