"""What the kernel remembers of files that nobody wrote to, and how it is made to forget."""

from __future__ import annotations

import ctypes
import os

SYS_FSCONFIG, SYS_FSPICK = 431, 433
AT_FDCWD, FSPICK_CLOEXEC, FSCONFIG_CMD_RECONFIGURE = -100, 1, 7
_libc = ctypes.CDLL(None, use_errno=True)


def forget(init: int) -> None:
    """Drop what is cached of a container's root and of its `/proc`, but what is in use.

    The times of a file in `/proc` and the hint of a file in an overlay (`trees.GET_HINT`) are there
    until then, and can be set. To remount a file system, with nothing changed, drops it. Raises
    `OSError`.
    """
    for place in ("", "/proc"):
        _remount(f"/proc/{init}/root{place}/".encode())


def _remount(path: bytes) -> None:
    fd = _checked(_libc.syscall(SYS_FSPICK, AT_FDCWD, path, FSPICK_CLOEXEC))
    try:
        _checked(_libc.syscall(SYS_FSCONFIG, fd, FSCONFIG_CMD_RECONFIGURE, None, None, 0))
    finally:
        os.close(fd)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "caches cannot be dropped")
    return result
