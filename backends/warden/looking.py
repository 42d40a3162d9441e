"""A layer of an overlay, looked at while others may write to it.

Whoever writes to it may put a link, a pipe or a folder in the place of what we have just seen. So
nothing is opened by a path that could lead out: a folder is opened beneath the layer's root without
following any link, and what is in it by its name alone, and only if it is what was seen.

Standard library only: the nsjail warden imports this.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, NamedTuple, Self, cast

from asynccode.backends.warden.syscalls import openat2

TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")
CHUNK = 1 << 20
LONGEST = 4000
"""Bytes of a path that the kernel takes at once."""
MOST_HOLES, SECONDS = 1 << 28, 60.0
"""What one look may cost: bytes of holes that are hashed, and the time."""
BENEATH = 0x04 | 0x08
"""RESOLVE_NO_SYMLINKS and RESOLVE_BENEATH (openat2)."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class TooLongError(OSError):
    """Looking takes longer than it may."""


class ChangedError(OSError):
    """Something is not what it was a moment ago."""


CHANGED = (FileNotFoundError, NotADirectoryError, ChangedError)
"""What says that a path is not there any more, or is something else now."""


class Reading:
    """What one look at layers may cost, and has found.

    Who makes a file of 8 EiB, or a thousand names of one file, has hardly used any disk. So no
    file is read twice to be hashed, nor are more than `MOST_HOLES` bytes of holes.
    """

    def __init__(
        self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock, self._until = clock, clock() + seconds
        self._left = MOST_HOLES
        self._known: dict[tuple[int, int], str | None] = {}

    def go_on(self) -> None:
        """Raise `TooLongError` when the time is over."""
        if self._clock() > self._until:
            raise TooLongError(errno.ETIMEDOUT, "There is too much to look at")

    def hash(self, item: Item) -> str | None:
        """Hash a file's content, unless it is mostly holes, or a link's target.

        Raises one of `CHANGED`.
        """
        if item.type == "symlink":
            return hashlib.sha256(item.target()).hexdigest()
        if item.type != "file":
            return None
        file = item.info.st_dev, item.info.st_ino
        if file not in self._known:
            holes = max(0, item.info.st_size - item.info.st_blocks * 512)
            fits = holes <= self._left
            self._left -= holes if fits else 0
            self._known[file] = self._digest(item) if fits else None
        return self._known[file]

    def _digest(self, item: Item) -> str:
        digest, left = hashlib.sha256(), item.info.st_size
        with item.open() as file:
            # Not beyond what it was: somebody may write as fast as we read.
            while left > 0 and (data := file.read(min(CHUNK, left))):
                digest.update(data)
                left -= len(data)
                self.go_on()
        return digest.hexdigest()


class Layer:
    """A layer, by its root."""

    def __init__(self, root: bytes) -> None:
        """Open it; raises `OSError`."""
        self._fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def open(self, path: bytes) -> Open:
        """Open a folder of it by its path, however long; raises one of `CHANGED`."""
        fd = os.dup(self._fd)
        try:
            while len(path) > LONGEST:
                at = path.rindex(b"/", 0, LONGEST)
                fd, path = _step(fd, path[:at]), path[at + 1 :]
            fd = _step(fd, path or b".")
        except BaseException:
            os.close(fd)
            raise
        return Open(self, fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _step(folder: int, path: bytes) -> int:
    """Open a folder beneath another, which is then closed."""
    try:
        fd = openat2(folder, path, FOLDER, BENEATH)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EXDEV):
            raise ChangedError(error.errno, error.strerror) from error
        raise
    os.close(folder)
    return fd


class Open:
    """An open folder of a layer."""

    def __init__(self, layer: Layer, fd: int) -> None:
        self.layer, self.fd = layer, fd

    @property
    def is_opaque(self) -> bool:
        """Whether it hides what lies below it."""
        for name in OPAQUE:
            with suppress(OSError):
                return os.getxattr(self.fd, name) == b"y"
        return False

    def names(self) -> list[bytes]:
        """Give what is in it, unsorted."""
        return [os.fsencode(name) for name in os.listdir(self.fd)]

    def look(self, name: bytes) -> Item:
        """Look at what is in it by that name; raises `FileNotFoundError`."""
        return Item(self, name, os.stat(name, dir_fd=self.fd, follow_symlinks=False))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


class Item(NamedTuple):
    """What is in an open folder, and what it was when it was looked at."""

    folder: Open
    name: bytes
    info: os.stat_result

    @property
    def layer(self) -> Layer:
        """The layer that it is in."""
        return self.folder.layer

    @property
    def type(self) -> str:
        """Its type, in `Change`'s words."""
        return TYPES.get(stat.S_IFMT(self.info.st_mode), "device")

    @property
    def is_whiteout(self) -> bool:
        """Whether it says that a lower path was deleted."""
        return stat.S_ISCHR(self.info.st_mode) and self.info.st_rdev == 0

    def equals(self, other: Item, reading: Reading) -> bool:
        """Whether it holds what another of its type holds: permissions, owner, content.

        Raises one of `CHANGED`.
        """
        mine, its = self.info, other.info
        for one in ("st_mode", "st_uid", "st_gid"):
            if getattr(mine, one) != getattr(its, one):
                return False
        if self.type == "file":
            return mine.st_size == its.st_size and self._reads_as(other, reading)
        if self.type == "symlink":
            return self.target() == other.target()
        return self.type != "device" or mine.st_rdev == its.st_rdev

    def _reads_as(self, other: Item, reading: Reading) -> bool:
        with self.open() as mine, other.open() as its:
            while data := its.read(CHUNK):
                if mine.read(len(data)) != data:
                    return False
                reading.go_on()
        return True

    def target(self) -> bytes:
        """Give what a link says; raises one of `CHANGED`."""
        try:
            return os.readlink(self.name, dir_fd=self.folder.fd)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise ChangedError(error.errno, error.strerror) from error
            raise

    def open(self) -> BinaryIO:
        """Open a file for reading; raises one of `CHANGED`."""
        try:
            fd = os.open(self.name, FILE, dir_fd=self.folder.fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise ChangedError(error.errno, error.strerror) from error
            raise
        now = os.fstat(fd)
        if (now.st_dev, now.st_ino, stat.S_IFMT(now.st_mode)) != (
            self.info.st_dev,
            self.info.st_ino,
            stat.S_IFMT(self.info.st_mode),
        ):
            os.close(fd)
            raise ChangedError(errno.ESTALE, os.strerror(errno.ESTALE))
        return cast("BinaryIO", open(fd, "rb", buffering=0))
