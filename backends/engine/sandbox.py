"""One container as a sandbox."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from asynccode.backends.engine import leftovers, spec
from asynccode.backends.engine.api import Engine
from asynccode.backends.engine.attached import Attached
from asynccode.backends.engine.files import ArchiveWorld, HostWorld
from asynccode.backends.engine.hands import HostHand
from asynccode.backends.engine.helper import HelperHand
from asynccode.backends.engine.program import EngineProgram
from asynccode.backends.engine.ward import Ward
from asynccode.errors import BackendError, SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Program, Sandbox, Session
from asynccode.outcomes import Change, ExecResult, Limits, Window
from asynccode.shell.custody import NoCustody
from asynccode.shell.inband import InbandWire
from asynccode.shell.program import check_command
from asynccode.shell.session import Shells
from asynccode.shell.slot import Slot

if TYPE_CHECKING:
    from asynccode.backends.engine.backend import EngineBackend

INQUEST_SECONDS = 5.0
"""How long the engine is given to say why a container is gone."""
HELPER_LIMITS = Limits()
HELPER_GONE = "The helper in the container has ended."


class Absent:
    """A link before there is one."""

    def write(self, data: bytes) -> None:
        """Fail."""
        raise OSError("The process has not been started.")

    def pause(self, *, paused: bool) -> None:
        """Nothing to pause."""

    def close(self) -> None:
        """Nothing to close."""


class ExecWire(InbandWire):
    """A wire to one more process of a container, started when it is first needed."""

    def __init__(self, engine: Engine, container: str, image: Image) -> None:
        super().__init__(Absent())
        self._engine, self._container, self._image = engine, container, image
        self._attached: Attached | None = None

    def start(self, token: str) -> bool:
        """Start the shell, unless there is no keeper yet."""
        self._following = token
        return self._attached is not None and super().start(token)

    async def flush(self) -> None:
        """Start the keeper, and the shell."""
        if self._attached is None:
            config = spec.execution(self._image, spec.keeper(first=False))
            _, attached = await self._engine.streams.execute(self._container, config)
            self._link = self._attached = attached
            attached.listen(self)
            super().start(self._following)


class EngineSandbox(Sandbox):
    """One container: its first process keeps the session's shell."""

    def __init__(self, backend: EngineBackend, image: Image, limits: Limits) -> None:
        self._backend, self._engine = backend, backend.engine
        self._image, self._limits = image, limits
        self.name = spec.name()
        self._id = self._reference = ""
        self._ward = Ward(self.obituary)
        self._slots: tuple[Slot, ...] = ()
        self._shells: Shells | None = None
        self._hand: HostHand | HelperHand | None = None
        self._world: HostWorld | ArchiveWorld | None = None
        self._programs: set[EngineProgram] = set()
        self._words = ""
        self._closed = False

    async def begin(self, reference: str) -> None:
        """Create the container from an image, start it, and wait for its first shell."""
        self._reference = reference
        config = spec.container(self._image, reference, self._limits, self._backend.run)
        self._id = await self._engine.containers.create(self.name, config)
        attached = await self._engine.streams.attach(self._id)
        wire = InbandWire(attached)
        first = Slot(wire, self._limits, self._ward)
        second = Slot(ExecWire(self._engine, self._id, self._image), self._limits, self._ward)
        self._slots = self._ward.slots = (first, second)
        self._shells = Shells(first, second, self._image.workdir)
        attached.listen(wire)
        await self._engine.containers.start(self._id)
        try:
            await self._shells.start()
        except SandboxLost as error:
            await self._inquest()
            raise BackendError(f"The container did not start. {self.obituary()}") from error
        known = await self._engine.containers.inspect(self._id)
        self._hand = await self._reach(known)
        await self._ward.settle(self._hand)

    async def _reach(self, known: Mapping[str, Any]) -> HostHand | HelperHand:
        """Reach into the container from the host, or else from inside."""
        init = int(known["State"]["Pid"])
        hand: HostHand | HelperHand | None = None
        if self._backend.reaches_in and init:
            with suppress(OSError):
                hand = HostHand(init)
        if isinstance(hand, HostHand):
            with suppress(OSError, KeyError, TypeError):
                self._world = HostWorld(init, known["GraphDriver"], self._backend.threads)
        if hand is None:
            hand = HelperHand(
                lambda: Slot(
                    ExecWire(self._engine, self._id, self._image),
                    HELPER_LIMITS,
                    NoCustody(HELPER_GONE),
                )
            )
            await hand.start()
        if self._world is None:
            pristine = await self._backend.pristine(self._reference)
            self._world = ArchiveWorld(self._engine.files, self._id, pristine)
        return hand

    @property
    def is_alive(self) -> bool:
        """Whether the session's stream is open."""
        return not self._closed and bool(self._slots) and not self._slots[0].is_lost

    @property
    def world(self) -> HostWorld | ArchiveWorld | None:
        """How its files are reached."""
        return self._world

    async def session(self) -> Session:
        """Open the session."""
        await self._check()
        assert self._shells is not None
        return self._shells.session()

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
        assert self._hand is not None
        beside = self._slots[1]
        if beside.is_alive and not await self._hand.kin(beside.shell):
            beside.on_end()  # killed with its keeper, which the engine has yet to say
        return await self._shells.exec(argv, cwd, env, seconds, split=split)

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
            self._engine, self._id, self._image, self._ward, argv, where, env or {}, window
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
        await self._engine.images.commit(self._id, reference)

    async def aclose(self) -> None:
        """Remove the container with all that runs in it."""
        if self._closed:
            return
        self._closed = True
        for slot in self._slots:
            slot.on_end()
        for program in self._programs:
            program.abandon("The sandbox has been closed.")
        with anyio.CancelScope(shield=True), anyio.move_on_after(spec.REMOVE_SECONDS):
            await leftovers.remove(self._engine, self.name)
        # Not before: a container without its streams ends, which to an engine is in the way.
        for slot in self._slots:
            slot.close()
        for part in (self._hand, self._world):
            if part is not None:
                part.close()
        self._backend.forget(self)

    def obituary(self) -> str:
        """Say why the sandbox is gone."""
        if self._closed:
            return "The sandbox has been closed."
        return self._words or f"The container {self.name} has ended."

    async def _check(self) -> None:
        if not self.is_alive:
            await self._inquest()
            raise SandboxLost(self.obituary())

    async def _files(self) -> HostWorld | ArchiveWorld:
        await self._check()
        assert self._world is not None
        return self._world

    async def _inquest(self) -> None:
        """Ask the engine why the container is gone."""
        if self._closed or self._words:
            return
        with anyio.move_on_after(INQUEST_SECONDS):
            try:
                state = (await self._engine.containers.inspect(self._id))["State"]
                words = [f"status {state.get('Status')}", f"exit code {state.get('ExitCode')}"]
                words += ["out of memory"] if state.get("OOMKilled") else []
                words += [state["Error"]] if state.get("Error") else []
                self._words = f"The container {self.name} has ended: {', '.join(words)}."
            except BackendError as error:
                self._words = f"The container {self.name} is gone: {error}"

    def _absolute(self, path: str | bytes) -> str:
        return posixpath.join(self._image.workdir, os.fsdecode(path))
