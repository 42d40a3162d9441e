"""What opens containers: everything that Docker and Podman have in common."""

from __future__ import annotations

import asyncio
import os
import secrets
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import anyio

from asynccode.backends import setup
from asynccode.backends.engine import examine, export, leftovers, spec
from asynccode.backends.engine.api import About, Engine, NotThereError
from asynccode.backends.engine.container import Container
from asynccode.backends.engine.executions import ExecutionSandbox
from asynccode.backends.engine.finishing import finish
from asynccode.backends.engine.images import Store, reference
from asynccode.backends.engine.sandbox import EngineSandbox
from asynccode.errors import BackendError, Unavailable
from asynccode.images import Commands, Image, Run
from asynccode.interfaces import Backend, Health
from asynccode.outcomes import Limits

CLOSE_SECONDS = 120.0
REMOVALS = 4 * (os.cpu_count() or 1)
"""Containers removed at once when a backend closes."""


class EngineBackend(Backend):
    """Opens containers of an engine."""

    isolates: frozenset[str] = frozenset(
        {"files", "network", "processes", "memory", "process_count"}
    )
    engine: Engine
    about: About

    def __init__(self, *, reach_in: bool | None = None, recycle: bool = True) -> None:
        """Use `reach_in=False` for an engine of this machine as if it were another's.

        With `recycle` containers are kept to be used again, where that can be verified.
        """
        self.reaches_in = os.getuid() == 0 if reach_in is None else reach_in
        self.run = secrets.token_hex(8)
        self.threads = anyio.CapacityLimiter(2 * (os.cpu_count() or 1))
        self._open: set[EngineSandbox] = set()
        self._pristine: dict[str, str] = {}
        self._comparing = anyio.Lock()
        self.recycles = recycle
        self.spoilt: Counter[str] = Counter()
        """Why containers were not used again: what differed from the new one."""
        self._opened = self._recycled = 0

    @classmethod
    @abstractmethod
    def connect(cls) -> Engine:
        """Connect to the engine; raises `Unavailable`."""

    async def __aenter__(self) -> Self:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            reason = f"the {self.name} backend uses aiohttp, which runs on asyncio alone"
            remedy = "run it under asyncio, or use --backend nsjail"
            raise Unavailable(reason, remedy) from None
        self.engine = self.connect()
        try:
            self.about = await self.engine.about()
            self.reaches_in = self.reaches_in and self.about.is_local
            self.recycles = self.recycles and self.reaches_in
            if "process_count" not in self.about.limits:
                self.isolates -= {"process_count"}
            await leftovers.clean(self.engine)
        except BaseException:
            await self.engine.aclose()
            raise
        self._store = Store(self.engine, self.run, self._run_commands, is_local=self.about.is_local)
        return self

    async def aclose(self) -> None:
        """Remove every container of this backend and close the connection."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
            removals = anyio.CapacityLimiter(REMOVALS)

            async def remove(sandbox: EngineSandbox) -> None:
                async with removals:
                    await sandbox.aclose()

            async with anyio.create_task_group() as group:
                for sandbox in list(self._open):
                    group.start_soon(remove, sandbox)
            with suppress(BackendError):  # of images being built, of opens cancelled half-way
                for container, _ in await self.engine.containers.listed(f"{spec.RUN}={self.run}"):
                    await self.engine.containers.remove(container)
            await self.engine.aclose()

    async def prepare(self, image: Image) -> str:
        """Build the image's layers."""
        return "+".join(name[:12] for name in await self._store.layers(image.whole))

    async def open(self, image: Image, limits: Limits) -> EngineSandbox:
        """Open a container."""
        image = image.whole
        name = await self.name_of(image)
        try:
            return await self._start(image, limits, name)
        except NotThereError:  # once more, even if another has built it again meanwhile
            await self._look_for(image, name)
        return await self._start(image, limits, await self.name_of(image))

    async def export(self, image: Image, dest: Path) -> int:
        """Write an image, built if need be, to a new tar archive; gives how many paths."""
        image = image.whole
        await self._look_for(image, await self.name_of(image))
        async with self._store.still(image, await self.name_of(image)) as container:
            return await export.write(self.engine.images.export(container), dest)

    async def name_of(self, image: Image) -> str:
        """Give the engine's name of an image, built if need be."""
        return reference((await self._store.layers(image))[0])

    async def _look_for(self, image: Image, name: str) -> None:
        """Forget an image that somebody has removed, so that it is built again."""
        if await self.engine.images.identify(name) is None:
            self._store.forget(image)
            self._pristine.pop(name, None)

    async def _start(
        self, image: Image, limits: Limits, name: str, *, network: str = "none"
    ) -> EngineSandbox:
        # From elsewhere a program that hangs could only be ended by a process beside it.
        kind = ExecutionSandbox if image.shell and self.reaches_in else EngineSandbox
        sandbox = kind(self, image, limits, Container(self, image, network=network))
        self._open.add(sandbox)
        self._opened += 1
        try:
            await sandbox.begin(name)
        except BaseException:
            await sandbox.aclose()
            raise
        return sandbox

    async def pristine(self, reference: str) -> str:
        """Give a container of an image that never runs, to compare others with."""
        async with self._comparing:
            if reference not in self._pristine:
                config = spec.container(Image(base="/", workdir="/"), reference, Limits(), self.run)
                containers = self.engine.containers
                created = await finish(
                    lambda: containers.create(spec.name(), config), containers.remove
                )
                self._pristine[reference] = created
        return self._pristine[reference]

    def replace(self, old: EngineSandbox, new: EngineSandbox) -> None:
        """Take note that a sandbox is closed, and another has its container."""
        self._open.discard(old)
        self._open.add(new)

    def note(self, why: str | None) -> None:
        """Take note that a container was made new, or why not."""
        if why is None:
            self._recycled += 1
        else:
            self.spoilt[why] += 1

    def forget(self, sandbox: EngineSandbox) -> None:
        """Take note that a sandbox has been closed."""
        self._open.discard(sandbox)

    async def _run_commands(
        self, image: Image, below: str, layer: Commands | Run, name: str
    ) -> None:
        image, limits = setup.setting(image, layer)
        network = "host" if isinstance(layer, Run) else "none"
        async with await self._start(image, limits, below, network=network) as sandbox:
            await setup.run(sandbox, layer)
            await sandbox.commit(name)

    @classmethod
    async def probe(cls) -> Health:
        """Start a container and see."""
        return await examine.examine(cls)

    @classmethod
    async def clean(cls) -> Sequence[str]:
        """Remove the containers of dead owners, if there is an engine."""
        try:
            engine = cls.connect()
        except Unavailable:
            return []
        try:
            return await leftovers.clean(engine)
        except BackendError:
            return []
        finally:
            await engine.aclose()

    def statistics(self) -> Mapping[str, int]:
        """Counts of sandboxes; `opened` are containers made."""
        return {
            "open": len(self._open),
            "opened": self._opened,
            "recycled": self._recycled,
            "spoilt": self.spoilt.total(),
        }
