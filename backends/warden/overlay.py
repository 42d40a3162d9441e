"""What a jail changed, read from its overlay's upper layer, where no jail can reach.

The upper layer holds every path that was written, a device 0:0 for each path that was
deleted, and marks a folder that hides the one below with `user.overlay.opaque` or, where root
of the machine mounted it, `trusted.overlay.opaque` (kernel documentation, filesystems/overlayfs).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")
CHUNK = 1 << 20


class Row(NamedTuple):
    """One change; the fields of `asynccode.outcomes.Change`, ready for JSON."""

    path: str
    kind: str
    type: str | None
    mode: int | None
    size: int | None
    sha256: str | None


class Path(NamedTuple):
    """A path in a layer, and what it is."""

    path: bytes
    info: os.stat_result

    @property
    def type(self) -> str:
        """Its type, in `Change`'s words."""
        return TYPES.get(stat.S_IFMT(self.info.st_mode), "device")

    @property
    def is_whiteout(self) -> bool:
        """Whether it says that a lower path was deleted."""
        return stat.S_ISCHR(self.info.st_mode) and self.info.st_rdev == 0

    @property
    def is_opaque(self) -> bool:
        """Whether it is a folder that hides what lies below it."""
        for name in OPAQUE:
            with suppress(OSError):
                return os.getxattr(self.path, name, follow_symlinks=False) == b"y"
        return False


def _look(path: bytes) -> Path | None:
    try:
        return Path(path, os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _below(folders: Sequence[bytes], name: bytes) -> list[Path]:
    """Give what the merged lower layers hold as `name`: one path, or the folders that merge."""
    found: list[Path] = []
    for folder in folders:
        path = _look(os.path.join(folder, name))
        if path is None:
            continue
        if path.is_whiteout or (found and path.type != "directory"):
            break
        found.append(path)
        if path.type != "directory" or path.is_opaque:
            break
    return found


def content(path: Path) -> tuple[int | None, str | None]:
    """Give the size and SHA-256 of a file or of a link's target."""
    if path.type == "symlink":
        target = os.readlink(path.path)
        return len(target), hashlib.sha256(target).hexdigest()
    if path.type != "file":
        return None, None
    with open(path.path, "rb") as file:
        return path.info.st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _same(new: Path, old: Path) -> bool:
    """Whether two paths of one type hold the same: permissions, owner, content."""
    first, second = new.info, old.info
    if (first.st_mode, first.st_uid, first.st_gid) != (
        second.st_mode,
        second.st_uid,
        second.st_gid,
    ):
        return False
    if new.type == "file":
        return first.st_size == second.st_size and content(new) == content(old)
    if new.type == "symlink":
        return os.readlink(new.path) == os.readlink(old.path)
    return new.type != "device" or first.st_rdev == second.st_rdev


def _row(path: bytes, kind: str, now: Path | None, *, hashes: bool) -> Row:
    name = os.fsdecode(path)
    if now is None:
        return Row(name, kind, None, None, None, None)
    size = now.info.st_size if now.type in ("file", "symlink") else None
    sha256 = content(now)[1] if hashes else None
    return Row(name, kind, now.type, stat.S_IMODE(now.info.st_mode), size, sha256)


def changes(upper: bytes, lowers: Sequence[bytes], *, hashes: bool) -> Iterator[Row]:
    """Give every difference between the merged view and the lower layers, unsorted."""
    queue: list[tuple[bytes, bytes, Sequence[bytes], bool]] = [(b"/", upper, lowers, False)]
    while queue:
        where, folder, below, hidden = queue.pop()
        names = os.listdir(folder)
        for name in names:
            path, now = os.path.join(where, name), _look(os.path.join(folder, name))
            if now is None:
                continue
            before = _below(below, name)
            if now.is_whiteout:
                if before:
                    yield _row(path, "deleted", None, hashes=hashes)
                continue
            if not before:
                yield _row(path, "added", now, hashes=hashes)
            elif now.type != before[0].type:
                yield _row(path, "type_changed", now, hashes=hashes)
                before = []
            elif not _same(now, before[0]):
                yield _row(path, "modified", now, hashes=hashes)
            if now.type == "directory":
                under = [lower.path for lower in before]
                queue.append((path, now.path, under, hidden or now.is_opaque))
        if hidden:
            gone = {name for layer in below for name in os.listdir(layer)} - set(names)
            for name in gone:
                if _below(below, name):
                    yield _row(os.path.join(where, name), "deleted", None, hashes=hashes)


def fingerprint(upper: str) -> str:
    """Digest what was ever written: each path with its inode, its size and its times.

    Whatever is written, changed or removed here leaves another time on its inode or on the
    folder's (`st_ctime`, which nobody in a jail can set).
    """
    digest = hashlib.sha256()
    paths = [upper]
    while paths:
        path = paths.pop()
        info = os.lstat(path)
        about = info.st_ino, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns
        digest.update(os.fsencode(path) + repr(about).encode())
        if stat.S_ISDIR(info.st_mode):
            paths += [os.path.join(path, name) for name in sorted(os.listdir(path))]
    return digest.hexdigest()
