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
        try:
            for _ in range(2):
                wiring._add(owner)
        except OSError:
            wiring.close()
            raise
        return wiring

    def _add(self, owner: int) -> None:
        """Make one half, or raise `OSError` and leave none of it."""
        pipes: list[int] = []
        mine, yours = socket.socketpair()
        try:
            for _ in range(STREAMS - 1):
                pipes += os.pipe()
            for fd in (yours.fileno(), *pipes[1::2]):
                self.theirs.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, ABOVE))
            for fd in pipes[1::2]:
                os.fchown(fd, owner, -1)
        except OSError:
            mine.close()
            for fd in pipes[::2]:
                os.close(fd)
            raise
        finally:
            yours.close()
            for fd in pipes[1::2]:
                os.close(fd)
        self.ours.append((mine, (pipes[0], pipes[2])))

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
