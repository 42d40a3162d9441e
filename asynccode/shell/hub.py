"""One epoll for all sessions of a backend.

The event loop watches a single descriptor, the epoll's own; whatever becomes ready below it is
served by plain callbacks in one go. That keeps a step cheap (no registration per step), works
on every event loop that anyio knows, and holds thousands of sessions without a task each.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import anyio

BATCH = 64
"""Events served in one go, and steps begun; more would keep the loop from everybody else."""
LONG_SECONDS = 0.001
"""A step that has not ended after once or twice this time lasts."""
Callback = Callable[[int], object]


class Lasting(Protocol):
    """What may last."""

    def lasts(self) -> None:
        """Take note that it does."""
        ...


class Hub:
    """Calls back when descriptors become ready; `run` it in a task group."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callback] = {}
        self._scope = anyio.CancelScope(shield=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun = 0
        self._crowd: deque[asyncio.Future[None]] = deque()
        self._young: set[Lasting] = set()
        self._older: set[Lasting] = set()
        self._ageing = False

    def watch(self, fd: int, callback: Callback) -> None:
        """Call `callback(events)` whenever `fd` is readable or hung up, until `forget`."""
        self._callbacks[fd] = callback
        self._epoll.register(fd, select.EPOLLIN)

    def pause(self, fd: int, *, paused: bool) -> None:
        """Stop (or go on) looking at a watched `fd`, which stays watched for hang-ups."""
        self._epoll.modify(fd, 0 if paused else select.EPOLLIN)

    def forget(self, fd: int) -> None:
        """Stop watching; call before closing `fd`. Safe for one that is not watched."""
        if self._callbacks.pop(fd, None) is not None:
            with suppress(FileNotFoundError):
                self._epoll.unregister(fd)

    def turn(self) -> asyncio.Future[None] | None:
        """Give what to await if a crowd begins something at once: the loop serves others first.

        None where asyncio is not the loop.
        """
        self._begun += 1
        if self._begun <= BATCH or self._loop is None:
            return None
        if not self._crowd:
            self._loop.call_soon(self._next_round)
        turn = self._loop.create_future()
        self._crowd.append(turn)
        return turn

    def _next_round(self) -> None:
        self._begun = 0
        while self._crowd and (self._begun < BATCH or self._loop is None):
            turn = self._crowd.popleft()
            if not turn.done():
                turn.set_result(None)
                self._begun += 1
        if self._crowd and self._loop:
            self._loop.call_soon(self._next_round)

    def begin(self, what: Lasting) -> None:
        """Tell `what` when it lasts, unless its `end` comes first. One timer serves all."""
        if self._loop is None:
            what.lasts()
            return
        self._young.add(what)
        if not self._ageing:
            self._ageing = True
            self._loop.call_later(LONG_SECONDS, self._age)

    def end(self, what: Lasting) -> bool:
        """Take note that it has ended; gives whether it was short."""
        for those in (self._young, self._older):
            if what in those:
                those.remove(what)
                return True
        return False

    def _age(self) -> None:
        old, self._older, self._young = self._older, self._young, set()
        for what in old:
            what.lasts()
        self._ageing = bool(self._older) and self._loop is not None
        if self._ageing and self._loop:
            self._loop.call_later(LONG_SECONDS, self._age)

    async def run(self) -> None:
        """Serve until `stop`; a cancellation does not end it, since cleaning up needs it."""
        with self._scope:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # another library's loop: wait as anyio does
                while True:
                    await anyio.wait_readable(self._epoll)
                    self._serve()
            # asyncio can call back without waking a task: a third less time for a short step.
            loop.add_reader(self._epoll, self._serve)
            self._loop = loop
            try:
                await anyio.sleep_forever()
            finally:
                loop.remove_reader(self._epoll)
                self._loop = None  # who waits for a turn is let go by the round to come

    def _serve(self) -> None:
        self._begun = 0
        for fd, events in self._epoll.poll(0, BATCH):
            # An earlier callback of this round may have forgotten this one.
            if callback := self._callbacks.get(fd):
                callback(events)

    def stop(self) -> None:
        """End `run`."""
        self._scope.cancel()

    def close(self) -> None:
        """Close the epoll; nothing may be watched any more."""
        self._epoll.close()

    def statistics(self) -> dict[str, int]:
        """How many descriptors are watched."""
        return {"watched": len(self._callbacks)}
