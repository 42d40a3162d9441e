"""Answers that take their time, found by a process of their own.

The warden serves all jails, one request after the other. What one of them has made so large that
looking at it takes a while must not keep the others waiting: after a moment the work is begun anew
in a child, and its answer is passed on when it has come.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

from asynccode.backends import processes
from asynccode.backends.warden.answers import is_whole
from asynccode.backends.warden.syscalls import close_above, die_with_parent

FIRST = 3
CHUNK = 1 << 18


class Aside(NamedTuple):
    """A request that a child answers."""

    number: int
    jail: int
    pid: int
    said: bytearray


class Asides:
    """Of one warden: by the descriptor over which each answers."""

    def __init__(self, poll: select.poll, post: Callable[[bytes], None]) -> None:
        """Take what waits for descriptors, and what sends an answer."""
        self._poll, self._post = poll, post
        self._begun: dict[int, Aside] = {}

    def __contains__(self, fd: int) -> bool:
        """Whether an answer comes over a descriptor."""
        return fd in self._begun

    def begin(self, number: int, jail: int, answer: Callable[[], bytes]) -> None:
        """Have a child call `answer`, which gives a whole message."""
        reader, writer = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _child(parent, writer, answer)
        os.close(writer)
        self._begun[reader] = Aside(number, jail, pid, bytearray())
        self._poll.register(reader, select.POLLIN)

    def hear(self, fd: int) -> int | None:
        """Take what a child says, and pass it on when that is all.

        Gives the number of a request whose child has ended before.
        """
        aside = self._begun[fd]
        if data := os.read(fd, CHUNK):
            aside.said.extend(data)
            return None
        self._poll.unregister(fd)
        os.close(fd)
        del self._begun[fd]
        if not is_whole(aside.said):
            return aside.number
        self._post(bytes(aside.said))
        return None

    def end(self, jail: int) -> None:
        """Look no longer at a jail that is to end."""
        for aside in self._begun.values():
            if aside.jail == jail:
                processes.send(aside.pid, signal.SIGKILL)


def _child(parent: int, writer: int, answer: Callable[[], bytes]) -> NoReturn:
    try:
        die_with_parent(signal.SIGKILL, parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(writer, FIRST)
        close_above(FIRST)  # other jails' streams would not end while it holds them
        message = memoryview(answer())
        with suppress(BrokenPipeError):
            while message:
                message = message[os.write(FIRST, message) :]
    finally:
        os._exit(0)
