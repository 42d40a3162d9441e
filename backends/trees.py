"""File trees as plain folders: unpack a manifest, read and write, snapshot and compare."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from asynccode.errors import InputError
from asynccode.images import Entry, Manifest
from asynccode.outcomes import Change, ChangeKind

TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


@frozen(kw_only=True)
class Node:
    """What is compared of one path."""

    type: str
    mode: int
    owner: tuple[int, int]
    size: int | None
    sha256: str | None


Tree = dict[bytes, Node]


def make(folder: Path, mode: int = 0o755) -> None:
    """Make a folder with this mode, whatever our umask, and those that lead to it.

    One that is there is left as it is.
    """
    if not folder.is_dir():
        make(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)


def unpack(manifest: Manifest, place: Callable[[Entry], Path], owner: int | None) -> None:
    """Create a manifest's entries where `place` puts them, owned by `owner` (uid and gid).

    Times of folders are set last, so that filling them does not touch them again.
    """
    for entry in manifest.entries:
        path = place(entry)
        make(path.parent)
        if entry.type == "directory":
            make(path)
        elif entry.type == "symlink":
            path.unlink(missing_ok=True)
            os.symlink(entry.content, os.fsencode(path))
        else:
            if path.is_symlink():  # it may lead anywhere
                path.unlink()
            path.write_bytes(entry.content)
        if owner is not None:
            os.chown(path, owner, owner, follow_symlinks=False)
        if entry.type != "symlink":
            os.chmod(path, entry.mode)
    for entry in reversed(manifest.entries):
        if entry.mtime is not None:
            os.utime(place(entry), (entry.mtime, entry.mtime), follow_symlinks=False)


def node(path: bytes) -> Node:
    """Look at one path, not following a link."""
    info = os.lstat(path)
    kind = TYPES.get(stat.S_IFMT(info.st_mode), "device")
    sha256 = size = None
    if kind == "file":
        size = info.st_size
        with open(path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    elif kind == "symlink":
        target = os.readlink(path)
        size, sha256 = len(target), hashlib.sha256(target).hexdigest()
    mode = stat.S_IMODE(info.st_mode)
    return Node(type=kind, mode=mode, owner=(info.st_uid, info.st_gid), size=size, sha256=sha256)


def snapshot(folder: Path) -> Tree:
    """Look at everything below `folder`; keys are relative paths."""
    root = os.fsencode(folder)
    tree: Tree = {}
    for where, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(where, name)
            tree[os.path.relpath(path, root)] = node(path)
    return tree


def compare(before: Tree, now: Tree, root: bytes, *, hashes: bool) -> tuple[Change, ...]:
    """Give the changes between two snapshots, with `root` before each path."""
    changes = []
    for path in before.keys() | now.keys():
        old, new = before.get(path), now.get(path)
        if old == new:
            continue
        if new is None:
            parent = os.path.dirname(path)
            if parent in before and (parent not in now or now[parent].type != "directory"):
                continue  # gone with its folder
            kind = ChangeKind.DELETED
        elif old is None:
            kind = ChangeKind.ADDED
        else:
            kind = ChangeKind.MODIFIED if old.type == new.type else ChangeKind.TYPE_CHANGED
        changes.append(
            Change(
                path=os.path.join(root, path),
                kind=kind,
                type=new.type if new else None,
                mode=new.mode if new else None,
                size=new.size if new else None,
                sha256=new.sha256 if new and hashes else None,
            )
        )
    return tuple(sorted(changes, key=lambda change: change.path))


def read(path: str, max_bytes: int) -> bytes:
    """Read a regular file; errors as `Sandbox.read` documents them."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        if not stat.S_ISREG(mode):
            raise PermissionError(errno.EACCES, "Not a regular file", path)
        with open(fd, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
    finally:
        os.close(fd)
    if len(data) > max_bytes:
        raise InputError(f"{path} is longer than max_bytes={max_bytes}.")
    return data


def write(path: str, data: bytes, mode: int) -> None:
    """Create or replace a file, all or nothing; errors as `Sandbox.write` documents them."""
    if os.path.isdir(path):
        raise IsADirectoryError(path)
    make(Path(path).parent)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
