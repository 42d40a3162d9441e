"""An nsjail that is running already and waits for its configuration.

Starting nsjail costs as much as everything that makes a jail one. It does not depend on the
image, so it is done ahead: a blank is an nsjail that reads its configuration from a pipe into
which nothing has been written yet.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections import deque
from contextlib import suppress

import anyio
from attrs import define

from asynccode.backends.jail.config import SHELL_FDS
from asynccode.backends.warden import spawn
from asynccode.backends.warden.client import Warden
from asynccode.errors import BackendError
from asynccode.shell.wiring import ABOVE, Wiring

ORDERS = spawn.FIRST + SHELL_FDS + 1
"""The descriptor from which nsjail reads its configuration; the log's is the one before."""


REFILL_SECONDS = 0.02


@define(eq=False)
class Blank:
    """A running nsjail without a jail. Owns its wiring and the pipe for its orders."""

    number: int
    pid: int
    disk: int
    wiring: Wiring
    orders: int

    def command(self, config: str) -> None:
        """Let it become a jail; raises `BackendError` if it has died."""
        orders, self.orders = self.orders, -1
        try:
            with open(orders, "wb") as pipe:
                pipe.write(config.encode())
        except OSError as error:
            raise BackendError(f"A waiting nsjail is gone: {error}") from error

    def close(self) -> None:
        """Close our descriptors: an nsjail without orders ends."""
        self.wiring.close()
        if self.orders >= 0:
            os.close(self.orders)
            self.orders = -1


class Blanks:
    """Keeps `size` blanks ready, made when nobody waits for one."""

    def __init__(self, warden: Warden, size: int, owner: int) -> None:
        self._warden, self._size, self._owner = warden, size, owner
        self._ready: deque[Blank] = deque()
        self._numbers = itertools.count(1)
        self._wanted = anyio.Event()
        self._disk: int | None = None
        self.executable = ""

    async def take(self, disk: int) -> Blank:
        """Give a blank whose world holds `disk` bytes."""
        while self._ready:
            blank = self._ready.popleft()
            self._wanted.set()
            if blank.disk == disk:
                return blank
            blank.close()
        self._disk = disk
        self._wanted.set()
        return await self._make(disk)

    async def refill(self) -> None:
        """Make blanks of the size that was last asked for, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            # Whoever has just taken one needs the processor more than the next one does.
            await anyio.sleep(REFILL_SECONDS)
            with suppress(BackendError):  # whoever needs one now will hear of it
                while self._disk is not None and len(self._ready) < self._size:
                    self._ready.append(await self._make(self._disk))

    def drop(self, number: int) -> None:
        """Take note that an nsjail has ended."""
        for blank in [blank for blank in self._ready if blank.number == number]:
            self._ready.remove(blank)
            blank.close()

    def close(self) -> None:
        """Close those that were not taken."""
        while self._ready:
            self._ready.pop().close()

    async def _make(self, disk: int) -> Blank:
        try:
            wiring = Wiring.open(self._owner)
        except OSError as error:
            raise BackendError(f"There are no descriptors for another jail: {error}") from error
        orders = theirs = -1
        number = next(self._numbers)
        try:
            ends = os.pipe()
            orders, theirs = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, ABOVE) for fd in ends[::-1])
            for fd in ends:
                os.close(fd)
            argv = [self.executable, "-C", spawn.AHEAD, "-C", f"/dev/fd/{ORDERS}"]
            fds = [*wiring.theirs, theirs]
            reply = await self._warden.ask("spawn", jail=number, argv=argv, disk=disk, fds=fds)
            wiring.hand_over()
        except BaseException as error:
            wiring.close()
            if orders >= 0:
                os.close(orders)
            if isinstance(error, OSError):
                raise BackendError(f"nsjail could not be started: {error}") from error
            raise
        finally:
            if theirs >= 0:
                os.close(theirs)
        return Blank(number=number, pid=reply["pid"], disk=disk, wiring=wiring, orders=orders)
