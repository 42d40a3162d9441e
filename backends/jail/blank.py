"""An nsjail that is running already and waits for its configuration.

Starting nsjail costs as much as everything that makes a jail one. It does not depend on the
image, so it is done ahead: a blank is an nsjail that reads its configuration from a pipe into
which nothing has been written yet. Its limits are set, and its first shell has been asked for.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from contextlib import suppress

import anyio
from attrs import define

from asynccode.backends.jail.config import SHELL_FDS
from asynccode.backends.jail.outpost import Outpost
from asynccode.backends.warden import cgroups, spawn
from asynccode.backends.warden.client import Warden
from asynccode.errors import BackendError
from asynccode.outcomes import Limits
from asynccode.shell.custody import NoCustody
from asynccode.shell.hub import Hub
from asynccode.shell.slot import Slot
from asynccode.shell.wiring import Wiring

ORDERS = spawn.FIRST + SHELL_FDS + 1
"""The descriptor from which nsjail reads its configuration; the log's is the one before."""

PIECE = 4096
"""Bytes that any pipe takes at once."""
REFILL_SECONDS = 0.02


@define(eq=False)
class Blank:
    """A running nsjail without a jail. Owns its slots, its counter and the pipe for its orders."""

    number: int
    pid: int
    limits: Limits
    slots: tuple[Slot, ...]
    outpost: Outpost | None
    """Where the runner is, if its process 1 is to be an image's shell."""
    counter: int | None
    """The file in which the kernel counts its processes, where there is one."""
    orders: int

    def fits(self, limits: Limits, *, shell: bool) -> bool:
        """Whether it can become a jail with these limits, of an image with a shell or without."""
        return self.limits == limits and (self.outpost is not None) is shell

    def command(self, config: str) -> None:
        """Let it become a jail; raises `BackendError` if it has died."""
        ends, self.orders = [self.orders], -1
        try:
            ends += os.pipe()
            _tell(config.encode(), *ends)
        except OSError as error:
            raise BackendError(f"A waiting nsjail is gone: {error}") from error
        finally:
            for fd in ends:
                os.close(fd)

    def close(self) -> None:
        """Close our descriptors: an nsjail without orders ends."""
        for slot in self.slots:
            slot.close()
        if self.counter is not None:
            os.close(self.counter)
            self.counter = None
        if self.outpost is not None:
            self.outpost.leave()
        if self.orders >= 0:
            os.close(self.orders)
            self.orders = -1


def _tell(text: bytes, orders: int, reader: int, writer: int) -> None:
    """Write to a pipe by way of another one.

    Whom a plain write wakes the kernel puts on our own processor, where it waits until we sleep;
    whom a splice wakes gets an idle one.
    """
    while text:
        moving = sent = os.write(writer, text[:PIECE])
        while moving:
            moving -= os.splice(reader, orders, moving)
        text = text[sent:]


class Blanks:
    """Keeps `size` blanks ready, made when nobody waits for one."""

    def __init__(self, warden: Warden, hub: Hub, size: int, owner: int) -> None:
        self._warden, self._hub, self._size, self._owner = warden, hub, size, owner
        self._ready: deque[Blank] = deque()
        self._numbers = itertools.count(1)
        self._wanted = anyio.Event()
        self._wish: tuple[Limits, bool] | None = None
        self.executable = ""

    def __len__(self) -> int:
        """Give how many are ready."""
        return len(self._ready)

    async def take(self, limits: Limits, *, shell: bool, network: bool = False) -> Blank:
        """Give a blank with these limits, whose process 1 is to be an image's `shell` or not.

        Only one made for it has the network.
        """
        if network:
            return await self._make(limits, shell=shell, network=True)
        self._wish = limits, shell
        self._wanted.set()
        for blank in self._ready:
            if blank.fits(limits, shell=shell):
                self._ready.remove(blank)
                return blank
        return await self._make(limits, shell=shell)

    async def refill(self) -> None:
        """Make blanks like the one that was last asked for, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            # Whoever has just taken one needs the processor more than the next one does.
            await anyio.sleep(REFILL_SECONDS)
            with suppress(BackendError):  # whoever needs one now will hear of it
                while wish := self._lacking():
                    self._ready.append(await self._make(wish[0], shell=wish[1]))
            while len(self._ready) > 2 * self._size:  # others, which nobody asks for any more
                self._ready.popleft().close()

    def _lacking(self) -> tuple[Limits, bool] | None:
        """Give what was last asked for while there are too few blanks like it."""
        if self._wish is None:
            return None
        limits, shell = self._wish
        count = sum(blank.fits(limits, shell=shell) for blank in self._ready)
        return self._wish if count < self._size else None

    def drop(self, number: int) -> None:
        """Take note that an nsjail has ended."""
        for blank in [blank for blank in self._ready if blank.number == number]:
            self._ready.remove(blank)
            blank.close()

    def close(self) -> None:
        """Close those that were not taken."""
        while self._ready:
            self._ready.pop().close()

    async def _make(self, limits: Limits, *, shell: bool, network: bool = False) -> Blank:
        try:
            wiring = Wiring.open(self._owner)
        except OSError as error:
            raise BackendError(f"There are no descriptors for another jail: {error}") from error
        orders = theirs = -1
        outpost: Outpost | None = None
        number = next(self._numbers)
        try:
            outpost = Outpost(self._warden, wiring) if shell else None
            theirs, orders = os.pipe()
            ahead = spawn.AHEAD["shell" if shell else "keeper"]
            argv = [self.executable, "-C", ahead, "-C", f"/dev/fd/{ORDERS}"]
            fds = [*wiring.theirs, theirs]
            reply = await self._warden.ask(
                "spawn",
                jail=number,
                argv=argv,
                disk=limits.disk_bytes,
                network=network,
                fds=fds,
            )
            cgroups.limit(
                self._warden.groups,
                number,
                memory_bytes=limits.memory_bytes,
                processes=limits.processes,
            )
            if outpost is not None:
                await outpost.man(number)
            wiring.hand_over()
        except BaseException as error:
            wiring.close()
            if outpost is not None:
                outpost.leave()
            if orders >= 0:
                os.close(orders)
            if isinstance(error, OSError):
                raise BackendError(f"nsjail could not be started: {error}") from error
            raise
        finally:
            if theirs >= 0:
                os.close(theirs)
        nobody = NoCustody("The jail has not been used yet.")
        slots: tuple[Slot, ...]
        if outpost is not None:
            slots = (outpost.slot(self._hub, limits, nobody),)
        else:
            slots = wiring.slots(self._hub, limits, nobody)
        with suppress(OSError):  # who takes a dead one will hear of it
            slots[0].call()
        counter = cgroups.open_process_count(self._warden.groups, number)
        return Blank(number, reply["pid"], limits, slots, outpost, counter, orders)
