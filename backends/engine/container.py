"""One container: made, reached into, removed. What one sandbox in it leaves to the next."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from asynccode.backends import processes
from asynccode.backends.engine import leftovers, spec
from asynccode.backends.engine.api import NotThereError
from asynccode.backends.engine.attached import Attached
from asynccode.backends.engine.files import ArchiveWorld, HostWorld
from asynccode.backends.engine.finishing import finish
from asynccode.backends.engine.hands import HostHand
from asynccode.backends.engine.helper import HelperHand
from asynccode.backends.engine.recycling import Mould
from asynccode.backends.engine.wires import ExecWire
from asynccode.errors import BackendError
from asynccode.images import Image
from asynccode.outcomes import Limits
from asynccode.shell.custody import NoCustody
from asynccode.shell.slot import Slot

if TYPE_CHECKING:
    from asynccode.backends.engine.backend import EngineBackend

INQUEST_SECONDS = 5.0
"""How long the engine is given to say why a container is gone."""
LOOKS, LOOK_SECONDS = 20, 0.05
"""How often, and how long apart, it is asked while it says that the container runs."""
HELPER_LIMITS = Limits()
HELPER_GONE = "The helper in the container has ended."


class Container:
    """A container of an engine, and all that we hold of it."""

    attached: Attached | None = None
    """The streams of process 1."""
    hand: HostHand | HelperHand | None = None
    world: HostWorld | ArchiveWorld | None = None
    """How its files are reached."""
    ahead: Sequence[str] = ()
    """What goes ahead of each command."""
    init = 0
    """The number of process 1 on this machine, if it is on this one."""
    is_bare = False
    """Whether process 1 is to be the image's shell, on a terminal."""
    _is_gone = False
    """Whether the engine knows it no longer; until then there may be more to say."""
    mould: Mould | None = None
    """What it was like when it was new, if it can be made new again."""

    def __init__(self, backend: EngineBackend, image: Image, *, network: str = "none") -> None:
        self._backend, self.engine, self.image = backend, backend.engine, image
        self._network = network
        self.name = spec.name()
        self.id = self._reference = self._words = ""

    async def create(self, reference: str, limits: Limits) -> None:
        """Create it from an image and take its streams; it is to be started."""
        self._reference = reference
        config = spec.container(
            self.image,
            reference,
            limits,
            self._backend.run,
            network=self._network,
            about=self._backend.about,
            is_bare=self.is_bare,
        )
        self.ahead = spec.ahead(limits, self._backend.about)
        # Who is cancelled has it removed, which must not come first.
        self.id = await finish(lambda: self.engine.containers.create(self.name, config))
        self.attached = await self.engine.streams.attach(self.id, tty=self.is_bare)

    def wire(self) -> ExecWire:
        """Give a wire to a shell beside the first."""
        return ExecWire(self.engine, self.id, self.image, self.ahead)

    async def reach(self, shell: int) -> HostHand | HelperHand:
        """Reach into it from the host, or else from inside; it has a shell, and is still new."""
        known = await self.engine.containers.inspect(self.id)
        init = self.init = int(known["State"]["Pid"])
        if self._backend.reaches_in and init:
            with suppress(OSError):
                self.hand = HostHand(init)
        if isinstance(self.hand, HostHand):
            with suppress(OSError, KeyError, TypeError):
                self.world = HostWorld(init, known["GraphDriver"], self._backend.threads)
                await self._remember(init, known, self.hand, shell)
        if self.hand is None:
            self.hand = hand = HelperHand(
                lambda: Slot(self.wire(), HELPER_LIMITS, NoCustody(HELPER_GONE)),
                grouped="process_count" in self._backend.about.limits,
            )
            await hand.start()
        if self.world is None:
            pristine = await self._backend.pristine(self._reference)
            self.world = ArchiveWorld(self.engine.files, self.id, pristine)
        return self.hand

    async def _remember(
        self, init: int, known: Mapping[str, Any], hand: HostHand, shell: int
    ) -> None:
        if self.is_bare or not self._backend.recycles:
            return
        upper = known["GraphDriver"]["Data"]["UpperDir"].encode()
        try:
            mould = Mould(init, self.id, upper, hand, self._backend.threads)
        except OSError:
            if os.path.exists(f"/proc/{init}"):  # it is there, so no other can be held still either
                self._backend.recycles = False
            return
        await mould.take(shell)
        self.mould = mould

    async def remove(self) -> None:
        """Remove it with all that runs in it."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(spec.REMOVE_SECONDS):
            await leftovers.remove(self.engine, self.name)

    def close(self) -> None:
        """Let go of it. Not before it is removed.

        A container without its streams ends, which to an engine is in the way.
        """
        for part in (self.attached, self.hand, self.world):
            if part is not None:
                part.close()

    def obituary(self) -> str:
        """Say why it is gone."""
        return self._words or f"The container {self.name} does not answer."

    async def has_ended(self) -> bool:
        """Whether process 1 has; from this machine that is seen before the engine says so."""
        if isinstance(self.hand, HostHand):
            return not processes.command(self.init)
        return not (await self.engine.containers.inspect(self.id))["State"]["Running"]

    async def inquest(self) -> None:
        """Ask the engine why it is gone, or else why it does not answer."""
        if self._is_gone:
            return
        with anyio.move_on_after(INQUEST_SECONDS):
            try:
                state = await self._state()
                self._words = f"The container {self.name} {_told(state)}."
            except BackendError as error:
                self._is_gone = isinstance(error, NotThereError)
                self._words = f"The container {self.name} is gone: {error}"

    async def _state(self) -> Mapping[str, Any]:
        """Ask the engine, which may take note of an end a little later than we do."""
        state: Mapping[str, Any] = {}
        for _ in range(LOOKS):
            state = (await self.engine.containers.inspect(self.id))["State"]
            lives = state["Running"] or state.get("Status") == "stopping"
            if state.get("Paused") or not lives:
                break
            await anyio.sleep(LOOK_SECONDS)
        return state


def _told(state: Mapping[str, Any]) -> str:
    if state.get("Paused"):
        return "is paused"
    if state["Running"]:
        return "does not answer, though its engine says that it runs"
    words = [f"status {state.get('Status')}", f"exit code {state.get('ExitCode')}"]
    words += ["out of memory"] if state.get("OOMKilled") else []
    words += [state["Error"]] if state.get("Error") else []
    return f"has ended: {', '.join(words)}"
