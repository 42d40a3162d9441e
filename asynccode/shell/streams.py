"""What a shell's steps write: two pipes, read as it comes, kept up to a limit."""

from __future__ import annotations

import fcntl
import os
import sys
import termios
from collections.abc import Callable, Iterable
from functools import partial

from asynccode.shell.hub import Hub

CHUNK = 65536


class Streams:
    """The host's end of output and errors; owns both descriptors.

    `on_full` is called when more than `limit` bytes have come since the last `take`; what comes
    beyond is read, so that the writer does not block, and dropped.
    """

    def __init__(
        self, hub: Hub, pipes: Iterable[int], limit: int, on_full: Callable[[], None]
    ) -> None:
        self._hub, self._limit, self._on_full = hub, limit, on_full
        self._buffers = {fd: bytearray() for fd in pipes}  # output, errors
        self._fds = self._used = tuple(self._buffers)
        self._merged = bytearray()
        self._paused: set[int] = set()
        self._wanted = False
        for fd in self._buffers:
            os.set_blocking(fd, False)
            hub.watch(fd, partial(self._on_readable, fd))

    def begin(self, *, split: bool) -> None:
        """A step begins: read on, whatever there is. Unless `split`, its errors are output."""
        self._wanted = True
        self._used = self._fds if split else self._fds[:1]
        while self._paused:
            self._hub.pause(self._paused.pop(), paused=False)

    def end(self) -> None:
        """No step runs: let writers wait once there is a chunk of theirs."""
        self._wanted = False

    def drain(self) -> None:
        """Read what is in the pipes now; what is written later waits for the next step."""
        for fd in self._used:
            waiting = fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0")
            size = int.from_bytes(waiting, sys.byteorder)
            while size > 0:
                self._on_readable(fd, size=min(size, CHUNK))
                size -= CHUNK

    def take(self) -> tuple[bytes, bytes, bytes]:
        """Give what was written (merged, output, errors), and begin afresh."""
        buffers = (self._merged, *self._buffers.values())
        kept = [bytes(buffer[: self._limit]) for buffer in buffers]
        for buffer in buffers:
            buffer.clear()
        merged, output, errors = kept
        return merged, output, errors

    def close(self) -> None:
        """Close the descriptors; call once."""
        for fd in self._buffers:
            self._hub.forget(fd)
            os.close(fd)

    def _on_readable(self, fd: int, _events: int = 0, size: int = CHUNK) -> None:
        try:
            data = os.read(fd, size)
        except BlockingIOError:
            return
        if not data:
            self._hub.forget(fd)
        elif len(self._merged) <= self._limit:
            self._buffers[fd] += data
            self._merged += data
        if not self._wanted and len(self._merged) >= CHUNK:
            # Left behind by an earlier step: let it wait, rather than read for ever.
            self._paused.add(fd)
            self._hub.pause(fd, paused=True)
        if self._wanted and len(self._merged) > self._limit:
            self._on_full()
