"""The pipes between process 1 and the engine, which every shell of the container holds too."""

from __future__ import annotations

import ctypes
import fcntl
import os
import termios
from collections.abc import Iterator

from asynccode.backends.engine.digests import text

PIPES = {0: os.O_RDONLY, 1: os.O_WRONLY, 9: os.O_WRONLY}
"""Where process 1 has the pipes to the engine."""
PIDFD_GETFD = 438
_libc = ctypes.CDLL(None, use_errno=True)


def streams(init: int) -> Iterator[str]:
    """Give what there is to know of them."""
    for number, way in PIPES.items():
        fd = os.open(f"/proc/{init}/fd/{number}", way | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            size = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
            waiting = fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0") if number == 0 else b""
        finally:
            os.close(fd)
        if any(waiting):
            raise OSError("something was left to be read as input")
        yield f"{size} {text(f'/proc/{init}/fdinfo/{number}')}"


def flags(init: int) -> dict[int, int]:
    """Give the flags of the pipes to the engine, which all who hold them share."""
    found = {}
    for number in PIPES:
        if not (words := text(f"/proc/{init}/fdinfo/{number}").partition("flags:")[2].split()):
            raise OSError("streams")
        found[number] = int(words[0], 8)
    return found


def restore(init: int, before: dict[int, int]) -> None:
    """Set these flags as they were, at the pipes' own: some programs set O_APPEND and go."""
    for number, now in flags(init).items():
        if now == before[number]:
            continue
        process = os.pidfd_open(init)
        fd = _libc.syscall(PIDFD_GETFD, process, number, 0)
        os.close(process)
        if fd >= 0:
            try:
                fcntl.fcntl(fd, fcntl.F_SETFL, before[number])
            finally:
                os.close(fd)
