"""The descriptors between us and a sandbox's two shells."""

from __future__ import annotations

import fcntl
import os
import socket
from typing import TypeVar

from attrs import define

from asynccode.outcomes import Limits
from asynccode.shell.custody import Custody
from asynccode.shell.hub import Hub
from asynccode.shell.slot import Slot
from asynccode.shell.wire import DescriptorWire

ABOVE = 64
"""Their ends are moved above this number, so that placing them at 3..8 overwrites none."""
AnyWire = TypeVar("AnyWire", bound=DescriptorWire)
STREAMS = 3
"""How many of `Wiring.theirs` are a half's."""
FIRST = 3
"""Where the keeper expects the first of `Wiring.theirs`."""


@define
class Wiring:
    """Two times a control socket and two pipes."""

    ours: list[tuple[socket.socket, tuple[int, ...]]]
    theirs: list[int]
    """Six descriptors for the keeper: control, output, errors; the same for the second shell."""

    @classmethod
    def open(cls, owner: int = -1) -> Wiring:
        """Make all of it, or raise `OSError` and leave none.

        `owner` is whom this machine takes root of the sandbox for, who may then open the pipes
        by name: `echo > /dev/stderr`, and a shell its keeper's pipe for errors.
        """
        wiring = cls(ours=[], theirs=[])
        loose: list[int] = []
        try:
            for _ in range(2):
                mine, yours = socket.socketpair()
                loose += [mine.fileno(), yours.detach()]
                output, errors = os.pipe(), os.pipe()
                loose += [*output, *errors]
                for _, writer in (output, errors):
                    os.fchown(writer, owner, -1)
                wiring.ours.append((mine, (output[0], errors[0])))
                for fd in (loose[-5], output[1], errors[1]):
                    wiring.theirs.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, ABOVE))
                    loose.remove(fd)
                    os.close(fd)
        except OSError:
            for mine, _ in wiring.ours:
                loose.remove(mine.detach())
            for fd in (*loose, *wiring.theirs):
                os.close(fd)
            raise
        return wiring

    def hand_over(self) -> None:
        """Close their ends, once the sandbox has them."""
        theirs, self.theirs = self.theirs, []
        for fd in theirs:
            os.close(fd)

    def slots(self, hub: Hub, limits: Limits, ward: Custody) -> tuple[Slot, Slot]:
        """Make a slot of each half; the slots own our ends from then on."""
        first, second = (Slot(wire, limits, ward) for wire in self.wires(hub, DescriptorWire))
        return first, second

    def wires(self, hub: Hub, kind: type[AnyWire]) -> list[AnyWire]:
        """Make a wire of each half that is left; the wires own our ends from then on."""
        ours, self.ours = self.ours, []
        return [kind(hub, control, pipes) for control, pipes in ours]

    def close(self) -> None:
        """Close what has not been given away."""
        self.hand_over()
        ours, self.ours = self.ours, []
        for control, pipes in ours:
            control.close()
            for fd in pipes:
                os.close(fd)
