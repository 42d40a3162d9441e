"""Our end of a jail's runner, for images whose process 1 is a shell on a terminal."""

from __future__ import annotations

import os
import socket

from asynccode.backends.jail import programs, seccomp
from asynccode.backends.warden.client import Warden
from asynccode.errors import SandboxLost
from asynccode.outcomes import Limits
from asynccode.shell.custody import Custody
from asynccode.shell.errands import ErrandWire
from asynccode.shell.hub import Hub
from asynccode.shell.slot import Slot
from asynccode.shell.wiring import STREAMS, Wiring


class Outpost:
    """A jail's runner and process 1's terminal.

    The wiring is a keeper's. Process 1 waits at the first half, the runner has the second.
    """

    def __init__(self, warden: Warden, wiring: Wiring) -> None:
        self._warden, self._wiring = warden, wiring
        self._number = programs.new_number()
        self._slot: Slot | None = None
        self._news, self._taker = socket.socketpair()
        self._link, self._loose = wiring.ours.pop(0)
        self._news.setblocking(False)
        self._master = -1
        self.pid = 0
        """The runner's process id: of the first one, if one is killed there will be another."""
        self.failure: str | None = None
        """Why there is no runner any more, once there is none."""

    async def man(self, jail: int) -> None:
        """Have the warden start the runner, which waits until the jail is there."""
        self._warden.programs[self._number] = self._on_end
        streams = self._wiring.theirs[STREAMS:]
        fds = [*streams, self._link.fileno(), self._taker.fileno()]
        reply = await self._warden.ask(
            "runner",
            fds=fds,
            streams=len(fds),
            jail=jail,
            program=self._number,
            capabilities=seccomp.capabilities(),
            filter=seccomp.program().hex(),
        )
        self._taker.close()
        self.pid = int(reply["pid"])

    def slot(self, hub: Hub, limits: Limits, ward: Custody) -> Slot:
        """Give the slot that the runner is at the other end of."""
        (wire,) = self._wiring.wires(hub, ErrandWire)
        self._slot = Slot(wire, limits, ward)
        return self._slot

    async def open(self, shell: str) -> None:
        """Let process 1 become `shell`, on a terminal that we hold. Raises `SandboxLost`."""
        try:
            self._master = await programs.take_master(self._news.detach())
            self._link.send(f"{shell}\n".encode())
        except OSError as error:
            raise SandboxLost(self.failure or f"The runner did not start: {error}") from error
        self._close_link()

    def leave(self) -> None:
        """Let the terminal go, and ask no more how the runner ends; safe to call twice."""
        self._warden.programs.pop(self._number, None)
        self._close_link()
        for end in (self._news, self._taker):
            end.close()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _close_link(self) -> None:
        self._link.close()
        loose, self._loose = self._loose, ()
        for fd in loose:
            os.close(fd)

    def _on_end(self, _status: int, failure: str) -> None:
        self.failure = failure or "Its runner has ended."
        if self._slot is not None:  # others hold its streams, so they do not end with it
            self._slot.on_end()
