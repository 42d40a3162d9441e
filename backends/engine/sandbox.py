"""A container as a sandbox."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import anyio

from asynccode.backends.engine import spec
from asynccode.backends.engine.container import Container
from asynccode.backends.engine.explained import ExplainedSession
from asynccode.backends.engine.files import ArchiveWorld, HostWorld
from asynccode.backends.engine.program import EngineProgram
from asynccode.backends.engine.ward import Ward
from asynccode.errors import BackendError, SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Program, Sandbox, Session
from asynccode.outcomes import Change, ExecResult, Limits, Window
from asynccode.shell.inband import InbandWire
from asynccode.shell.program import check_command
from asynccode.shell.session import Shells
from asynccode.shell.slot import Slot

if TYPE_CHECKING:
    from asynccode.backends.engine.backend import EngineBackend

RENEW_SECONDS = 5.0
"""How long making a container new may take; what takes longer is removed."""


class EngineSandbox(Sandbox):
    """What an episode has of a container, whose first process keeps the session's shell."""

    def __init__(
        self,
        backend: EngineBackend,
        image: Image,
        limits: Limits,
        container: Container | None = None,
    ) -> None:
        self._backend, self._engine = backend, backend.engine
        self._image, self._limits = image, limits
        self._container = container or Container(backend, image)
        self._ward = Ward(self.obituary)
        self._slots: tuple[Slot, ...] = ()
        self._shells: Shells | None = None
        self._wire: InbandWire | None = None
        self._programs: set[EngineProgram] = set()
        self._closed = False

    @property
    def name(self) -> str:
        """The container's name."""
        return self._container.name

    async def begin(self, reference: str) -> None:
        """Create the container from an image, start it, and wait for its first shell."""
        await self._container.create(reference, self._limits)
        shells = self._furnish()
        await self._engine.containers.start(self._container.id)
        try:
            await shells.start()
        except SandboxLost as error:
            await self._container.inquest()
            raise BackendError(f"The container did not start. {self.obituary()}") from error
        await self._ward.settle(await self._container.reach(self._slots[0].shell))

    async def inherit(self) -> str | None:
        """Make the container, which has had another sandbox, new; gives what stands in the way."""
        mould, hand = self._container.mould, self._container.hand
        assert mould is not None
        assert hand is not None
        why = await mould.freeze() or await mould.clear()
        if why is not None:
            return why
        try:
            await self._furnish().start()
            # What was still on its way on either stream comes before this step's end.
            await self._slots[0].run(":", seconds=RENEW_SECONDS, split=True)
        except SandboxLost:
            return "shell"
        why = await mould.confirm(self._slots[0].shell)
        await self._ward.settle(hand)
        return why

    def _furnish(self) -> Shells:
        """Make the slots of the shells, the first at the container's own streams."""
        held, attached = self._container, self._container.attached
        assert attached is not None
        self._wire = InbandWire(attached)
        first = Slot(self._wire, self._limits, self._ward)
        second = Slot(held.wire(), self._limits, self._ward)
        self._slots = self._ward.slots = (first, second)
        bare = spec.environment(self._image) if self._image.shell else None
        self._shells = Shells(first, second, self._image.workdir, bare=bare)
        attached.listen(self._wire)
        return self._shells

    @property
    def is_alive(self) -> bool:
        """Whether the session's stream is open."""
        return not self._closed and bool(self._slots) and not self._slots[0].is_lost

    @property
    def world(self) -> HostWorld | ArchiveWorld | None:
        """How its files are reached."""
        return self._container.world

    async def session(self) -> Session:
        """Open the session."""
        await self._check()
        assert self._shells is not None
        return ExplainedSession(self._shells.session(), self._explain)

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
        split: bool = False,
    ) -> ExecResult:
        """Run a program."""
        await self._check()
        assert self._shells is not None
        assert self._container.hand is not None
        beside = self._slots[1]
        if beside.is_alive and not await self._container.hand.kin(beside.shell):
            beside.on_end()  # killed with its keeper, which the engine has yet to say
        try:
            return await self._shells.exec(argv, cwd, env, seconds, split=split)
        except SandboxLost as error:
            raise await self._explain() from error

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        window: Window | None = None,
    ) -> Program:
        """Start a program."""
        check_command(argv, env)
        await self._check()
        where = posixpath.join(self._image.workdir, cwd or "")
        program = await EngineProgram.launch(
            self._engine,
            self._container.id,
            self._image,
            self._ward,
            argv,
            where,
            env or {},
            window,
            self._container.ahead,
        )
        program.on_close = self._programs.discard
        self._programs.add(program)
        return program

    async def read(self, path: str | bytes, *, max_bytes: int = 16 * 1024 * 1024) -> bytes:
        """Read a file as root of the container."""
        return await (await self._files()).read(self._absolute(path), max_bytes)

    async def write(self, path: str | bytes, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file as root of the container."""
        await (await self._files()).write(self._absolute(path), data, mode)

    async def changes(self, *, hashes: bool = False) -> tuple[Change, ...]:
        """Compare with the image."""
        found = await (await self._files()).changes(hashes=hashes)
        return tuple(sorted(found, key=lambda change: change.path))

    async def commit(self, reference: str) -> None:
        """Make an image of the container as it is."""
        await self._engine.images.commit(self._container.id, reference)

    async def renew(self) -> EngineSandbox | None:
        """Give the container to another sandbox, if it can be made new (see `recycling.py`)."""
        if self._closed:
            return None
        held, slot, wire = self._container, self._slots[0], self._wire
        if held.mould is None or slot.is_busy or slot.is_lost:
            await self.aclose()
            return None
        assert wire is not None
        self._end()
        why: str | None = None if wire.part() else "streams"
        for slot in self._slots:
            slot.close()
        fresh = EngineSandbox(self._backend, self._image, self._limits, held)
        self._backend.replace(self, fresh)
        try:
            with anyio.CancelScope(shield=True):
                if why is None:
                    why = "time"
                    with anyio.move_on_after(RENEW_SECONDS):
                        why = await fresh.inherit()
        finally:
            self._backend.note(why)
            if why is not None:
                held.mould.release()
                await fresh.aclose()
        return fresh if why is None else None

    async def aclose(self) -> None:
        """Remove the container with all that runs in it."""
        if self._closed:
            return
        self._end()
        await self._container.remove()
        for slot in self._slots:
            slot.close()
        self._container.close()
        self._backend.forget(self)

    def _end(self) -> None:
        """End with an error what is under way."""
        self._closed = True
        for slot in self._slots:
            slot.on_end()
        for program in self._programs:
            program.abandon("The sandbox has been closed.")

    def obituary(self) -> str:
        """Say why the sandbox is gone."""
        return "The sandbox has been closed." if self._closed else self._container.obituary()

    async def _check(self) -> None:
        if not self.is_alive:
            raise await self._explain()

    async def _explain(self) -> SandboxLost:
        """Give an error that says why the sandbox is gone, which the engine has to be asked for."""
        if not self._closed:
            await self._container.inquest()
        return SandboxLost(self.obituary())

    async def _files(self) -> HostWorld | ArchiveWorld:
        await self._check()
        assert self._container.world is not None
        return self._container.world

    def _absolute(self, path: str | bytes) -> str:
        return posixpath.join(self._image.workdir, os.fsdecode(path))
