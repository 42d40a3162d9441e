"""Images in an engine: bases imported once, then one committed image for each layer.

They are called `localhost/asynccode:NAME`, where NAME is the name of nsjail's folder of the same
layers, so equal names are equal content and a run's manifest says the same on every backend. The
base `host` is the skeleton that nsjail uses, with this machine's system folders bound in
read-only: an engine elsewhere cannot have it.
"""

from __future__ import annotations

import fcntl
import io
import os
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread

from asynccode.backends import archives, debian, host, layers
from asynccode.backends.engine import spec
from asynccode.backends.engine.api import Engine, NotThereError
from asynccode.backends.engine.finishing import finish
from asynccode.errors import ImageError
from asynccode.images import Commands, Entry, Image, Layer, Manifest, Run
from asynccode.outcomes import Limits

REPOSITORY = "localhost/asynccode"
"""`localhost`: no registry is ever asked for it."""
Runner = Callable[[Image, str, Commands | Run, str], Awaitable[None]]
"""Runs a layer's commands in a container of an image and commits it under a name."""


def reference(name: str) -> str:
    """Give the engine's name of a layer."""
    return f"{REPOSITORY}:{name}"


class Store:
    """Builds images in an engine."""

    def __init__(self, engine: Engine, run: str, runner: Runner, *, is_local: bool) -> None:
        self._engine, self._run, self._runner, self._is_local = engine, run, runner, is_local
        self._known: dict[str, tuple[str, ...]] = {}
        self._lock = anyio.Lock()

    async def layers(self, image: Image) -> tuple[str, ...]:
        """Build what is missing of `image`; gives the names of its layers, topmost first."""
        known = self._known.get(image.digest)
        if known is None:
            known = self._known[image.digest] = await self._layers(image)
        return known

    def forget(self, image: Image) -> None:
        """Take note that an image is there no longer: its layers are looked for again."""
        self._known.pop(image.digest, None)

    async def _layers(self, image: Image) -> tuple[str, ...]:
        stack = [await self._base(image.base)]
        for layer in image.layers:
            stack.insert(0, await self._layer(image, layer, stack))
        if not await self._holds(image, stack[0]):
            workdir = Manifest(entries=[Entry(path=image.workdir, type="directory", mode=0o755)])
            stack.insert(0, await self._layer(image, workdir, stack))
        return tuple(stack)

    async def _base(self, base: str) -> str:
        if base == "host" and not self._is_local:
            raise ImageError(
                "The base 'host' is this machine's own system folders, and the engine is on"
                " another machine: name another one, such as --base debian-12."
            )
        name = await anyio.to_thread.run_sync(layers.name_of_base, base)
        async with self._building(name) as missing:
            if missing:
                await self._import(base, name)
        return name

    async def _import(self, base: str, name: str) -> None:
        path = Path(base)
        if base != "host" and base != debian.NAME and path.is_file():
            await self._engine.images.load(reference(name), path)
            return
        with TemporaryDirectory(prefix="asynccode-image-") as scratch:
            if base == "host":
                folder, owner = Path(scratch, "root"), 0
                folder.mkdir()
                await anyio.to_thread.run_sync(host.build, folder)
                await anyio.to_thread.run_sync(_settle, folder)
            elif base == debian.NAME:
                store = layers.Store(layers.cache(), _owner(), _no_commands)
                folder, owner = store.folder / await store.base(base), _owner()
            else:
                folder, owner = path, 0
            await self._send(name, [bytes(folder)], owner)

    async def _send(self, name: str, stack: Sequence[bytes], owner: int) -> None:
        """Make an image of folders, topmost first."""
        with TemporaryDirectory(prefix="asynccode-image-") as scratch:
            archive = Path(scratch, "root.tar")
            await anyio.to_thread.run_sync(archives.write, stack, archive, owner)
            await self._engine.images.load(reference(name), archive)

    async def _layer(self, image: Image, layer: Layer, stack: Sequence[str]) -> str:
        name = layers.name_of_layer(image, layer, stack)
        async with self._building(name) as missing:
            if not missing:
                pass
            elif isinstance(layer, Run) and (built := _built_here([name, *stack])):
                await self._send(name, built, _owner())
            elif isinstance(layer, Commands | Run):
                await self._runner(image, reference(stack[0]), layer, reference(name))
            else:
                async with self.still(image, reference(stack[0])) as container:
                    archive = await anyio.to_thread.run_sync(_archive, layer)
                    await self._engine.files.put(container, archive)
                    await self._engine.images.commit(container, reference(name))
        return name

    async def _holds(self, image: Image, name: str) -> bool:
        async with self.still(image, reference(name)) as container:
            try:
                await self._engine.files.look(container, image.workdir)
            except NotThereError:
                return False
        return True

    @asynccontextmanager
    async def still(self, image: Image, reference: str) -> AsyncIterator[str]:
        """Give a container that never runs."""
        config = spec.container(image, reference, Limits(), self._run)
        config["WorkingDir"] = "/"
        name = spec.name()
        try:
            yield await finish(lambda: self._engine.containers.create(name, config))
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(spec.REMOVE_SECONDS):
                await self._engine.containers.remove(name)

    @asynccontextmanager
    async def _building(self, name: str) -> AsyncIterator[bool]:
        """Say whether `name` has to be built; one builder at a time, of all processes here."""
        async with self._lock:
            if await self._engine.images.identify(reference(name)):
                yield False
                return
            with open(layers.cache() / f".lock-engine-{name}", "w", encoding="utf-8") as lock:  # noqa: ASYNC230
                while True:
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        await anyio.sleep(0.05)
                try:
                    yield not await self._engine.images.identify(reference(name))
                finally:
                    Path(lock.name).unlink(missing_ok=True)


def _owner() -> int:
    """Give whom root of a jail is outside, who owns the folders of the layers."""
    return layers.ROOT_OWNER if os.getuid() == 0 else os.getuid()


def _built_here(stack: Sequence[str]) -> list[bytes]:
    """Give the folders of layers if all have been built for nsjail; else none.

    What a RUN fetches changes from day to day: what has been fetched once is not fetched again,
    and a name stands for the same content in every engine of this machine.
    """
    folders = [layers.cache() / name for name in stack]
    return [bytes(folder) for folder in folders] if all(map(Path.is_dir, folders)) else []


async def _no_commands(*_: object) -> None:
    raise AssertionError("a base has no commands")


def _settle(folder: Path) -> None:
    for name in ("dev", "proc", "sys", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    folder.chmod(0o755)


def _archive(manifest: Manifest) -> bytes:
    """Give a manifest as an archive; every entry belongs to root."""
    out = io.BytesIO()
    kinds = {"directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "file": tarfile.REGTYPE}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in manifest.entries:
            member = tarfile.TarInfo(entry.path.lstrip("/"))
            member.type, member.mode = kinds[entry.type], entry.mode
            member.mtime = time.time() if entry.mtime is None else entry.mtime
            if entry.type == "symlink":
                member.linkname, member.mode = (
                    entry.content.decode("utf-8", "surrogateescape"),
                    0o777,
                )
                tar.addfile(member)
            elif entry.type == "file":
                member.size = len(entry.content)
                tar.addfile(member, io.BytesIO(entry.content))
            else:
                tar.addfile(member)
    return out.getvalue()
