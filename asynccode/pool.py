"""A warm pool: sandboxes that are ready before an episode asks for one.

`Pool` is a `Worlds`, as a backend is. Each pair of image and limits has a shelf of its own;
a task in the background keeps on it what the demand suggests (how often one is asked for,
how long a start takes) and leaves the machine to those who wait for a sandbox now. What is given
back goes on its shelf too, if its backend can make it new and has made sure that it is.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup
from attrs import define, evolve, field, frozen

from asynccode.admission import Admission
from asynccode.errors import InputError
from asynccode.images import Image
from asynccode.interfaces import Technology, World
from asynccode.lease import Lease
from asynccode.outcomes import Limits

CLOSE_SECONDS = 30.0
"""How long closing what is left on the shelves may take."""
IDLE_SECONDS = 120.0
"""After how long without demand a shelf is no longer refilled."""

Key = tuple[str, Limits]


@frozen(kw_only=True)
class Demand:
    """How often one kind of sandbox is asked for, and how long one takes to start."""

    opens: int = 0
    last: float = 0.0
    interval: float = IDLE_SECONDS
    """Seconds between two opens, smoothed."""
    start: float = 0.01
    """Seconds that a start takes, smoothed."""

    def after_open(self, now: float) -> Demand:
        """Give the demand after one was asked for."""
        if self.opens == 0:
            return evolve(self, opens=1, last=now)
        gap = now - self.last
        smooth = gap if self.opens == 1 else 0.8 * self.interval + 0.2 * gap
        return evolve(self, opens=self.opens + 1, last=now, interval=smooth)

    def after_start(self, seconds: float) -> Demand:
        """Give the demand after a start that took `seconds`."""
        return evolve(self, start=0.8 * self.start + 0.2 * seconds)

    def target(self, now: float) -> int:
        """How many to keep ready: what is asked for during two starts, and one more."""
        idle = now - self.last
        if self.opens < 2 or idle > IDLE_SECONDS:
            return 0
        return 1 + math.ceil(2 * self.start / max(self.interval, idle / 4, 1e-4))


@define
class _Shelf:
    image: Image
    limits: Limits
    ready: deque[World] = field(factory=deque)
    starting: int = 0
    demand: Demand = field(factory=Demand)
    failed: bool = False
    """Whether the last start failed: not refilled before one goes well for who asks."""


class Pool:
    """Hands out ready sandboxes of one backend; use it in `async with`."""

    def __init__(
        self,
        backend: Technology,
        admission: Admission | None = None,
        *,
        size: int | None = None,
        recycle: bool = True,
    ) -> None:
        """Keep at most `size` sandboxes ready (8 a core unless told), none if it is 0.

        Of a backend whose worlds start at once none are kept unless told. Without `recycle`
        each is used once, whatever the backend can do.
        """
        self.backend = backend
        self.admission = admission or Admission()
        ready = 8 * (os.cpu_count() or 1) if backend.warms else 0
        self.size = ready if size is None else size
        self.ahead: int | None = None
        """How many sandboxes will still be asked for, if anybody knows."""
        self.handed_out = 0
        self.warm = 0
        """How many of those handed out were ready."""
        self.replaced = 0
        """How many were found dead on the shelf."""
        self.recycled = 0
        """How many were made new and put back on the shelf."""
        self.spoilt = 0
        """How many could not be made new, and were closed."""
        self._shelves: dict[Key, _Shelf] = {}
        self._digests: dict[int, tuple[Image, str]] = {}
        self._group: TaskGroup | None = None
        self._recycles = recycle and backend.recycles and self.size > 0

    async def __aenter__(self) -> Self:
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        assert group is not None
        group.cancel_scope.cancel()
        try:
            await group.__aexit__(None, None, None)
        finally:
            await self._clear()

    async def open(self, image: Image, limits: Limits) -> World:
        """Hand out a ready sandbox, or start one; raises what `Admission.open` raises."""
        if self.size == 0:  # nothing is ever ready, and nobody asks what the demand is
            started = await self.admission.open(self.backend, image, limits)
            self.handed_out += 1
            return started
        shelf = self._shelf(image, limits)
        shelf.demand = shelf.demand.after_open(perf_counter())
        lease: World | None = None
        while shelf.ready and lease is None:
            lease = shelf.ready.popleft()
            if not lease.is_alive:
                self.replaced += 1
                await self._close(lease)
                lease = None
        if lease is not None:
            self.warm += 1
        else:
            await self._make_room()
            before = perf_counter()
            lease = await self.admission.open(self.backend, image, limits)
            shelf.demand = shelf.demand.after_start(perf_counter() - before)
            shelf.failed = False
        self.handed_out += 1
        if self._recycles and isinstance(lease, Lease):
            lease.take_back = partial(self._take_back, shelf)
        self._refill()
        return lease

    async def _take_back(self, shelf: _Shelf, lease: Lease) -> None:
        """Put a sandbox back on its shelf when it is new again, or close it."""
        if not self._has_use(shelf):
            await lease.aclose()
            return
        shelf.starting += 1
        try:
            again = await lease.renew()
        finally:
            shelf.starting -= 1
        if again is None:
            self.spoilt += 1
        elif self._group is None:  # closed in the meantime
            await self._close(again)
        else:
            self.recycled += 1
            if getattr(shelf.image, "python", None):
                shelf.starting += 1
                self._group.start_soon(self._shelve, shelf, again)
            else:
                shelf.ready.append(again)

    def _has_use(self, shelf: _Shelf) -> bool:
        """Whether one more of these will be asked for, and nobody else waits for its room."""
        there = len(shelf.ready) + shelf.starting
        return (
            self._group is not None
            and there < (self.size if self.ahead is None else min(self.size, self.ahead))
            and not self.admission.alive.statistics().tasks_waiting
        )

    def _shelf(self, image: Image, limits: Limits) -> _Shelf:
        known = self._digests.get(id(image))
        if known is None:
            if len(self._digests) > 10_000:  # images made for one use each
                self._digests.clear()
            known = self._digests[id(image)] = (image, image.digest)
        key = (known[1], limits)
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = _Shelf(image, limits)
        return shelf

    def _refill(self) -> None:
        """Start in the background what the shelves lack."""
        if self._group is None or self.size == 0:
            return
        now = perf_counter()
        room = self.size - sum(len(s.ready) + s.starting for s in self._shelves.values())
        if self.ahead is not None:
            room = min(room, self.ahead)
        # Who was asked for last comes first.
        for shelf in sorted(self._shelves.values(), key=lambda s: -s.demand.last):
            lacking = shelf.demand.target(now) - len(shelf.ready) - shelf.starting
            for _ in range(lacking):
                if room < 1 or shelf.failed or self.admission.busy:
                    return
                room -= 1
                shelf.starting += 1
                self._group.start_soon(self._warm_up, shelf)

    async def _warm_up(self, shelf: _Shelf) -> None:
        try:
            lease = await self.admission.open(self.backend, shelf.image, shelf.limits)
        except Exception:  # noqa: BLE001 (whoever asks next meets the error itself)
            shelf.failed = True
            shelf.starting -= 1
        except BaseException:
            shelf.starting -= 1
            raise
        else:
            await self._shelve(shelf, lease)

    async def _shelve(self, shelf: _Shelf, lease: World) -> None:
        """Make a started sandbox ready; it counts as starting until then."""
        try:
            python = getattr(shelf.image, "python", None)
            if python and isinstance(lease, Lease):
                await self._start_python(lease, python)
            shelf.ready.append(lease)
        except Exception:  # noqa: BLE001 (whoever asks next meets the error itself)
            shelf.failed = True
        finally:
            shelf.starting -= 1

    async def _start_python(self, lease: Lease, python: str) -> None:
        """Have an interpreter wait in a sandbox; what fails here will fail for who needs it."""
        from asynccode.python.wire import Interpreter  # for those who ask for it alone

        try:
            lease.interpreter = await Interpreter.start(lease.sandbox, python)
        except InputError:
            return
        except BaseException:
            await self._close(lease)
            raise

    async def _make_room(self) -> None:
        """Close a ready sandbox that nobody waits for when no more may be alive."""
        if self.admission.alive.available_tokens >= 1:
            return
        shelves = [shelf for shelf in self._shelves.values() if shelf.ready]
        if shelves:
            oldest = min(shelves, key=lambda s: s.demand.last)
            await self._close(oldest.ready.popleft())

    async def _clear(self) -> None:
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as group:
                for shelf in self._shelves.values():
                    while shelf.ready:
                        group.start_soon(self._close, shelf.ready.popleft())

    @staticmethod
    async def _close(lease: World) -> None:
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            with suppress(Exception):  # nobody's world, and its backend counts what is open
                await lease.aclose()

    def statistics(self) -> Mapping[str, int]:
        """Counts for humans and tests."""
        return {
            "ready": sum(len(shelf.ready) for shelf in self._shelves.values()),
            "starting": sum(shelf.starting for shelf in self._shelves.values()),
            "handed_out": self.handed_out,
            "warm": self.warm,
            "replaced": self.replaced,
            "recycled": self.recycled,
            "spoilt": self.spoilt,
        }
