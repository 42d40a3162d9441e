"""Files of a container and what it changed.

On this machine, as root, with an overlay storage driver: files through the root folder of its
first process (the kernel resolves every link inside it: `openat2`, RESOLVE_IN_ROOT), changes from
the overlay's upper layer, as nsjail's are: well under a millisecond. Everywhere else through the
engine's archives: a few milliseconds a file, and `changes` costs what the engine's own comparison
does (Docker walks the image: half a second) and two archives for each path that may differ.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import os
import posixpath
import stat
import tarfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from asynccode.backends.engine.api import Files, NotThereError
from asynccode.backends.warden import layers, overlay
from asynccode.errors import InputError
from asynccode.outcomes import Change, ChangeKind

ATTEMPTS = 1000
"""How often to open what has `..` in its way: the kernel asks for it if others rename or mount."""
OPENAT2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS = 437, 0x10, 0x02
O_TMP_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
LINKS = 40
T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


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


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_inside(root: int, path: str, flags: int) -> int:
    """Open `path` as whoever has the folder `root` for `/` would; raises `OSError`."""
    how = _How(flags | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    for _ in range(ATTEMPTS):
        fd = _libc.syscall(OPENAT2, root, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return int(fd)
        number = ctypes.get_errno()
        if number != errno.EAGAIN:
            break
    raise OSError(number, os.strerror(number), path)


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
            _regular(os.fstat(fd).st_mode, path)
            with open(fd, "rb", closefd=False) as file:
                data = file.read(max_bytes + 1)
        finally:
            os.close(fd)
        return _within(data, path, max_bytes)

    def _write(self, path: str, data: bytes, mode: int) -> None:
        where, name = posixpath.split(path)
        folder = self._folder(where)
        temporary = f"{name}.asynccode-{os.getpid()}"
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


class ArchiveWorld:
    """Through the engine: archives of the container, and of one that never ran."""

    def __init__(self, files: Files, container: str, pristine: str) -> None:
        self._files, self._container, self._pristine = files, container, pristine

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
        _regular(_mode(info["mode"]), path)
        _within(b"", path, max_bytes, size=info["size"])
        return (await self._get(self._container, path))[1]

    async def write(self, path: str, data: bytes, mode: int) -> None:
        """Put an archive of one file."""
        try:
            if stat.S_ISDIR(_mode((await self._look(path))["mode"])):
                raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        except FileNotFoundError:
            pass
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
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
        kind = layers.TYPES.get(stat.S_IFMT(mode), "device")
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


def _regular(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
    if not stat.S_ISREG(mode):
        raise PermissionError(errno.EACCES, "Not a regular file", path)


def _within(data: bytes, path: str, max_bytes: int, size: int = 0) -> bytes:
    if max(len(data), size) > max_bytes:
        raise InputError(f"{path!r} is longer than max_bytes={max_bytes}.")
    return data
