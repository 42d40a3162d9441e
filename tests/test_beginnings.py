"""Whether a run's episodes begin: waiting in turn is no failure, hanging is one."""

from __future__ import annotations

import sys
from functools import partial

import pytest

import asynccode
from asynccode.beginnings import BROKEN_AFTER, Beginnings
from asynccode.errors import BackendError, TaskDataError
from asynccode.interfaces import Environment, Worlds
from asynccode.policies import Gold
from asynccode.records import Episode, StopReason, Task
from asynccode.rollout import Rollout
from asynccode.testing.fakes import FakeBackend, FakeSuite, Faults

pytestmark = pytest.mark.anyio


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs give a world up when none has become ready for 0.3 s."""
    module = sys.modules[Rollout.__module__]  # the package has a function of its name
    monkeypatch.setattr(module, "Beginnings", partial(Beginnings, patience=0.3))


async def collect(run: Rollout) -> list[Episode]:
    return [episode async for episode in run]


@pytest.mark.usefixtures("impatient")
async def test_many_that_wait_for_slow_starts_all_begin() -> None:
    backend = FakeBackend(Faults(slow={"open": 0.06}))
    async with asynccode.rollout(
        FakeSuite(60), Gold(), backend=backend, concurrency=60, pool_size=0
    ) as run:
        episodes = await collect(run)
    assert run.statistics.summary()["wall_seconds"] > 0.4, "the last waited beyond the patience"
    assert [episode.error for episode in episodes] == [None] * 60


@pytest.mark.usefixtures("impatient")
async def test_worlds_that_hang_stop_the_run_with_what_can_be_done() -> None:
    backend = FakeBackend(Faults(slow={"open": 60.0}))
    with pytest.raises(BackendError, match=r"20 worlds in a row.*not ready.*--concurrency"):
        async with asynccode.rollout(
            FakeSuite(60), Gold(), backend=backend, concurrency=30, pool_size=0
        ) as run:
            await collect(run)


class Faulty(FakeSuite):
    """Its first task has no gold that can be played."""

    def environment(self, task: Task, worlds: Worlds) -> Environment:
        if task.id == "t0":
            raise TaskDataError("Task 't0' cannot be scored: give it a gold.")
        return super().environment(task, worlds)


async def test_a_faulty_task_stops_no_run_and_says_what_is_wrong() -> None:
    attempts = 2 * BROKEN_AFTER
    async with asynccode.rollout(
        Faulty(3), Gold(), backend=FakeBackend(), attempts=attempts, concurrency=4
    ) as run:
        episodes = await collect(run)
    lost = [e for e in episodes if e.stop_reason is StopReason.HARNESS_ERROR]
    assert len(episodes) == 3 * attempts
    assert {(e.task_id, e.error) for e in lost} == {
        ("t0", "Task 't0' cannot be scored: give it a gold.")
    }
