"""A bounded set of threads that statements run in, and the watch over what runs.

On asyncio a thread is aiosqlite's: a worker is an `aiosqlite.Connection` whose own connection
is a `Desk`, which does whatever job it is handed in place of a statement, so one thread serves
the databases of all episodes. aiosqlite speaks to asyncio alone: on trio the same jobs run in
anyio's threads, under a limiter of our own.

Short statements share as many threads as there are cores: more would only wait for each other.
A statement that takes longer gives its place to the next, up to `THREADS`. Places are handed
out in the order of asking, and an episode asks for one at a time, so that is fair.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, TypeVar, cast

import aiosqlite
import anyio
import anyio.to_thread
import sniffio

from asynccode.backends.litedb.connections import Running
from asynccode.errors import BackendError
from asynccode.outcomes import MiB, Outcome

T = TypeVar("T")

THREADS = 32
"""The most threads of one backend."""
LONG = 0.05
"""Seconds after which a statement no longer counts as short."""
TICK = 0.02
"""Seconds between two looks at what runs."""
MEMORY = 1024 * MiB
"""How much this process may grow during a long statement: then all long ones are stopped."""
STUCK = 60.0
"""Seconds that a stopped statement may take to end. Between two steps of SQLite it ends at once,
and no step on values as long as are allowed takes that long."""


class Desk(sqlite3.Connection):
    """What a worker takes for its connection: it does jobs."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Do the one job that is handed over as the parameter."""
        (job,) = parameters
        return Done(job())


class Done:
    """What a worker takes for a cursor."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def fetchall(self) -> Any:
        """Give what the job gave."""
        return self.value


class Workers:
    """Threads for one backend; `start` and `aclose` in the same event loop."""

    def __init__(self) -> None:
        self._short = min(4, len(os.sched_getaffinity(0)))
        self.places = anyio.CapacityLimiter(self._short)
        self._threads = anyio.CapacityLimiter(THREADS)
        self._idle: list[aiosqlite.Connection] = []
        self._all: list[aiosqlite.Connection] = []
        self._running: set[Running] = set()
        self._wake: anyio.Event | None = None
        self._is_asyncio = sniffio.current_async_library() == "asyncio"

    @property
    def threads(self) -> int:
        """How many threads there are."""
        return len(self._all)

    async def run(self, job: Callable[[], T], running: Running) -> T:
        """Do a job in a thread; raises what it raises. Cancelling stops its statement."""
        try:
            self.places.acquire_on_behalf_of_nowait(running)  # the job itself lets others run
        except anyio.WouldBlock:
            await self.places.acquire_on_behalf_of(running)
        try:
            running.began = perf_counter()
            self._running.add(running)
            if self._wake is not None:
                self._wake.set()
            if not self._is_asyncio:
                return await self._in_thread(job, running)
            worker = self._idle.pop() if self._idle else await self._hire()
            return await self._at(worker, job, running)
        finally:
            self._running.discard(running)
            self.places.release_on_behalf_of(running)

    async def _hire(self) -> aiosqlite.Connection:
        worker = aiosqlite.Connection(
            lambda: sqlite3.connect(":memory:", factory=Desk, check_same_thread=False), 64
        )
        with anyio.CancelScope(shield=True):
            await worker
        self._all.append(worker)
        return worker

    async def _at(self, worker: aiosqlite.Connection, job: Callable[[], T], running: Running) -> T:
        """Hand the job over. A worker is idle again when it has done it, not before."""
        ended = False

        def mark() -> T:
            nonlocal ended
            try:
                return job()
            finally:
                ended = True

        try:
            done: Any = await worker.execute_fetchall("", (mark,))
            return cast("T", done)
        except anyio.get_cancelled_exc_class():
            await self._until(lambda: ended, running)
            raise
        finally:
            if ended:
                self._idle.append(worker)

    async def _until(self, ended: Callable[[], bool], running: Running) -> None:
        """Stop a cancelled statement and wait for its end, whatever is cancelled meanwhile."""
        with anyio.move_on_after(STUCK, shield=True) as clock:
            while not ended():
                running.stop(Outcome.KILLED)
                await anyio.sleep(0.001)
        if clock.cancelled_caught:
            raise BackendError(f"A statement did not end within {STUCK:g} s of being stopped.")

    async def _in_thread(self, job: Callable[[], T], running: Running) -> T:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._stop_when_cancelled, running)
                with anyio.CancelScope(shield=True):
                    result = await anyio.to_thread.run_sync(job, limiter=self._threads)
                group.cancel_scope.cancel()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return result

    @staticmethod
    async def _stop_when_cancelled(running: Running) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            running.stop(Outcome.KILLED)

    async def watch(self) -> None:
        """Stop what runs too long, and let others in beside what runs long; until cancelled."""
        base = 0
        while True:
            if not self._running:
                base = 0
                self._wake = anyio.Event()
                await self._wake.wait()
                self._wake = None
            await anyio.sleep(TICK)
            now = perf_counter()
            long = [one for one in self._running if now - one.began > LONG]
            places = min(THREADS, self._short + len(long))
            if self.places.total_tokens != places:
                self.places.total_tokens = places
            if not long:
                base = 0
                continue
            base = base or _resident()
            swollen = _resident() - base > MEMORY
            for one in long:
                if one.reason is not None:
                    one.stop(one.reason)
                elif now - one.began > one.bounds.seconds:
                    one.stop(Outcome.TIMEOUT)
                elif swollen:
                    one.stop(Outcome.MEMORY_LIMIT)
                elif _wrote_too_much(one):
                    one.stop(Outcome.DISK_LIMIT)

    async def aclose(self) -> None:
        """End the threads."""
        while self._all:
            worker = self._all.pop()
            with suppress(Exception):
                await worker.close()
        self._idle.clear()


def _resident() -> int:
    """Give the memory of this process, in bytes."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _wrote_too_much(running: Running) -> bool:
    """Whether a statement's thread has written more to temporary files than it may."""
    if running.thread is None:
        return False
    try:
        with open(f"/proc/self/task/{running.thread}/io", "rb") as file:
            written = next(int(line.split()[1]) for line in file if line.startswith(b"wchar:"))
    except (OSError, StopIteration):
        return False
    if running.written is None:
        running.written = written
    return written - running.written > running.bounds.disk_bytes
