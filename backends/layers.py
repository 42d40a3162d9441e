"""Images as stacks of folders, built once and kept in the user's cache.

A layer's folder is named by the hash of everything below it and of itself. It is built under a
temporary name while a lock is held, and renamed when complete: a folder that is there is
right, whoever built it, and two processes that want the same one build it once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from asynccode.backends import debian, host, insides, trees
from asynccode.backends.owners import Owner, me
from asynccode.containerfile import NAMED
from asynccode.errors import ImageError, Unavailable
from asynccode.images import Commands, Entry, Image, Layer, Manifest, Run, layer_digest

ROOT_OWNER = 100_000
"""As which host user root of a jail appears when we are root: nobody's, far from everyone."""
BASES = ("host", debian.NAME, *NAMED)
"""What is known by name."""
TEMPORARY = ".building-"
Runner = Callable[[Image, Commands | Run, Sequence[str], str], Awaitable[None]]
"""Runs a layer's commands on top of layers and puts what they changed into a new folder."""


def cache() -> Path:
    """Give the folder that holds the built layers, made if need be; raises `Unavailable`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "asynccode" / "images"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # a jail's root must be able to walk through it
    except OSError as error:
        raise Unavailable(
            f"The folder for built images, {folder}, cannot be made: {error.strerror}",
            "name one that you may write to in $XDG_CACHE_HOME",
        ) from error
    return folder


def clean(folder: Path | None = None) -> list[str]:
    """Remove what dead builders left; gives what was removed."""
    removed = []
    for path in (folder or cache()).glob(f"{TEMPORARY}*"):
        if Owner.parse(path.name.removeprefix(TEMPORARY)).is_dead():
            shutil.rmtree(path, ignore_errors=True)
            removed.append(f"unfinished image layer {path.name}")
    return removed


def _chain(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]


class Store:
    """Builds images in `folder`, every file of which belongs to `owner` or above."""

    def __init__(self, folder: Path, owner: int, runner: Runner) -> None:
        self.folder, self._owner, self._runner = folder, owner, runner
        self._known: dict[str, tuple[str, ...]] = {}

    async def layers(self, image: Image) -> tuple[str, ...]:
        """Build what is missing of `image`; gives the names of its folders, topmost first."""
        known = self._known.get(image.digest)
        if known is None:
            known = self._known[image.digest] = await self._layers(image)
        return known

    async def _layers(self, image: Image) -> tuple[str, ...]:
        stack = [await self.base(image.base)]
        for layer in image.layers:
            stack.insert(0, await self._layer(image, layer, stack))
        if not self._holds(stack, image.workdir):
            workdir = Manifest(entries=[Entry(path=image.workdir, type="directory", mode=0o755)])
            stack.insert(0, await self._layer(image, workdir, stack))
        return tuple(stack)

    def _holds(self, stack: Sequence[str], path: str) -> bool:
        return bool(insides.resolve([self.folder / name for name in stack], path).folders)

    async def _layer(self, image: Image, layer: Layer, stack: Sequence[str]) -> str:
        name = name_of_layer(image, layer, stack)
        async with self._building(name) as target:
            if target is None:
                pass
            elif isinstance(layer, Commands | Run):
                await self._runner(image, layer, stack, target.name)
            else:
                await anyio.to_thread.run_sync(self._unpack, layer, stack, target)
        return name

    async def base(self, base: str) -> str:
        """Build a base; gives its folder's name."""
        name = await anyio.to_thread.run_sync(name_of_base, base)
        if base == "host":
            build: Callable[[Path], None] = host.build
        elif base == debian.NAME:
            build = debian.build
        else:
            _, build = _from_path(Path(base))
        async with self._building(name) as target:
            if target is not None:
                await anyio.to_thread.run_sync(build, target)
                await anyio.to_thread.run_sync(self._adopt, target)
        return name

    @asynccontextmanager
    async def _building(self, name: str) -> AsyncIterator[Path | None]:
        """Give a folder to build `name` in, or None if it is there."""
        final = self.folder / name
        if final.is_dir():
            yield None
            return
        with open(self.folder / f".lock-{name}", "w", encoding="utf-8") as lock:  # noqa: ASYNC230 - never blocks
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await anyio.sleep(0.05)
            if final.is_dir():
                yield None
                return
            target = self.folder / f"{TEMPORARY}{me().label}-{name}"
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            try:
                yield target
                target.chmod(0o755)
                target.rename(final)
            except BaseException:
                shutil.rmtree(target, ignore_errors=True)
                raise
            finally:
                Path(lock.name).unlink(missing_ok=True)

    def _unpack(self, manifest: Manifest, stack: Sequence[str], target: Path) -> None:
        """Place a manifest; folders that lead to its entries keep what they are below.

        Links on the way lead to where they lead in the image, those of the manifest too.
        """
        whole = [target, *(self.folder / name for name in stack)]

        def place(entry: Entry) -> Path:
            name = entry.path
            if entry.type != "directory":
                parent, _, name = entry.path.rpartition("/")
                inside = insides.resolve(whole, parent)
                link, folders = insides.look(inside.folders, name)
                if link is not None and entry.type == "file":  # what engines would put it into
                    folders = (*insides.resolve(whole, entry.path).folders,)
                if folders:
                    raise ImageError(
                        f"{entry.path} is a folder, and a {entry.type} is to be put there: to put"
                        " it into the folder, end the folder's name with a slash."
                    )
                return self._made(target, whole, inside.path) / name
            inside = insides.resolve(whole, name)
            return self._made(target, whole, inside.path)

        trees.unpack(manifest, place, self._owner)

    def _made(self, target: Path, whole: Sequence[Path], path: str) -> Path:
        """Make a folder in `target` like that of the layers below, with those that lead to it."""
        for name in (*reversed(Path(path).parents), Path(path)):
            if (target / name).exists():
                continue
            trees.make(target / name)
            os.chown(target / name, self._owner, self._owner)
            if below := insides.resolve(whole[1:], str(name)).folders:
                info = below[0].lstat()
                os.chown(target / name, info.st_uid, info.st_gid)
                (target / name).chmod(stat.S_IMODE(info.st_mode))
        return target / path

    def _adopt(self, target: Path) -> None:
        """Make a base usable: a jail's root owns what root owned, and mount points are there."""
        for name in ("dev", "proc", "tmp"):
            trees.make(target / name)
        if os.getuid() != 0:
            return
        twins: set[int] = set()
        for where, folders, files in os.walk(target):
            for name in (*folders, *files):
                path = os.path.join(where, name)
                info = os.lstat(path)
                if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
                    if info.st_ino in twins:  # one file under another name: it is done
                        continue
                    twins.add(info.st_ino)
                uid, gid = info.st_uid + self._owner, info.st_gid + self._owner
                os.lchown(path, uid, gid)
                if not stat.S_ISLNK(info.st_mode):
                    os.chmod(path, stat.S_IMODE(info.st_mode))  # chown drops set-id bits


def name_of_base(base: str) -> str:
    """Give the name of a base, wherever it is built; raises `ImageError` if there is none."""
    if base == "host":
        return _chain("host", host.digest())
    if base == debian.NAME:
        return _chain("debian", debian.digest())
    return _from_path(Path(base))[0]


def name_of_layer(image: Image, layer: Layer, stack: Sequence[str]) -> str:
    """Give the name of a layer on top of others, wherever it is built."""
    environment = repr((image.workdir, image.env)) if isinstance(layer, Commands) else ""
    return _chain("layer", layer_digest(layer), environment, *stack)


def names(base: str) -> tuple[str, ...]:
    """Give the names of what a base is made of, topmost first, built or not."""
    image = Image(base=base, workdir="/").whole
    stack = [name_of_base(image.base)]
    for layer in image.layers:
        stack.insert(0, name_of_layer(image, layer, stack))
    return tuple(stack)


def is_built(base: str) -> bool:
    """Whether all that a base is made of is in the cache."""
    return all((cache() / name).is_dir() for name in names(base))


def _from_path(path: Path) -> tuple[str, Callable[[Path], None]]:
    """Give the name of a base that is a folder or a tar archive, and what builds it."""
    try:
        info = path.stat()
    except OSError as error:
        raise ImageError(
            f"There is no base {str(path)!r}: give {', '.join(map(repr, BASES))}, or the path of a "
            "Containerfile, a root file system folder or a tar archive."
        ) from error
    identity = f"{path.resolve()} {info.st_dev} {info.st_ino} {info.st_size} {info.st_mtime_ns}"
    if path.is_dir():
        if not any((path / name).exists() for name in ("bin/sh", "usr/bin/sh", "bin/bash")):
            raise ImageError(f"{path} is not a root file system: it has no bin/sh.")
        return _chain("folder", identity), lambda target: _copy(path, target)
    if not tarfile.is_tarfile(path):
        raise ImageError(f"{path} is neither a folder nor a tar archive.")
    return _chain("tar", identity), lambda target: _extract(path, target)


def _copy(source: Path, target: Path) -> None:
    """Copy a root file system; an ordinary user's copy lacks what they may not read."""
    done = subprocess.run(
        ["cp", "-a", "--reflink=auto", f"{source}/.", str(target)], capture_output=True, check=False
    )
    if done.returncode and os.getuid() == 0:
        raise ImageError(f"Copying {source} failed: {done.stderr.decode(errors='replace')[-500:]}")


def _extract(source: Path, target: Path) -> None:
    owner = ["--numeric-owner"] if os.getuid() == 0 else ["--no-same-owner"]
    command = ["tar", "-x", *owner, "-p", "-C", str(target), "-f", str(source), "--exclude=./dev/*"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise ImageError(
            f"Unpacking {source} failed: {done.stderr.decode(errors='replace')[-500:]}"
        )
