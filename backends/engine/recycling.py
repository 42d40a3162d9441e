"""Making a container new again, and making sure that it is.

A container takes an engine 70 to 110 ms to make and as long to remove; ending all that runs in
one and starting a fresh shell takes a tenth of that. What an episode may have left behind was left
by root of the container, so nothing in it is believed. Nothing is repaired but the flags of the
pipes to the engine: a container in which anything at all was written is removed. The order matters:

1. Everything is frozen. From here on nothing inside can act.
2. Process 1 has not run since the episode began, and its memory is what it was.
3. Nothing was written to files or to what process 1 reads (and it will start the new shell).
4. All but process 1 get SIGKILL, which they meet before they run again, and are let go. The shell
   is only held back: process 1 waits for it, and must have buried all others when that ends. Then
   what the kernel had cached of files is dropped.
5. A new shell is started by process 1 from files that are the image's own, as 3 has shown.
6. The whole fingerprint is that of the new container.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from asynccode.backends import processes
from asynccode.backends.engine.caches import forget
from asynccode.backends.engine.frost import Freezer
from asynccode.backends.engine.hands import HostHand
from asynccode.backends.engine.state import (
    Fingerprint,
    Stillness,
    files,
    fingerprint,
    flags,
    restore,
    stillness,
    streams,
)

LOOKS, LOOK_SECONDS = 500, 0.001
"""How often, and how long apart, to look whether all is as it must be before going on."""
T = TypeVar("T")


class Mould:
    """What one container was like when it was new."""

    def __init__(
        self,
        init: int,
        container: str,
        upper: bytes,
        hand: HostHand,
        threads: anyio.CapacityLimiter,
    ) -> None:
        """Take the number of process 1 here; raises `OSError` if it cannot be held still."""
        self._init, self._container, self._upper = init, container, upper
        self._hand, self._threads = hand, threads
        self._freezer = Freezer(init)
        self._fingerprint: Fingerprint | None = None
        self._stillness: Stillness | None = None
        self._shell = self._count = 0
        self._flags: dict[int, int] = {}

    async def take(self, shell: int) -> None:
        """Look at the container while it is new; raises `OSError` if it can never be renewed."""
        await self._settle(shell)
        self._fingerprint = await self._in_thread(self._look)
        self._count, self._flags = await self._hand.count(), flags(self._init)

    async def freeze(self) -> str | None:
        """Hold everything still and compare what must be the same by then; gives what is not."""
        try:
            if self._freezer.is_held():  # to thaw it would not make it run to its engine
                return "paused"
            for _ in range(LOOKS // 10):  # the shell reads a little on when a step has ended
                with suppress(OSError):
                    await self._in_thread(lambda: streams(self._init))
                    break
                await anyio.sleep(LOOK_SECONDS)
            if not await self._freezer.freeze():
                return "processes"
            return await self._in_thread(self._compare)
        except OSError as error:
            return str(error)

    async def clear(self) -> str | None:
        """End every process but the first of a frozen container; gives what stands in the way."""
        try:
            others = set(await self._hand.members()) - {self._init, self._shell}
            processes.send(self._shell, signal.SIGSTOP)
            for number in others:
                processes.send(number, signal.SIGKILL)
            self._freezer.thaw()
            if not await self._only({self._init, self._shell}, buried=others):
                return "processes"
            processes.send(self._shell, signal.SIGKILL)
            if not await self._only({self._init}):
                return "processes"
        except OSError:
            return "processes"
        try:  # while nobody else has anything open
            await self._in_thread(lambda: forget(self._init))
        except OSError as error:
            return str(error)
        return None

    async def confirm(self, shell: int) -> str | None:
        """After the reset: compare all of it, and begin anew. Gives what differs."""
        try:
            await self._settle(shell)
            now = await self._in_thread(self._look)
        except OSError as error:
            return str(error)
        assert self._fingerprint is not None
        before, self._fingerprint = self._fingerprint, now
        return before.difference(now)

    def release(self) -> None:
        """Let it go on, so that it can be removed."""
        with suppress(OSError):  # it is gone
            self._freezer.thaw()

    async def _settle(self, shell: int) -> None:
        """Wait until all is there that runs at rest and process 1 waits for the shell."""
        kin = await self._hand.kin(shell)
        if not kin:
            raise OSError("shell")
        self._shell = kin[0]
        for _ in range(LOOKS):
            with suppress(OSError):
                still = await self._in_thread(self._still)
                if self._count in (0, await self._hand.count()):
                    self._stillness = still
                    return
            await anyio.sleep(LOOK_SECONDS)
        raise OSError("process 1")

    def _still(self) -> Stillness:
        streams(self._init)  # which the shell has read all there is of, too
        where = Path(f"/proc/{self._init}/wchan").read_text(encoding="utf-8")
        if where not in ("0", "do_wait"):  # on its way there, if the kernel tells
            raise OSError("process 1 does not wait yet")
        return stillness(self._init)

    def _compare(self) -> str | None:
        before, print_ = self._stillness, self._fingerprint
        assert before is not None
        assert print_ is not None
        try:
            if not stillness(self._init).lasts(before, frozen=True):
                return "process 1"
        except OSError:
            return "process 1"
        restore(self._init, self._flags)
        if files(self._init, self._upper) != print_.files:
            return "files"
        return None if streams(self._init) == print_.streams else "streams"

    def _look(self) -> Fingerprint:
        return fingerprint(self._init, self._container, self._upper)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function, limiter=self._threads)

    async def _only(self, left: Collection[int], buried: Collection[int] = ()) -> bool:
        """Wait until nobody else lives, and process 1 has taken note of its own children's end.

        Those of the shell become its own when that ends, and are buried with it.
        """
        for _ in range(LOOKS):
            waiting = any(_parent(number) == self._init for number in buried)
            if not waiting and set(await self._hand.members()) == left:
                return True
            await anyio.sleep(LOOK_SECONDS)
        return False


def _parent(number: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()[1])
    return 0
