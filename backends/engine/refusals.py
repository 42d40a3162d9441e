"""What is refused of a container's files, with the errors that `Sandbox` documents."""

from __future__ import annotations

import errno
import os
import stat
from typing import NoReturn

from asynccode.errors import BackendError, InputError

SAID = (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS, errno.ENOSPC)
"""What is the path's own fault, and not the engine's."""


def named(path: str) -> None:
    """Refuse what no path can be: to the kernel it would end at its NUL."""
    if "\0" in path:
        raise OSError(errno.EINVAL, "embedded null byte", path)


def regular(mode: int, path: str) -> None:
    """Refuse what is no regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
    if not stat.S_ISREG(mode):
        raise PermissionError(errno.EACCES, "Not a regular file", path)


def within(data: bytes, path: str, max_bytes: int, size: int = 0) -> bytes:
    """Give data, unless it is too long."""
    if max(len(data), size) > max_bytes:
        raise InputError(f"{path!r} is longer than max_bytes={max_bytes}.")
    return data


def fitting(data: bytes, path: str, most: int | None) -> None:
    """Refuse what is longer than a file may be, as a full disk would."""
    if most is not None and len(data) > most:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def is_loop(error: BackendError) -> bool:
    """Whether an engine has met a link that leads to itself."""
    return "too many links" in str(error) or os.strerror(errno.ELOOP).lower() in str(error)


def put_down(error: BackendError, path: str) -> NoReturn:
    """Raise what an engine says of a path as the system would have said it."""
    said = str(error).lower()
    for number in SAID:
        words = os.strerror(number)
        if words.lower() in said or (number == errno.ELOOP and is_loop(error)):
            raise OSError(number, words, path) from error
    raise error
