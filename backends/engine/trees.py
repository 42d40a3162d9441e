"""The files of a container: all that can be written to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from asynccode.backends.engine.digests import text

MOST = 4096
"""Paths looked at; who writes more than that in one place has written."""
HEAD = 65536
"""Bytes of each file that are read."""
BARE = frozenset({"proc", "sysfs", "cgroup", "cgroup2"})
"""Mounts of the kernel's own, which are not walked."""


def files(init: int, upper: bytes) -> Iterator[str | bytes]:
    """Give what there is below each mount that can be written to, and in the upper layer."""
    yield from _tree(upper)
    for line in text(f"/proc/{init}/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        place, options = before.split()[4:6]
        kind = after.split()[0]
        where = os.fsencode(f"/proc/{init}/root" + place)
        if "ro" in options.split(",") or kind in BARE or (place, kind) == ("/", "overlay"):
            continue
        if kind == "devpts":  # whose times are those of its terminals
            yield from sorted(os.listdir(where))
        else:
            yield from _tree(where)


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
        elif stat.S_ISLNK(info.st_mode):
            yield os.readlink(path)
        elif stat.S_ISDIR(info.st_mode):
            paths += [os.path.join(path, name) for name in sorted(os.listdir(path))]


def _unfollowed(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME)
