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
from typing import Any, NamedTuple

import anyio

from asynccode.backends.engine.api import Files, NotThereError
from asynccode.backends.engine.refusals import fitting, is_loop, named, put_down, regular, within
from asynccode.backends.warden.looking import TYPES
from asynccode.errors import BackendError
from asynccode.outcomes import Change, ChangeKind

LINKS = 40


class _Node(NamedTuple):
    """What is at a path, as far as an engine tells."""

    type: str
    mode: int
    size: int | None = None
    sha256: str | None = None
    owner: tuple[int, int] = (0, 0)
    leads: str | None = None


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
        try:
            member, data = await self._get(self._container, path)
        except NotThereError:  # Docker does not find some names again that it has looked at
            member, data = None, b""
        if member is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return data

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
            try:
                await self._files.put(self._container, archive.getvalue())
            except BackendError as error:
                put_down(error, path)

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
                if before.type == now.type
                else ChangeKind.TYPE_CHANGED
            )
            found.append(
                Change(
                    path=os.fsencode(path),
                    kind=kind,
                    type=now and now.type,
                    mode=now and now.mode,
                    size=now and now.size,
                    sha256=now.sha256 if now and hashes else None,
                )
            )
        return found

    async def _look(self, path: str) -> Mapping[str, Any]:
        named(path)
        try:
            return await self._files.look(self._container, path)
        except NotThereError as error:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
        except BackendError as error:
            put_down(error, path)

    async def _get(self, container: str, path: str) -> tuple[tarfile.TarInfo | None, bytes]:
        """Give what an archive says of a path, and its content; of a socket it says nothing."""
        archive = await self._files.get(container, path)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member and member.isreg() else None
            return member, b"" if file is None else file.read()

    async def _node(self, container: str, path: str) -> _Node | None:
        """Look at a path; None if it is not there."""
        try:
            info = await self._files.look(container, path)
        except NotThereError:
            return None
        except BackendError as error:
            if not is_loop(error):
                raise
            # An engine follows every link, so of one that leads to itself it can say no more.
            return _Node("symlink", 0o777)
        mode = _mode(info["mode"])
        found = _Node(TYPES.get(stat.S_IFMT(mode), "device"), stat.S_IMODE(mode))
        if found.type == "directory":  # its archive would hold all that is below
            return found
        try:
            member, data = await self._get(container, path)
        except NotThereError:
            member, data = None, b""
        owner = (member.uid, member.gid) if member else (0, 0)
        found = found._replace(owner=owner)
        if found.type == "file":
            return found._replace(size=len(data), sha256=hashlib.sha256(data).hexdigest())
        if found.type == "symlink":
            target = _target(path, info, member)
            sha256 = None if target is None else hashlib.sha256(target).hexdigest()
            return found._replace(size=info["size"], sha256=sha256, leads=info["linkTarget"])
        return found


def _target(path: str, info: Mapping[str, Any], member: tarfile.TarInfo | None) -> bytes | None:
    """Give what a link says, None if the engine tells only where it leads and how long it is."""
    if member is not None and member.issym():
        return os.fsencode(member.linkname)
    leads = info["linkTarget"]
    for text in (leads, posixpath.relpath(leads, posixpath.dirname(path))):
        if len(os.fsencode(text)) == info["size"]:
            return os.fsencode(text)
    return None


# How Go's os.FileMode writes what differs from st_mode.
_GO = {31: stat.S_IFDIR, 27: stat.S_IFLNK, 26: stat.S_IFBLK, 25: stat.S_IFIFO, 24: stat.S_IFSOCK}


def _mode(mode: int) -> int:
    """Give `st_mode` from Go's os.FileMode."""
    kind = next((value for bit, value in _GO.items() if mode >> bit & 1), stat.S_IFREG)
    if kind == stat.S_IFBLK and mode >> 21 & 1:
        kind = stat.S_IFCHR
    bits = {23: stat.S_ISUID, 22: stat.S_ISGID, 20: stat.S_ISVTX}
    return kind | (mode & 0o777) | sum(value for bit, value in bits.items() if mode >> bit & 1)
