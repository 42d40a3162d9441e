"""One world to run code in, for programs of your own: `async with asynccode.open() as world`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from attrs import define, field

from asynccode.images import Image
from asynccode.interfaces import Backend, Sandbox, Session
from asynccode.outcomes import ExecResult, Limits
from asynccode.registry import load_backend


@define(eq=False)
class Workspace:
    """A sandbox with its session open. Made by `open`."""

    sandbox: Sandbox
    """The world itself: `read`, `write`, `changes`, `exec`, `start`."""
    session: Session
    _one_at_a_time: anyio.Lock = field(factory=anyio.Lock)

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Run code in the persistent session, as `Session.run` does.

        Calls from several tasks queue. Cancelling one stops what it started; the session, its
        variables and its directory stay for the next.
        """
        async with self._one_at_a_time:
            return await self.session.run(code, seconds=seconds, split=split)


@asynccontextmanager
async def open(  # noqa: A001 (asynccode.open is what it is)
    backend: Backend | str = "nsjail",
    *,
    image: Image | None = None,
    limits: Limits | None = None,
    files: Mapping[str, bytes] | None = None,
) -> AsyncIterator[Workspace]:
    """Open one world with `files` in it; all of it is gone when the block ends, however it ends.

    A backend that is named is opened for this world alone; one that is given stays the
    caller's, so that many worlds can share it. `image` defaults to the machine's own root
    file system, read-only; `files` are put in by path.

    Raises `InputError` for what cannot be used, `Unavailable` if the backend cannot work here,
    `BackendError` if the world cannot be started.
    """
    async with AsyncExitStack() as stack:
        if isinstance(backend, str):
            backend = await stack.enter_async_context(load_backend(backend))
        sandbox = await backend.open(image or Image(), limits or Limits())
        await stack.enter_async_context(sandbox)
        for path, data in (files or {}).items():
            await sandbox.write(path, data)
        session = await sandbox.session()
        await stack.enter_async_context(session)
        yield Workspace(sandbox, session)
