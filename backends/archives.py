"""Layers as one root file system: walked as one, written as a tar archive."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def write(stack: Sequence[bytes], dest: Path, owner: int) -> int:
    """Write layers (topmost first) to a new file; gives how many paths.

    What belongs to `owner` and above belongs to root and above in the archive. A file that could
    not be completed is removed. Raises `OSError`.
    """
    with _removed_unless_complete(dest), open(dest, "wb") as file:
        return pour(stack, file, owner)


@contextmanager
def _removed_unless_complete(file: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def pour(stack: Sequence[bytes], file: Any, owner: int) -> int:
    """Write layers as a tar archive to a file or a pipe."""
    count = 0
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, path in merged(stack):
            member = archive.gettarinfo(os.fsdecode(path), f"./{os.fsdecode(name)}")
            if member is None:  # a socket: nobody listens on it any more
                continue
            member.uid, member.gid = max(0, member.uid - owner), max(0, member.gid - owner)
            member.uname = member.gname = ""
            with open(path, "rb") if member.isreg() else io.BytesIO() as content:
                archive.addfile(member, content if member.isreg() else None)
            count += 1
    return count


def merged(stack: Sequence[bytes], where: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
    """Walk an overlay's layers as one: each path's name, and where its topmost version is."""
    hidden: set[bytes] = set()
    below: dict[bytes, list[bytes]] = {}
    for folder in stack:
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            if name in hidden:
                continue
            if stat.S_ISCHR(info.st_mode) and info.st_rdev == 0:  # deleted
                hidden.add(name)
            elif stat.S_ISDIR(info.st_mode):
                below.setdefault(name, []).append(path)
                if is_opaque(path):
                    hidden.add(name)
            else:
                if name not in below:
                    below[name] = [path]
                hidden.add(name)
    for name, paths in sorted(below.items()):
        inner = os.path.join(where, name)
        yield inner, paths[0]
        if os.path.isdir(paths[0]) and not os.path.islink(paths[0]):
            yield from merged(paths, inner)


def is_opaque(path: bytes) -> bool:
    """Whether a layer's folder hides what is below it."""
    with suppress(OSError):
        return os.getxattr(path, "user.overlay.opaque") == b"y"
    return False
