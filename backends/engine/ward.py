"""Stopping what a step started, and naming the limit it met: what a slot needs (`Custody`)."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

import anyio

from asynccode.backends.engine.hands import Hand
from asynccode.outcomes import Outcome
from asynccode.shell.slot import Slot

ROUNDS = 50
"""How often to look for processes that were forked while we froze the others."""
LOOKS, LOOK_SECONDS = 30, 0.01
"""How often, and how long apart, to look at processes that a step left behind."""
TOO_LARGE = 128 + signal.SIGXFSZ
"""The status of who wrote a larger file than may be."""


class Ward:
    """Of one container, whichever hand reaches into it."""

    def __init__(self, obituary: Callable[[], str]) -> None:
        self.obituary = obituary
        self.hand: Hand | None = None
        self.slots: Sequence[Slot] = ()
        self.leaders: set[int] = set()
        """Of programs beside the shells: a step's end is not theirs."""
        self._first: Collection[int] = ()
        self._older: set[int] = set()
        self._idle = self._last = self._forks = self._kills = 0

    async def settle(self, hand: Hand) -> None:
        """Take the hand, and note what runs at rest."""
        first = set(await hand.members())
        for slot in self.slots:
            if slot.shell:
                first -= set((await hand.kin(slot.shell))[:1])
        self._first = first
        self._idle = await hand.count()
        self._forks, self._kills = await hand.events()
        self.hand = hand

    async def stop(self, shell: int, *, everything: bool, force: bool) -> None:
        """Abort the shell's step and signal what it started (see `Custody`)."""
        if self.hand is None:
            return
        spare = set(self._first) | (set() if everything else self._older)
        for slot in self.slots:
            if slot.shell:
                kin = await self.hand.kin(slot.shell)
                spare |= set(kin)
                await self.hand.send(kin, signal.SIGCONT)  # a step may have stopped them
                if slot.shell == shell:
                    await self.hand.send(kin[:1], signal.SIGRTMAX)
        for leader in () if everything else tuple(self.leaders):
            spare |= set(await self.hand.session(leader))
        if not force:
            # None may write on after the shell has seen its own child die and told the end. So
            # they are frozen first, and the youngest, which is nobody's parent, goes first.
            fresh = sorted(set(await self.hand.members()) - spare, reverse=True)
            for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGCONT):
                await self.hand.send(fresh, number)
        else:
            await _exterminate(self.hand, self.hand.members, spare)
            for _ in range(LOOKS):  # the dying count, and what failed to fork is no news
                if await self.hand.count() <= self._at_rest:
                    break
                await anyio.sleep(LOOK_SECONDS)
            self._forks, _ = await self.hand.events()

    async def end(self, leader: int) -> None:
        """Kill a POSIX session, however fast it forks."""
        self.leaders.discard(leader)
        if (hand := self.hand) is not None:
            for _ in range(LOOKS):
                await _exterminate(hand, partial(hand.session, leader), set())
                if not await hand.session(leader):
                    break
                await anyio.sleep(LOOK_SECONDS)
            self._forks, _ = await hand.events()  # what failed to fork there is no step's news

    async def kill(self, shell: int) -> None:
        """Kill the shell itself."""
        if self.hand is not None:
            await self.hand.send((await self.hand.kin(shell))[:1], signal.SIGKILL)

    def holds(self, shell: int) -> bool:
        """Whether a shell is there: its keeper says when it ends."""
        return True

    async def breach(self, status: int | None) -> Outcome | None:
        """Ask the kernel which limit was met since the last step."""
        hand = self.hand
        if hand is None:
            return None
        count = await hand.count()
        # Left in the background, a fork bomb needs a moment to go off: look on while it grows, or
        # would if it had a processor. It meets its limit without growing any more.
        for _ in range(LOOKS if count > max(self._at_rest, self._last) else 0):
            await anyio.sleep(LOOK_SECONDS)
            if await self._forks_failed():
                return Outcome.PROCESS_LIMIT
            earlier, count = count, await hand.count()
            if count <= earlier and not await hand.busy():
                break
        self._last = count
        if status is not None:
            self._older = set(await hand.members()) if count > self._at_rest else set()
        if status == 0:
            return None
        if await self._forks_failed():
            return Outcome.PROCESS_LIMIT
        _, kills = await hand.events()
        if kills > self._kills:
            self._kills = kills
            return Outcome.MEMORY_LIMIT
        return Outcome.DISK_LIMIT if status == TOO_LARGE else None

    @property
    def _at_rest(self) -> int:
        """How many there are when nothing runs: the second shell comes with a keeper."""
        return self._idle + 2 * sum(1 for slot in self.slots[1:] if slot.shell)

    async def _forks_failed(self) -> bool:
        assert self.hand is not None
        before, (self._forks, _) = self._forks, await self.hand.events()
        return self._forks > before


async def _exterminate(
    hand: Hand, find: Callable[[], Awaitable[Collection[int]]], spare: set[int]
) -> None:
    """Freeze all that is found before the first is killed, or what forks faster wins."""
    seen: set[int] = set()
    for _ in range(ROUNDS):
        fresh = set(await find()) - seen - spare
        if not fresh:
            break
        await hand.send(fresh, signal.SIGSTOP)
        seen |= fresh
    await hand.send(seen, signal.SIGKILL)
