"""Files of a container and what it changed, through the archives of its engine.

For engines elsewhere, and for whoever may not look into a container's processes: a few
milliseconds a file, and `changes` costs what the engine's own comparison does (Docker walks the
image: half a second) and two archives for each path that may differ.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import posixpath
import stat
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from asynccode.backends.engine.api import Files, NotThereError
from asynccode.backends.engine.refusals import fitting, named, regular, within
from asynccode.outcomes import Change, ChangeKind

LINKS = 40
TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


class ArchiveWorld:
    """Through the engine: archives of the container, and of one that never ran."""

    def __init__(self, files: Files, container: str, pristine: str) -> None:
        self._files, self._container, self._pristine = files, container, pristine
        # One archive at a time: Podman fails if two that it unpacks make one path.
        self._unpacking = anyio.Lock()

    def close(self) -> None:
        """Nothing to close."""

    async def read(self, path: str, max_bytes: int) -> bytes:
        """Get the file's archive, following links one by one."""
        for _ in range(LINKS):
            info = await self._look(path)
            if not stat.S_ISLNK(_mode(info["mode"])):
                break
            # The engine resolves a link's target to a path of the container.
            path = posixpath.join(posixpath.dirname(path), info["linkTarget"])
        else:
            raise OSError(errno.ELOOP, "Too many links", path)
        regular(_mode(info["mode"]), path)
        within(b"", path, max_bytes, size=info["size"])
        return (await self._get(self._container, path))[1]

    async def write(self, path: str, data: bytes, mode: int) -> None:
        """Put an archive of one file."""
        try:
            if stat.S_ISDIR(_mode((await self._look(path))["mode"])):
                raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        except FileNotFoundError:
            pass
        fitting(data, path, await self._files.most(self._container))
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
        async with self._unpacking:
            await self._files.put(self._container, archive.getvalue())

    async def changes(self, *, hashes: bool) -> Sequence[Change]:
        """Ask the engine what may differ, and look at each."""
        found = []
        for path, how in await self._files.changes(self._container):
            before = None if how == 1 else await self._node(self._pristine, path)
            now = None if how == 2 else await self._node(self._container, path)
            if before == now:
                continue
            kind = (
                ChangeKind.ADDED
                if before is None
                else ChangeKind.DELETED
                if now is None
                else ChangeKind.MODIFIED
                if before[0] == now[0]
                else ChangeKind.TYPE_CHANGED
            )
            type_, mode, size, sha256, _ = now or (None, None, None, None, None)
            found.append(
                Change(
                    path=os.fsencode(path),
                    kind=kind,
                    type=type_,
                    mode=mode,
                    size=size,
                    sha256=sha256 if hashes else None,
                )
            )
        return found

    async def _look(self, path: str) -> Mapping[str, Any]:
        named(path)
        try:
            return await self._files.look(self._container, path)
        except NotThereError as error:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error

    async def _get(self, container: str, path: str) -> tuple[tarfile.TarInfo, bytes]:
        archive = await self._files.get(container, path)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            if member is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            file = tar.extractfile(member) if member.isreg() else None
            return member, b"" if file is None else file.read()

    async def _node(
        self, container: str, path: str
    ) -> tuple[str, int, int | None, str | None, tuple[int, int]] | None:
        """Give type, mode, size, hash and owner of a path; None if it is not there."""
        try:
            mode = _mode((await self._files.look(container, path))["mode"])
        except NotThereError:
            return None
        kind = TYPES.get(stat.S_IFMT(mode), "device")
        if kind == "directory":  # its archive would hold all that is below
            return kind, stat.S_IMODE(mode), None, None, (0, 0)
        try:
            member, data = await self._get(container, path)
        except NotThereError:
            return kind, stat.S_IMODE(mode), None, None, (0, 0)
        if kind == "symlink":
            data = os.fsencode(member.linkname)
        size = len(data) if kind in ("file", "symlink") else None
        sha256 = None if size is None else hashlib.sha256(data).hexdigest()
        return kind, stat.S_IMODE(mode), size, sha256, (member.uid, member.gid)


# How Go's os.FileMode writes what differs from st_mode.
_GO = {31: stat.S_IFDIR, 27: stat.S_IFLNK, 26: stat.S_IFBLK, 25: stat.S_IFIFO, 24: stat.S_IFSOCK}


def _mode(mode: int) -> int:
    """Give `st_mode` from Go's os.FileMode."""
    kind = next((value for bit, value in _GO.items() if mode >> bit & 1), stat.S_IFREG)
    if kind == stat.S_IFBLK and mode >> 21 & 1:
        kind = stat.S_IFCHR
    bits = {23: stat.S_ISUID, 22: stat.S_ISGID, 20: stat.S_ISVTX}
    return kind | (mode & 0o777) | sum(value for bit, value in bits.items() if mode >> bit & 1)
