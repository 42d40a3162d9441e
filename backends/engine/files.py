"""Files of a container and what it changed.

On this machine, as root, with an overlay storage driver: files through the root folder of its
first process (the kernel resolves every link inside it: `openat2`, RESOLVE_IN_ROOT), changes from
the overlay's upper layer, as nsjail's are: well under a millisecond. Everywhere else through the
engine's archives (`archived.py`).
"""

from __future__ import annotations

import errno
import os
import posixpath
import resource
import secrets
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from asynccode.backends.engine.archived import ArchiveWorld as ArchiveWorld
from asynccode.backends.engine.refusals import fitting, named, regular, within
from asynccode.backends.warden import overlay
from asynccode.backends.warden.syscalls import openat2
from asynccode.outcomes import Change, ChangeKind

ATTEMPTS = 1000
"""How often to open what has `..` in its way: the kernel asks for it if others rename or mount."""
INSIDE = 0x10 | 0x02
"""RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS (openat2)."""
O_TMP_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
T = TypeVar("T")


class World(Protocol):
    """Files of one container; errors as `Sandbox` documents them."""

    async def read(self, path: str, max_bytes: int) -> bytes:
        """Read a regular file."""
        ...

    async def write(self, path: str, data: bytes, mode: int) -> None:
        """Create or replace a file."""
        ...

    async def changes(self, *, hashes: bool) -> Sequence[Change]:
        """Compare with the image."""
        ...


def open_inside(root: int, path: str, flags: int) -> int:
    """Open `path` as whoever has the folder `root` for `/` would; raises `OSError`."""
    named(path)
    for _ in range(ATTEMPTS):
        with suppress(BlockingIOError):
            return openat2(root, os.fsencode(path), flags | os.O_CLOEXEC, INSIDE)
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


class HostWorld:
    """From the host: the root of process 1, and the overlay's layers."""

    def __init__(self, init: int, graph: Mapping[str, Any], threads: CapacityLimiter) -> None:
        """Take what `inspect` says of the storage; raises `OSError` or `KeyError` otherwise."""
        self._threads = threads
        data = graph["Data"]
        self._upper = os.fsencode(data["UpperDir"])
        self._lowers = [os.fsencode(folder) for folder in data["LowerDir"].split(":")]
        os.listdir(self._upper)
        self._root = os.open(f"/proc/{init}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._owner = (info := os.stat(f"/proc/{init}/root/")).st_uid, info.st_gid
        most = resource.prlimit(init, resource.RLIMIT_FSIZE)[0]  # which is not ours here
        self._most = None if most == resource.RLIM_INFINITY else most
        # What the engine itself lays out at the start (Podman: places to mount on) is no change.
        self._given = frozenset(overlay.changes(self._upper, self._lowers, hashes=False))

    def close(self) -> None:
        """Close the root; safe to call twice."""
        root, self._root = self._root, -1
        if root >= 0:
            os.close(root)

    async def read(self, path: str, max_bytes: int) -> bytes:
        """Read a file."""
        return await self._in_thread(self._read, path, max_bytes)

    async def write(self, path: str, data: bytes, mode: int) -> None:
        """Write a file beside the old one, and rename it."""
        await self._in_thread(self._write, path, data, mode)

    async def changes(self, *, hashes: bool) -> Sequence[Change]:
        """Read the upper layer."""
        return await self._in_thread(self._changes, hashes)

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._threads)

    def _read(self, path: str, max_bytes: int) -> bytes:
        fd = open_inside(self._root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            regular(os.fstat(fd).st_mode, path)
            with open(fd, "rb", closefd=False) as file:
                data = file.read(max_bytes + 1)
        finally:
            os.close(fd)
        return within(data, path, max_bytes)

    def _write(self, path: str, data: bytes, mode: int) -> None:
        named(path)
        fitting(data, path, self._most)
        where, name = posixpath.split(path)
        folder = self._folder(where)
        # Of each call, since several may write one path; the name itself may be as long as can be.
        temporary = f".asynccode-{secrets.token_hex(8)}"
        try:
            try:
                if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
            except FileNotFoundError:
                pass
            try:
                with open(os.open(temporary, O_TMP_FLAGS, 0o600, dir_fd=folder), "wb") as file:
                    file.write(data)
                    os.fchown(file.fileno(), *self._owner)
                    os.fchmod(file.fileno(), mode)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
        finally:
            os.close(folder)

    def _folder(self, path: str) -> int:
        """Open a folder, made if need be."""
        try:
            return open_inside(self._root, path or "/", os.O_PATH | os.O_DIRECTORY)
        except FileNotFoundError:
            where, name = posixpath.split(path)
            parent = self._folder(where)
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
            os.chown(name, *self._owner, dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(parent)
        return open_inside(self._root, path, os.O_PATH | os.O_DIRECTORY)

    def _changes(self, hashes: bool) -> Sequence[Change]:
        rows = overlay.changes(self._upper, self._lowers, hashes=hashes)
        return [
            Change(
                path=os.fsencode(row.path),
                kind=ChangeKind(row.kind),
                type=row.type,
                mode=row.mode,
                size=row.size,
                sha256=row.sha256,
            )
            for row in rows
            if row._replace(sha256=None) not in self._given
        ]
