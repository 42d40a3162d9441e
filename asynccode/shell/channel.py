"""One stream between us and a program: whatever descriptor, one direction at a time."""

from __future__ import annotations

import asyncio
import errno
import os

import anyio

from asynccode.shell.hub import Hub

END = (errno.EIO, errno.ECONNRESET)
"""What reading gives at the end: a terminal nobody holds any more, a socket left unread."""


class _Future:
    """An event for one who waits, where asyncio is the loop: a round trip costs a quarter less."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._future = loop.create_future()

    def set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        await self._future


def _waiter() -> _Future | anyio.Event:
    try:
        return _Future(asyncio.get_running_loop())
    except RuntimeError:  # another library's loop
        return anyio.Event()


class Channel:
    """Owns a descriptor. Nothing is read before it is asked for, so writers wait."""

    def __init__(self, hub: Hub, fd: int) -> None:
        self._hub, self._fd = hub, fd
        self._watched = self._sending = False
        self._waiter: _Future | anyio.Event | None = None
        self._max_bytes = 0
        self._data: bytes | None = None
        os.set_blocking(fd, False)

    @property
    def fd(self) -> int:
        """The descriptor; raises `anyio.ClosedResourceError` if it is closed."""
        if self._fd < 0:
            raise anyio.ClosedResourceError
        return self._fd

    async def receive(self, max_bytes: int) -> bytes:
        """Give at least one byte and at most `max_bytes`; b"" at the end."""
        if self._waiter is not None:
            raise anyio.BusyResourceError("receiving from")
        while self._data is None:
            if not self._watched:
                self._hub.watch(self.fd, self._on_ready)
                self._watched = True
            # The callback reads: that saves a call for nothing, and keeps what has come
            # safe if we are cancelled before we wake.
            self._max_bytes, self._waiter = max_bytes, _waiter()
            try:
                await self._waiter.wait()
            finally:
                self._waiter = None
            _ = self.fd
        data, self._data = self._data[:max_bytes], self._data[max_bytes:] or None
        return data

    async def send(self, data: bytes) -> None:
        """Write all of it; raises `anyio.BrokenResourceError` if nobody will read it."""
        if self._sending:
            raise anyio.BusyResourceError("sending to")
        view = memoryview(data)
        self._sending = True
        try:
            while view:
                try:
                    view = view[os.write(self.fd, view) :]
                except BlockingIOError:
                    await anyio.wait_writable(self.fd)
                except OSError as error:
                    raise anyio.BrokenResourceError from error
        finally:
            self._sending = False

    def close(self) -> None:
        """Close the descriptor; whoever waits gets `anyio.ClosedResourceError`."""
        if self._fd < 0:
            return
        if self._watched:
            self._hub.forget(self._fd)
        if self._sending:
            anyio.notify_closing(self._fd)
        os.close(self._fd)
        self._fd, self._watched = -1, False
        if self._waiter:
            self._waiter.set()

    def _on_ready(self, _events: int) -> None:
        if self._waiter is None or self._data is not None:
            # Nobody wants it yet. Look again when somebody does.
            self._hub.forget(self._fd)
            self._watched = False
            return
        try:
            self._data = os.read(self._fd, self._max_bytes)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in END:
                raise
            self._data = b""
        self._waiter.set()
