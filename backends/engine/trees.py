"""The files of a container: all that can be written to, and what the kernel remembers of others."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from attrs import frozen

from asynccode.backends.engine.digests import text

MOST = 4096
"""Paths looked at; who writes more than that in one place has written."""
HEAD = 65536
"""Bytes of each file that are read."""
BARE = frozenset({"sysfs", "cgroup", "cgroup2"})
"""Mounts of the kernel's own, which are not looked at."""
GET_HINT = 1035
"""The command of `fcntl` that gives how long what is written is likely to last (F_GET_RW_HINT).
Whoever owns a file can set it, on a read-only file system too, and no time tells."""
MEMORY = 1
"""Major number of /dev/null and its like, which can be opened without doing anything."""


@frozen
class Mount:
    """One that can be written to."""

    kind: str
    place: str
    where: bytes
    """Its path here."""


def mounts(init: int) -> Iterator[Mount]:
    """Give all that can be written to."""
    for line in text(f"/proc/{init}/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()[0]
        if "ro" not in words[5].split(",") and kind not in BARE:
            where = os.fsencode(f"/proc/{init}/root{words[4]}")
            yield Mount(kind, words[4], where)


def files(init: int, upper: bytes) -> Iterator[str | bytes]:
    """Give what there is below each mount that can be written to, and in the upper layer."""
    yield from _tree(upper)
    for mount in mounts(init):
        if (mount.place, mount.kind) == ("/", "overlay"):
            yield from _held(init, mount)
        elif mount.kind == "proc":
            info = os.lstat(mount.where)
            yield repr((info.st_mode, info.st_uid, info.st_gid, info.st_ctime_ns))
            yield _hint(mount.where)
        elif mount.kind == "devpts":
            yield from _terminals(mount.where)
        else:
            yield from _tree(mount.where)


def _tree(top: bytes) -> Iterator[str | bytes]:
    """Give what is known of each path below, on the same file system."""
    device, paths, seen = os.lstat(top).st_dev, [top], 0
    while paths:
        path = paths.pop()
        info = os.lstat(path)
        if info.st_dev != device:
            continue
        if (seen := seen + 1) > MOST:
            raise OSError("more was written than is looked at")
        yield path
        yield repr((
            info.st_ino, info.st_mode, info.st_nlink, info.st_uid, info.st_gid, info.st_rdev,
            info.st_size, info.st_mtime_ns, info.st_ctime_ns,
        ))  # fmt: skip
        if stat.S_ISREG(info.st_mode):  # not every file system's times are fine ones
            with open(os.fsdecode(path), "rb", opener=_unfollowed) as file:
                yield file.read(HEAD)
                yield fcntl.fcntl(file, GET_HINT, bytes(8))
        elif stat.S_ISLNK(info.st_mode):
            yield os.readlink(path)
        elif stat.S_ISDIR(info.st_mode):
            yield _hint(path)
            paths += [os.path.join(path, name) for name in sorted(os.listdir(path))]
        elif os.major(info.st_rdev) == MEMORY:
            yield _hint(path)


def _terminals(top: bytes) -> Iterator[str | bytes]:
    """Give what is known of a devpts, but the times that the use of a terminal sets."""
    for path in (top, os.path.join(top, b"ptmx")):
        info = os.lstat(path)
        yield repr((info.st_mode, info.st_uid, info.st_gid, info.st_ctime_ns))
        yield _hint(path)
    yield from sorted(os.listdir(top))


def _held(init: int, root: Mount) -> Iterator[bytes]:
    """Give the hints of what cannot be dropped from the cache (see `caches`).

    That is what process 1 runs and where it is, and all folders on the way there and to what
    something is mounted at.
    """
    folder = os.fsencode(f"/proc/{init}/map_files")
    links = [os.path.join(folder, name) for name in os.listdir(folder)]
    lines = text(f"/proc/{init}/mountinfo").splitlines()
    mounted = {os.fsencode(line.split()[4]) for line in lines} - {b"/"}
    used = {os.readlink(link) for link in (*links, os.fsencode(f"/proc/{init}/cwd"))}
    found = {b"/"}
    for path in mounted | used:
        place = b""
        for name in path.split(b"/")[1:]:
            if (place := place + b"/" + name) in mounted:
                break
            found.add(place)
    for place in sorted(found):
        with suppress(FileNotFoundError):  # it was removed, and is in the upper layer
            yield _hint(root.where + place)


def _hint(path: bytes) -> bytes:
    fd = _unfollowed(os.fsdecode(path), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(fd, GET_HINT, bytes(8))
    finally:
        os.close(fd)


def _unfollowed(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME)
