"""How many episodes may run, how many sandboxes may be alive and how many may be starting.

The figures are decided by pure functions on frozen states; `Admission` carries them out with
limiters that anyone can look at through `statistics()`.

- Alive: what the machine can hold. A wait for room is bounded, so that worlds that wait for
  each other end as an error instead of never.
- Starting: additive increase, multiplicative decrease on the measured time to start.

A start that fails because the machine is exhausted (processes, memory, descriptors) halves
what may be alive and what may run, and is tried again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from time import perf_counter

import anyio
from attrs import evolve, field, frozen, validators

from asynccode.errors import BackendError
from asynccode.escapes import contained
from asynccode.images import Image
from asynccode.interfaces import Technology, World
from asynccode.lease import DatabaseLease, Lease, lease
from asynccode.machine import Machine
from asynccode.outcomes import Limits

RETRIES = 8
"""How often a start is tried again after the machine was exhausted."""
ROOM_SECONDS = 60.0
"""How long a sandbox waits when no more may be alive and none closes."""


@frozen(kw_only=True)
class Starts:
    """How many sandboxes may be starting at once, as learnt from how long starts take."""

    limit: float = 2.0
    cores: int = field(default=2, validator=validators.ge(1))
    baseline: float | None = None
    """What a start takes on an idle machine, in seconds: the best seen, slowly forgotten."""

    def after(self, seconds: float) -> Starts:
        """Give the state after a start that took `seconds`."""
        # Forgetting half a per cent a start lets the baseline follow a machine that changed.
        baseline = seconds if self.baseline is None else min(seconds, self.baseline * 1.005)
        fair = baseline * max(1.0, self.limit / self.cores)
        if seconds > 3 * fair:  # far more than sharing the cores explains
            limit = max(1.0, self.limit * 0.7)
        else:
            limit = min(4.0 * self.cores, self.limit + 1 / self.limit)
        return Starts(limit=limit, cores=self.cores, baseline=baseline)


@frozen(kw_only=True)
class Room:
    """How many may be there at once, halved when the machine was exhausted."""

    limit: int = field(validator=validators.ge(1))
    most: int = field(validator=validators.ge(1))
    good: int = 0
    """Starts that went well since the limit was last changed."""

    def after_exhaustion(self, there: int, floor: int = 1) -> Room:
        """Halve what was there (the limit if nothing was), but not below `floor`."""
        half = min(self.limit, there or self.limit) // 2
        return evolve(self, limit=min(self.limit, max(floor, half)), good=0)

    def after_success(self) -> Room:
        """Grow by one after as many good starts as the limit allows at once."""
        if self.limit >= self.most:
            return self
        if self.good + 1 < self.limit:
            return evolve(self, good=self.good + 1)
        return evolve(self, limit=self.limit + 1, good=0)


_ERRNOS = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_TEXTS = (
    *(os.strerror(number).lower() for number in sorted(_ERRNOS)),
    *(errno.errorcode[number].lower() for number in sorted(_ERRNOS)),
)


def exhausted(error: BaseException) -> bool:
    """Whether a start failed because the machine had no more to give."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _ERRNOS:
            return True
        if isinstance(seen, BackendError) and any(text in str(seen).lower() for text in _TEXTS):
            return True
        seen = seen.__cause__
    return False


class Admission:
    """The limiters of one run."""

    def __init__(self, concurrency: int | None = None, *, machine: Machine | None = None) -> None:
        machine = machine or Machine.measure()
        self.concurrency = machine.episodes(concurrency)
        """How many episodes may run at once while the machine is not exhausted."""
        most = max(machine.sandboxes, 2 * self.concurrency)
        self._seats = Room(limit=self.concurrency, most=self.concurrency)
        self._room = Room(limit=most, most=most)
        self._starts = Starts(cores=machine.cores)
        self._halvings = self._closed = 0
        self.episodes = anyio.CapacityLimiter(self.concurrency)
        self.alive = anyio.CapacityLimiter(most)
        self.starting = anyio.CapacityLimiter(int(self._starts.limit))

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a sandbox: no time to start any ahead."""
        return (
            self.starting.available_tokens < 1
            or self.alive.available_tokens < 1
            or self.starting.statistics().tasks_waiting > 0
        )

    async def open(
        self, backend: Technology, image: Image, limits: Limits
    ) -> Lease | DatabaseLease:
        """Open a sandbox when there is room for it; closing it gives the room back.

        Raises what `Backend.open` raises, and `BackendError` if there was no room in time.
        """
        for retry in range(RETRIES + 1):
            token = object()
            await self._find_room(token)
            halvings = self._halvings
            try:
                sandbox = await self._start(backend, image, limits)
            except BaseException as error:
                self._release(token)
                if retry == RETRIES or not exhausted(error):
                    raise
                # Starts that failed together halve once: those that began before it do not.
                if halvings == self._halvings:
                    self._halve()
            else:
                return lease(sandbox, partial(self._release, token))
            await anyio.sleep(min(2.0, 0.05 * 2**retry))
        raise AssertionError("unreachable")

    async def _find_room(self, token: object) -> None:
        with suppress(anyio.WouldBlock):  # mostly there is room: no clock is needed then
            self.alive.acquire_on_behalf_of_nowait(token)
            return
        closed = -1
        while closed != self._closed:
            closed = self._closed
            with anyio.move_on_after(ROOM_SECONDS):
                await self.alive.acquire_on_behalf_of(token)
                return
        raise BackendError(
            f"There was no room for another sandbox, and none was closed within {ROOM_SECONDS:g} s:"
            f" {self.alive.borrowed_tokens} are alive; lower the concurrency."
        )

    def _release(self, token: object) -> None:
        self._closed += 1
        self.alive.release_on_behalf_of(token)

    async def _start(self, backend: Technology, image: Image, limits: Limits) -> World:
        token = object()
        try:
            self.starting.acquire_on_behalf_of_nowait(token)
        except anyio.WouldBlock:
            await self.starting.acquire_on_behalf_of(token)
        try:
            before = perf_counter()
            with contained():
                sandbox = await backend.open(image, limits)
            seconds = perf_counter() - before
        finally:
            self.starting.release_on_behalf_of(token)
        self._starts = self._starts.after(seconds)
        self._room = self._room.after_success()
        self._seats = self._seats.after_success()
        self._apply()
        return sandbox

    def _halve(self) -> None:
        self._halvings += 1
        self._seats = self._seats.after_exhaustion(self.episodes.borrowed_tokens)
        # Each episode may need a second world: with less room they would wait for each other.
        floor = 2 * self._seats.limit
        self._room = self._room.after_exhaustion(self.alive.borrowed_tokens, floor)
        self._apply()

    def _apply(self) -> None:
        for limiter, limit in (
            (self.alive, self._room.limit),
            (self.episodes, self._seats.limit),
            (self.starting, int(self._starts.limit)),
        ):
            if limiter.total_tokens != limit:
                limiter.total_tokens = limit

    def statistics(self) -> Mapping[str, int]:
        """Limits and what is in use, for humans and tests."""
        return {
            "episodes": int(self.episodes.borrowed_tokens),
            "episodes_limit": int(self.episodes.total_tokens),
            "alive": int(self.alive.borrowed_tokens),
            "alive_limit": int(self.alive.total_tokens),
            "starting": int(self.starting.borrowed_tokens),
            "starting_limit": int(self.starting.total_tokens),
            "halvings": self._halvings,
        }
