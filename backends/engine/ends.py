"""The descriptors of process 1: the pipes to the engine, which every shell of the container holds.

What a shell sets at a pipe is set for all who have it, and for those who come.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import stat
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from asynccode.backends.engine.digests import text
from asynccode.backends.engine.trees import GET_HINT

PIPES = (0, 1, 9)
"""Where process 1 has the pipes to the engine."""
PIDFD_GETFD = 438
F_GETSIG, F_GETOWN_EX = 11, 16
_libc = ctypes.CDLL(None, use_errno=True)


def streams(init: int) -> Iterator[str | bytes]:
    """Give what there is to know of them, and raise `OSError` if something is left to be read."""
    for name in sorted(os.listdir(f"/proc/{init}/fd")):
        yield f"{name} {text(f'/proc/{init}/fdinfo/{name}')}"
        with _taken(init, int(name)) as fd:
            info = os.fstat(fd)
            yield repr((info.st_ino, info.st_mode, info.st_uid, info.st_gid))
            yield fcntl.fcntl(fd, F_GETOWN_EX, bytes(8))
            yield f"signal {fcntl.fcntl(fd, F_GETSIG)}"
            yield fcntl.fcntl(fd, GET_HINT, bytes(8))
            if stat.S_ISFIFO(info.st_mode):
                yield f"size {fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)}"
            if name == "0" and any(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0")):
                raise OSError("something was left to be read as input")


def flags(init: int) -> dict[int, int]:
    """Give the flags of the pipes to the engine, which all who hold them share."""
    found = {}
    for number in PIPES:
        if not (words := text(f"/proc/{init}/fdinfo/{number}").partition("flags:")[2].split()):
            raise OSError("streams")
        found[number] = int(words[0], 8)
    return found


def restore(init: int, before: dict[int, int]) -> None:
    """Set these flags as they were, at the pipes' own: some programs set O_APPEND and go.

    The pipes' times are set to now: use changes them on some kernels, and on others nothing does
    but who sets them.
    """
    now = time.time_ns()
    for number, was in before.items():
        with _taken(init, number) as fd:
            fcntl.fcntl(fd, fcntl.F_SETFL, was)
            os.utime(fd, ns=(now, now))


@contextmanager
def _taken(init: int, number: int) -> Iterator[int]:
    """Have the descriptor itself, not another of the same file."""
    process = os.pidfd_open(init)
    try:
        fd = int(_libc.syscall(PIDFD_GETFD, process, number, 0))
    finally:
        os.close(process)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "streams")
    try:
        yield fd
    finally:
        os.close(fd)
