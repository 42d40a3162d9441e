"""What a shell's steps write: two pipes, read as it comes, kept up to a limit.

What a short step writes is read when it has ended: the event loop then wakes once for a step, not
twice. Only a step that lasts, and may fill a pipe, has its pipes watched.
"""

from __future__ import annotations

import fcntl
import os
import sys
import termios
from collections.abc import Callable, Iterable
from functools import partial

from asynccode.shell.hub import Hub

CHUNK = 65536
LITTLE = 4096
"""Most steps write less: one read then tells that there is no more."""


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
        self._wanted = self._watched = False
        for fd in self._buffers:
            os.set_blocking(fd, False)

    def begin(self, *, split: bool) -> None:
        """A step begins: read on, whatever there is. Unless `split`, its errors are output."""
        self._wanted = True
        self._used = self._fds if split else self._fds[:1]
        while self._paused:
            self._hub.pause(self._paused.pop(), paused=False)
        if split:  # two streams tell their order only by when they are read
            self.lasts()
        self._hub.begin(self)

    def end(self) -> None:
        """No step runs: let writers wait once there is a chunk of theirs."""
        self._wanted = False
        if self._hub.end(self) and self._watched:
            self._forget()

    def lasts(self) -> None:
        """Watch the pipes from now on: the step may write more than they hold."""
        if not self._watched:
            self._watched = True
            for fd in self._buffers:
                self._hub.watch(fd, partial(self._on_readable, fd))

    def drain(self) -> None:
        """Read what is in the pipes now; what is written later waits for the next step."""
        for fd in self._used:
            if self._on_readable(fd, size=LITTLE) < LITTLE:
                continue
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
        self._hub.end(self)
        self._forget()
        for fd in self._buffers:
            os.close(fd)

    def _forget(self) -> None:
        self._watched = False
        self._paused.clear()
        for fd in self._buffers:
            self._hub.forget(fd)

    def _on_readable(self, fd: int, _events: int = 0, size: int = CHUNK) -> int:
        try:
            data = os.read(fd, size)
        except BlockingIOError:
            return 0
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
        return len(data)
