"""A program at the other end of channels, wherever it runs."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios
from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio
from attrs import define

from asynccode.errors import InputError, SandboxLost
from asynccode.interfaces import Program
from asynccode.outcomes import Window
from asynccode.shell.channel import Channel
from asynccode.shell.framing import can_say
from asynccode.shell.hub import Hub
from asynccode.shell.wiring import ABOVE

CLOSE_SECONDS = 10.0


AS_IT_IS = ("nice", "-n", "0")
"""Starts a program whose name `env` would take for a variable's."""


def spelled(argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Give words that a shell which was given none of `env` may `exec`.

    Shells have variables of their own in mind: Bash without a user takes PS1 away, for one.
    """
    words = [f"{name}={value}" for name, value in env.items()]
    return ["/usr/bin/env", "-i", *words, *(AS_IT_IS if "=" in argv[0] else ()), *argv]


def check_command(argv: Sequence[str], env: Mapping[str, str] | None) -> None:
    """Raise `InputError` if that cannot be the words and variables of a program."""
    if not argv or not argv[0]:
        raise InputError("start needs at least the name of a program.")
    for name in env or {}:
        if not name.isidentifier():
            raise InputError(f"{name!r} cannot be the name of an environment variable.")
    for text in (*argv, *(env or {}).values()):
        if not can_say(text):
            raise InputError(
                f"{text!r} holds a NUL or a lone half, which no argument or variable can."
            )


def set_size(terminal: int, window: Window) -> None:
    """Tell the terminal behind a descriptor its size; who runs on it gets SIGWINCH."""
    size = struct.pack("4H", window.rows, window.columns, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


@define
class Streams:
    """Sockets for a program's input, output and errors.

    Sockets, since a pipe can be opened through /proc by whoever is the same user.
    """

    ours: list[int]
    theirs: list[int]

    @classmethod
    def open(cls, count: int = 3) -> Streams:
        """Make them, or raise `OSError` and leave none."""
        streams = cls(ours=[], theirs=[])
        try:
            for _ in range(count):
                mine, yours = socket.socketpair()
                with yours:
                    streams.ours.append(mine.detach())
                    fd = fcntl.fcntl(yours, fcntl.F_DUPFD_CLOEXEC, ABOVE)
                    streams.theirs.append(fd)
        except OSError:
            streams.close()
            raise
        return streams

    def hand_over(self) -> None:
        """Close their ends, once the program has them."""
        theirs, self.theirs = self.theirs, []
        for fd in theirs:
            os.close(fd)

    def take(self) -> list[int]:
        """Give our ends away."""
        ours, self.ours = self.ours, []
        return ours

    def close(self) -> None:
        """Close what has not been given away."""
        self.hand_over()
        for fd in self.take():
            os.close(fd)


class ChannelProgram(Program):
    """A program whose streams are descriptors of ours: three, or a terminal's master.

    `end` kills what is left of it and returns when that is gone. Whoever started it calls
    `settle` or `lose` when it has ended.
    """

    def __init__(self, hub: Hub, fds: Sequence[int], end: Callable[[], Awaitable[None]]) -> None:
        self._channels = [Channel(hub, fd) for fd in fds]
        self._terminal = len(fds) == 1
        self._end = end
        self._status: int | None = None
        self._lost: str | None = None
        self._ended = anyio.Event()
        self._closed = False

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, as far as we know."""
        return self._ended.is_set()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, by `aclose` or with its sandbox."""
        return self._closed

    async def ended(self) -> None:
        """Wait until it has ended, or nobody will know."""
        await self._ended.wait()

    def settle(self, status: int) -> None:
        """Take note of its exit status, as `os.waitpid` gives it."""
        code = os.waitstatus_to_exitcode(status)
        if self._ended.is_set():
            return
        self._status = code if code >= 0 else 128 - code
        self._ended.set()

    def lose(self, why: str) -> None:
        """Take note that nobody will know how it ended."""
        if not self._ended.is_set():
            self._lost = why
            self._ended.set()

    async def send(self, data: bytes) -> None:
        """Write to its input."""
        await self._channels[0].send(data)

    async def send_eof(self) -> None:
        """End its input."""
        if self._terminal:
            master = self._channels[0].fd
            await self.send(termios.tcgetattr(master)[6][termios.VEOF])
        else:
            self._channels[0].close()

    async def receive(self, *, errors: bool = False, max_bytes: int = 65536) -> bytes:
        """Read from its output or its errors."""
        if errors and self._terminal:
            return b""
        return await self._channels[2 if errors else 0 if self._terminal else 1].receive(max_bytes)

    async def wait(self) -> int:
        """Wait for its end."""
        await self._ended.wait()
        if self._status is None:
            raise SandboxLost(self._lost or "The program is gone with its sandbox.")
        return self._status

    async def resize(self, window: Window) -> None:
        """Change the terminal's size."""
        if not self._terminal:
            raise InputError("This program has no terminal: start it with a window.")
        set_size(self._channels[0].fd, window)

    async def aclose(self) -> None:
        """Kill it and what it started; close the streams."""
        if self._closed:
            return
        self._closed = True
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
            await self._end()
        self._close()
        self.lose("The program could not be ended.")

    def abandon(self, why: str) -> None:
        """Close the streams and forget it: its sandbox ends with it."""
        self._close()
        self.lose(why)

    def _close(self) -> None:
        self._closed = True
        for channel in self._channels:
            channel.close()
