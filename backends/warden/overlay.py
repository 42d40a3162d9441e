"""What a jail changed, read from its overlay's upper layer, where no jail can reach.

The upper layer holds every path that was written, a device 0:0 for each path that was
deleted, and marks a folder that hides the one below with `user.overlay.opaque` or, where root
of the machine mounted it, `trusted.overlay.opaque` (kernel documentation, filesystems/overlayfs).

Programs of the jail may go on writing meanwhile, and may mean harm: no link is ever followed
(see `looking.py`), and what vanishes, or turns into something else, is passed over.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

from asynccode.backends.warden.looking import CHANGED, Item, Layer, Open, Reading


class Row(NamedTuple):
    """One change; the fields of `asynccode.outcomes.Change`, ready for JSON."""

    path: str
    kind: str
    type: str | None
    mode: int | None
    size: int | None
    sha256: str | None


def changes(
    upper: bytes, lowers: Sequence[bytes], reading: Reading | None = None, *, hashes: bool
) -> Iterator[Row]:
    """Give every difference between the merged view and the lower layers, unsorted.

    Raises `TooLongError` when `reading` does.
    """
    reading = reading or Reading()
    with ExitStack() as stack:
        new, *old = [stack.enter_context(Layer(path)) for path in (upper, *lowers)]
        queue: list[tuple[bytes, Sequence[Layer], bool]] = [(b"", old, False)]
        while queue:
            where, layers, hidden = queue.pop()
            with ExitStack() as here:
                try:
                    folder = here.enter_context(new.open(where))
                    names = folder.names()
                except CHANGED:
                    continue
                below = _opened(layers, where, here)
                hidden = hidden or folder.is_opaque
                for name in names:
                    reading.go_on()
                    with suppress(*CHANGED):
                        now = folder.look(name)
                        before = _below(below, name)
                        if row := _compare(b"/" + where, now, before, reading, hashes=hashes):
                            yield row
                        if now.type == "directory":
                            same = [item.layer for item in before if item.type == "directory"]
                            queue.append((os.path.join(where, name), same, hidden))
                if hidden:
                    gone = {name for lower in below for name in lower.names()} - set(names)
                    for name in gone:
                        if _below(below, name):
                            path = os.fsdecode(os.path.join(b"/", where, name))
                            yield Row(path, "deleted", None, None, None, None)


def _opened(layers: Sequence[Layer], where: bytes, stack: ExitStack) -> list[Open]:
    """Open a folder in the layers that merge there, topmost first."""
    found: list[Open] = []
    for layer in layers:
        folder = stack.enter_context(layer.open(where))
        found.append(folder)
        if folder.is_opaque:
            break
    return found


def _below(folders: Sequence[Open], name: bytes) -> list[Item]:
    """Give what the merged lower layers hold as `name`: one path, or the folders that merge."""
    found: list[Item] = []
    for folder in folders:
        try:
            item = folder.look(name)
        except CHANGED:
            continue
        if item.is_whiteout or (found and item.type != "directory"):
            break
        found.append(item)
        if item.type != "directory":
            break
    return found


def _compare(
    where: bytes, now: Item, before: Sequence[Item], reading: Reading, *, hashes: bool
) -> Row | None:
    """Give what is to be told of a path of the upper layer."""
    path = os.fsdecode(os.path.join(where, now.name))
    if now.is_whiteout:
        return Row(path, "deleted", None, None, None, None) if before else None
    if not before:
        kind = "added"
    elif now.type != before[0].type:
        kind = "type_changed"
    elif not now.equals(before[0], reading):
        kind = "modified"
    else:
        return None
    sha256 = reading.hash(now) if hashes else None
    size = now.info.st_size if now.type in ("file", "symlink") else None
    return Row(path, kind, now.type, stat.S_IMODE(now.info.st_mode), size, sha256)


def fingerprint(upper: str, reading: Reading) -> str:
    """Digest what was ever written: each path with its inode, its size and its times.

    Whatever is written, changed or removed here leaves another time on its inode or on the
    folder's (`st_ctime`, which nobody in a jail can set). Raises `TooLongError`.
    """
    digest = hashlib.sha256()

    def add(path: bytes, info: os.stat_result) -> None:
        about = info.st_ino, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns
        digest.update(path + repr(about).encode())

    with Layer(os.fsencode(upper)) as layer:
        paths = [b""]
        while paths:
            path = paths.pop()
            try:
                with layer.open(path) as folder:
                    add(path, os.fstat(folder.fd))
                    for name in sorted(folder.names()):
                        reading.go_on()
                        item = folder.look(name)
                        inner = os.path.join(path, name)
                        if item.type == "directory":
                            paths.append(inner)
                        else:
                            add(inner, item.info)
            except CHANGED as error:  # under our eyes: it is not what it was before, nor will be
                digest.update(repr((path, error.errno)).encode())
    return digest.hexdigest()
