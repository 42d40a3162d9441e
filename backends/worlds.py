"""What the databases of all engines have in common: a world that lends its one session."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from asynccode.databases import Database, DatabaseSession, DatabaseWorld, ResultSet, Table
from asynccode.errors import InputError, SandboxLost


class PrivateDatabase(DatabaseWorld):
    """One episode's database in some engine; runs the statements of its one session."""

    speaks: ClassVar[type[PrivateSession]]
    """The class of its session, which says whose SQL it takes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: DatabaseSession | None = None
        self._closed = False

    @property
    def database(self) -> Database:
        """What it was when it was opened."""
        return self._database

    @property
    def is_alive(self) -> bool:
        """Whether it is open."""
        return not self._closed

    async def session(self) -> DatabaseSession:
        """Open the session."""
        self.check()
        if self._session is not None:
            raise InputError("The database has a session open already.")
        self._session = self.speaks(self)
        return self._session

    def release(self) -> None:
        """Let another session be opened."""
        self._session = None

    def check(self) -> None:
        """Raise `SandboxLost` if it is closed."""
        if self._closed:
            raise SandboxLost("The database is closed.")

    @abstractmethod
    async def execute(self, statement: str, seconds: float | None) -> ResultSet:
        """Run a statement; see `DatabaseSession.execute`."""

    @abstractmethod
    async def catalogue(self) -> Sequence[Table]:
        """Give the tables as they are now; see `DatabaseSession.catalogue`."""


class PrivateSession(DatabaseSession):
    """The session of one database: all that it does its world does."""

    def __init__(self, world: PrivateDatabase) -> None:
        self._world: PrivateDatabase | None = world

    @property
    def world(self) -> PrivateDatabase:
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
