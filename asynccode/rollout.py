"""Many episodes in one event loop, results in completion order.

    async with asynccode.rollout("bash", "gold", attempts=4) as episodes:
        async for episode in episodes:
            print(episode.task_id, episode.reward)

Leaving the block early cancels what still runs and leaves nothing behind. Jobs go task by
task, all attempts of one next to each other, so that groups are complete early and the pool
has few images to keep warm. A slow consumer slows the run: no more than a handful of
finished episodes wait for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio.streams.memory import MemoryObjectSendStream
from attrs import define, evolve, field

from asynccode import registry
from asynccode.admission import Admission
from asynccode.beginnings import Beginnings
from asynccode.budget import Budget
from asynccode.episode import Running, play
from asynccode.errors import BackendError, InputError
from asynccode.escapes import Guarded, collapsed, contained, holds
from asynccode.feedback import Feedback
from asynccode.images import Image
from asynccode.interfaces import Policy, Suite, Technology, World, Worlds
from asynccode.machine import Machine
from asynccode.outcomes import Limits
from asynccode.pool import Pool
from asynccode.records import Episode, StopReason, Task
from asynccode.statistics import Statistics

WAITING = 16
"""Finished episodes that may wait for the consumer before the run waits for it."""


@define(kw_only=True, eq=False)
class Rollout:
    """A run: iterate over it once. Made by `rollout`."""

    suite: Suite
    backend: Technology
    policy: Policy
    limits: Limits
    max_turns: int
    budget: Budget | None
    feedback: Feedback
    admission: Admission
    pool: Pool
    statistics: Statistics
    _worlds: Worlds
    _jobs: Iterator[tuple[Task, int]]
    _draining: bool = False
    _sent: int = 0
    """Episodes that were given to the consumer, or wait for it."""
    _beginnings: Beginnings = field(init=False)
    _broken: BaseException | None = None
    _stream: AsyncIterator[Episode] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._beginnings = Beginnings(self.statistics, self.pool)

    def drain(self) -> None:
        """Start no more episodes; iteration ends when those that run have ended."""
        self._draining = True

    def __aiter__(self) -> AsyncIterator[Episode]:
        return self

    async def __anext__(self) -> Episode:
        try:
            return await anext(self._stream)
        except StopAsyncIteration:
            if self._broken is not None:
                raise self._broken from None
            raise

    async def _work(self, send: MemoryObjectSendStream[Episode]) -> None:
        """Play all jobs; an error of the run itself waits for the consumer to meet it."""
        workers = min(self.admission.concurrency, self.statistics.total)
        with send:  # closed last: who hears of the end meets what broke the run
            try:
                with collapsed():
                    async with anyio.create_task_group() as watching:
                        watching.start_soon(self._beginnings.watch)
                        async with anyio.create_task_group() as group:
                            for number in range(workers):
                                group.start_soon(self._worker, send, group.cancel_scope)
                                if number % 16 == 15:  # a thousand at once would hold up all else
                                    await anyio.lowlevel.checkpoint()
                        watching.cancel_scope.cancel()
            except Exception as error:  # noqa: BLE001 (raised again where the consumer is)
                self._broken = error
            finally:
                self._check_is_whole()
                self.statistics.ended = perf_counter()

    def _check_is_whole(self) -> None:
        """Whatever ended the workers: a run that has lost episodes is not one that is done."""
        expected = self.statistics.started if self._draining else self.statistics.total
        if self._broken is None and self._sent < expected:
            self._broken = BackendError(
                f"The run has lost {expected - self._sent} of {expected} episodes: something"
                " cancelled its tasks from outside."
            )

    async def _worker(self, send: MemoryObjectSendStream[Episode], run: anyio.CancelScope) -> None:
        try:
            await self._episodes(send)
        except BaseException as error:
            if not holds(error, KeyboardInterrupt):
                raise
            # In a task it would break asyncio's loop: the consumer raises it.
            self._broken = KeyboardInterrupt()
            run.cancel()

    async def _episodes(self, send: MemoryObjectSendStream[Episode]) -> None:
        statistics = self.statistics
        while not self._draining:
            async with self.admission.episodes:
                job = None if self._draining else next(self._jobs, None)
                if job is None:
                    return
                statistics.started += 1
                self.pool.ahead = statistics.total - statistics.started
                episode = await self._play(*job)
                if episode.stop_reason is StopReason.HARNESS_ERROR:
                    statistics.retried += 1
                    lost, episode = episode, await self._play(*job)
                    # What the lost try cost was paid all the same.
                    episode = evolve(
                        episode,
                        tokens_in=episode.tokens_in + lost.tokens_in,
                        tokens_out=episode.tokens_out + lost.tokens_out,
                    )
            statistics.finished.add(episode)
            await send.send(episode)
            self._sent += 1

    async def _play(self, task: Task, attempt: int) -> Episode:
        running = Running(task_id=task.id, attempt=attempt, start=anyio.CancelScope())
        self.statistics.begin(running)
        try:
            episode = await play(
                task,
                suite=self.suite,
                backend=self.backend.name,
                policy=self.policy,
                worlds=self._worlds,
                attempt=attempt,
                limits=self.limits,
                max_turns=self.max_turns,
                budget=self.budget,
                feedback=self.feedback,
                running=running,
            )
        finally:
            self.statistics.end(running)
        self._beginnings.note(running, episode.error)
        return episode


@asynccontextmanager
async def rollout(
    suite: Suite | str,
    policy: Policy | str,
    *,
    backend: Technology | str | None = None,
    attempts: int = 1,
    concurrency: int | None = None,
    limits: Limits | None = None,
    max_turns: int = 10,
    budget: Budget | None = None,
    feedback: Feedback | str = Feedback.HIDDEN,
    seed: int = 0,
    limit: int | None = None,
    done: AbstractSet[tuple[str, int]] = frozenset(),
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    dialect: str | None = None,
    pool_size: int | None = None,
    recycle: bool = True,
) -> AsyncIterator[Rollout]:
    """Play `attempts` episodes of each task and yield an async iterator of the episodes.

    Names are looked up in the registry (`data`, `compat` and `base` go to the suite's loader,
    `seed` to both, if they take one) and what they name is closed at the end; objects stay the
    caller's. `limits` replaces the suite's; `budget` is what an episode may spend beside turns
    and time; `feedback` is how much the policy is told (`asynccode.feedback`); `limit` takes the
    first tasks only; `done` holds (task id, attempt) pairs to leave out; `pool_size` is the most
    sandboxes kept ready; with `recycle` a sandbox is used again where that can be verified.

    One failing episode never fails the run. A harness error is retried once in a new world,
    then yielded with reward None. Raises `InputError` for input that cannot be used,
    `Unavailable` if the backend cannot work here, and, from the iteration, `BackendError` if
    20 worlds in a row could not be made.
    """
    for name, value in (("attempts", attempts), ("max_turns", max_turns), ("limit", limit)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1, not {value}.")
    if feedback not in list(Feedback):
        raise InputError(f"There is no feedback {feedback!r}: there are {', '.join(Feedback)}.")
    with collapsed():
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            if isinstance(suite, str):
                load = partial(
                    registry.load_suite,
                    suite,
                    data=data,
                    compat=compat,
                    base=base,
                    dialect=dialect,
                    seed=seed,
                )
                suite = await anyio.to_thread.run_sync(load)
            if isinstance(policy, str):
                policy = await enter(Guarded(registry.load_policy(policy, seed=seed)))
            backend = suite.backend if backend is None else backend
            if isinstance(backend, str):
                backend = await enter(Guarded(registry.load_technology(backend)))
            jobs = [
                (task, attempt)
                for task in suite.tasks[:limit]
                for attempt in range(attempts)
                if (task.id, attempt) not in done
            ]
            machine = await anyio.to_thread.run_sync(Machine.measure)
            admission = Admission(concurrency, machine=machine)
            await prepare(backend, (task.image for task, _ in jobs))
            pool = Pool(backend, admission, size=pool_size, recycle=recycle)
            await enter(pool)
            run = Rollout(
                suite=suite,
                backend=backend,
                policy=policy,
                limits=limits or suite.limits,
                max_turns=max_turns,
                budget=budget,
                feedback=Feedback(feedback),
                admission=admission,
                pool=pool,
                statistics=Statistics(total=len(jobs), sandboxes=pool.statistics),
                worlds=pool if limits is None else _Limited(pool, limits),
                jobs=iter(jobs),
            )
            send, receive = anyio.create_memory_object_stream[Episode](WAITING)
            run._stream = await enter(receive)  # noqa: SLF001 (its maker)
            group = await enter(anyio.create_task_group())
            stack.callback(group.cancel_scope.cancel)
            group.start_soon(run._work, send)  # noqa: SLF001
            yield run


async def prepare(backend: Technology, images: Iterable[Image]) -> dict[str, str]:
    """Build the images that are not built yet; give what was built by image digest.

    Raises `ImageError` or `Unavailable`, as `Backend.prepare` does.
    """
    # Tasks mostly share image objects; hashing each of those once is enough.
    distinct = {image.digest: image for image in {id(i): i for i in images}.values()}
    built: dict[str, str] = {}
    at_once = anyio.CapacityLimiter(4)

    async def build(digest: str, image: Image) -> None:
        async with at_once:
            with contained():
                built[digest] = await backend.prepare(image)

    with collapsed():
        async with anyio.create_task_group() as group:
            for digest, image in distinct.items():
                group.start_soon(build, digest, image)
    return dict(sorted(built.items()))


class _Limited:
    """Worlds in which the run's limits hold, whatever the suite's are."""

    def __init__(self, worlds: Worlds, limits: Limits) -> None:
        self._worlds = worlds
        self._limits = limits

    async def open(self, image: Image, limits: Limits) -> World:
        return await self._worlds.open(image, self._limits)
