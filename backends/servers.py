"""What database servers have in common: a database to read in, private ones on demand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import anyio
import sniffio

from asynccode.backends.worlds import PrivateDatabase
from asynccode.databases import Database, DatabaseBackend, description_of
from asynccode.errors import InputError, Unavailable
from asynccode.images import Image
from asynccode.outcomes import Limits


class ServerBackend(DatabaseBackend):
    """Databases in a server that is there, through a driver that speaks to asyncio alone."""

    isolates: frozenset[str] = frozenset({"files", "network", "processes"})
    driver: ClassVar[str]
    """The name of the package that speaks to the server."""

    def __init__(self) -> None:
        self._open: set[PrivateDatabase] = set()
        self._opened = 0
        self._prepared: dict[str, str] = {}
        self._preparing = anyio.Lock(fast_acquire=True)
        self._closed = False

    @classmethod
    def is_spoken_to(cls) -> bool:
        """Whether the driver can be used in the event loop that runs."""
        return sniffio.current_async_library() == "asyncio"

    async def prepare(self, image: Image) -> str:
        """Load the database into the server unless it is there."""
        database = description_of(image, self.name)
        await self.shared(database)
        return database.digest

    async def shared(self, database: Database) -> str:
        """Give the server's name of the database to read in. Raises `Unavailable`."""
        if self._closed:
            raise InputError("The backend is closed.")
        if (found := self._prepared.get(database.digest)) is not None:
            return found
        if not self.is_spoken_to():
            raise Unavailable(f"{self.driver} speaks to asyncio alone, not to trio", "use asyncio")
        async with self._preparing:
            found = self._prepared.get(database.digest)
            if found is None:
                found = self._prepared[database.digest] = await self.load(database)
            return found

    async def open(self, image: Image, limits: Limits) -> PrivateDatabase:
        """Open a private database: nothing is made for it until it is written to."""
        database = description_of(image, self.name)
        world = self.world(database, await self.shared(database), limits)
        self._open.add(world)
        self._opened += 1
        return world

    def forget(self, world: PrivateDatabase) -> None:
        """Note that a world has closed."""
        self._open.discard(world)

    async def aclose(self) -> None:
        """Drop what the episodes had of their own and close all connections."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            for world in list(self._open):
                await world.aclose()
            await self.disconnect()

    def statistics(self) -> Mapping[str, int]:
        """Counts for humans and tests."""
        return {"open": len(self._open), "opened": self._opened}

    @abstractmethod
    async def load(self, database: Database) -> str:
        """Load a database into the server unless it is there. Raises `Unavailable`."""

    @abstractmethod
    def world(self, database: Database, shared: str, limits: Limits) -> PrivateDatabase:
        """Give a world that reads in the server's database `shared`."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close all connections."""
