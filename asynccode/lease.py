"""A world on loan: the world itself, and what is given back when it closes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asynccode.databases import Database, DatabaseSession, DatabaseWorld, TableState
from asynccode.errors import InputError
from asynccode.interfaces import Program, Sandbox, Session, World
from asynccode.outcomes import Change, ExecResult, Window

if TYPE_CHECKING:
    from asynccode.python.wire import Interpreter


def lease(world: World, release: Callable[[], None]) -> Lease | DatabaseLease:
    """Lend a world of either kind; `release` is called once, when it has closed."""
    if isinstance(world, DatabaseWorld):
        return DatabaseLease(world, release)
    if isinstance(world, Sandbox):
        return Lease(world, release)
    raise InputError(f"A {type(world).__name__} is neither a Sandbox nor a DatabaseWorld.")


class Lease(Sandbox):
    """Passes everything on to a sandbox and calls `release` once when it has closed.

    What a backend's sandboxes have beyond the interface is reached through the lease too.
    """

    def __init__(self, sandbox: Sandbox, release: Callable[[], None]) -> None:
        self.sandbox = sandbox
        self.interpreter: Interpreter | None = None
        """A Python that was started ahead, until somebody takes it."""
        self.take_back: Callable[[Lease], Awaitable[None]] | None = None
        """Called once instead of closing: must renew or close it."""
        self._release: Callable[[], None] | None = release

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sandbox, name)

    @property
    def is_alive(self) -> bool:
        """Whether the sandbox is there, as far as its backend knows without asking it."""
        return self.sandbox.is_alive

    async def session(self) -> Session:
        """Open the sandbox's session."""
        return await self.sandbox.session()

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
        split: bool = False,
    ) -> ExecResult:
        """Run one program in the sandbox."""
        return await self.sandbox.exec(argv, cwd=cwd, env=env, seconds=seconds, split=split)

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        window: Window | None = None,
    ) -> Program:
        """Start a program in the sandbox."""
        return await self.sandbox.start(argv, cwd=cwd, env=env, window=window)

    async def read(self, path: str | bytes, *, max_bytes: int = 16 * 1024 * 1024) -> bytes:
        """Read a file of the sandbox."""
        return await self.sandbox.read(path, max_bytes=max_bytes)

    async def write(self, path: str | bytes, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file in the sandbox."""
        await self.sandbox.write(path, data, mode=mode)

    async def changes(self, *, hashes: bool = False) -> tuple[Change, ...]:
        """Give what differs from the image."""
        return await self.sandbox.changes(hashes=hashes)

    async def fingerprint(self) -> str | None:
        """Give a digest of every trace of writing."""
        return await self.sandbox.fingerprint()

    async def renew(self) -> Lease | None:
        """Give a lease of the sandbox made new, with the room that it has; None closes it."""
        release, self._release = self._release, None
        fresh: Sandbox | None = None
        try:
            fresh = await self.sandbox.renew()
        finally:
            if fresh is None and release is not None:
                release()
        return None if fresh is None or release is None else Lease(fresh, release)

    async def aclose(self) -> None:
        """Close the sandbox and give its room back, or give it to whoever takes it back."""
        take_back, self.take_back = self.take_back, None
        if take_back is not None:
            await take_back(self)
            return
        try:
            await self.sandbox.aclose()
        finally:
            release, self._release = self._release, None
            if release is not None:
                release()


class DatabaseLease(DatabaseWorld):
    """Passes everything on to a database and calls `release` once when it has closed."""

    def __init__(self, world: DatabaseWorld, release: Callable[[], None]) -> None:
        self.world = world
        self._release: Callable[[], None] | None = release

    @property
    def database(self) -> Database:
        """What it was when it was opened."""
        return self.world.database

    @property
    def is_alive(self) -> bool:
        """Whether it is there, as far as its backend knows without asking it."""
        return self.world.is_alive

    async def session(self) -> DatabaseSession:
        """Open the database's session."""
        return await self.world.session()

    @property
    def is_changed(self) -> bool:
        """Whether anything may have been written."""
        return self.world.is_changed

    async def state(self) -> Mapping[str, TableState]:
        """Give what every table holds."""
        return await self.world.state()

    async def aclose(self) -> None:
        """Close the database and give its room back."""
        try:
            await self.world.aclose()
        finally:
            release, self._release = self._release, None
            if release is not None:
                release()
