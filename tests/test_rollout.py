from __future__ import annotations

from typing import Any

import anyio
import pytest

import asynccode
from asynccode.beginnings import BROKEN_AFTER
from asynccode.errors import BackendError, ImageError, InputError, Unavailable
from asynccode.escapes import collapsed
from asynccode.interfaces import Environment, Policy, Worlds
from asynccode.outcomes import Limits
from asynccode.policies import Gold, Scripted
from asynccode.records import Action, Episode, StopReason, Submit, Task, Turn
from asynccode.rollout import WAITING, Rollout
from asynccode.testing.fakes import FakeBackend, FakeSuite, Faults, fake_tasks

pytestmark = pytest.mark.anyio


async def collect(run: Rollout) -> list[Episode]:
    return [episode async for episode in run]


async def test_every_episode_is_played_and_nothing_is_left() -> None:
    backend = FakeBackend()
    async with asynccode.rollout(FakeSuite(50), Gold(), backend=backend, attempts=3) as run:
        episodes = await collect(run)
    assert len(episodes) == 150
    assert all(episode.solved for episode in episodes)
    assert {(e.task_id, e.attempt) for e in episodes} == {
        (f"t{task}", attempt) for task in range(50) for attempt in range(3)
    }
    assert backend.statistics()["open"] == 0
    assert run.statistics.finished.solved == 150
    assert run.statistics.finished.steps == 300
    assert run.statistics.running == {}
    assert run.statistics.ended is not None
    assert run.admission.statistics()["alive"] == 0


async def test_names_are_looked_up() -> None:
    async with asynccode.rollout(
        "asynccode.testing.fakes:FakeSuite",
        "gold",
        backend="asynccode.testing.fakes:FakeBackend",
        limit=3,
    ) as run:
        episodes = await collect(run)
    assert sorted(e.task_id for e in episodes) == ["t0", "t1", "t2"]
    assert all(e.solved and e.backend == "fake" and e.suite == "fake" for e in episodes)


async def test_results_come_in_completion_order() -> None:
    class InTurn(Gold):
        """Goes on with a task when that of the number before has been given."""

        async def act(self, turn: Turn) -> Action:
            await given[int(turn.task.id[1:])].wait()
            return await super().act(turn)

    given = [anyio.Event() for _ in range(5)]
    given[0].set()
    suite = FakeSuite(fake_tasks(4)[::-1])
    with anyio.fail_after(20):
        async with asynccode.rollout(suite, InTurn(), backend=FakeBackend()) as run:
            async for episode in run:
                given[int(episode.task_id[1:]) + 1].set()
    assert all(event.is_set() for event in given)


async def test_jobs_go_task_by_task() -> None:
    async with asynccode.rollout(
        FakeSuite(3), Gold(), backend=FakeBackend(), attempts=2, concurrency=1
    ) as run:
        order = [(e.task_id, e.attempt) async for e in run]
    assert order == [("t0", 0), ("t0", 1), ("t1", 0), ("t1", 1), ("t2", 0), ("t2", 1)]


async def test_no_more_run_at_once_than_asked_for() -> None:
    backend = FakeBackend(Faults(slow={"run": 0.01}))
    async with asynccode.rollout(
        FakeSuite(20), Gold(), backend=backend, concurrency=4, pool_size=0
    ) as run:
        await collect(run)
    assert run.statistics.peak_concurrency == 4
    assert backend.peak == 4


async def test_finished_pairs_are_left_out() -> None:
    done = {("t0", 0), ("t1", 1)}
    async with asynccode.rollout(
        FakeSuite(2), Gold(), backend=FakeBackend(), attempts=2, done=done
    ) as run:
        assert run.statistics.total == 2
        left = {(e.task_id, e.attempt) async for e in run}
    assert left == {("t0", 1), ("t1", 0)}


async def test_nothing_to_do_ends_at_once() -> None:
    async with asynccode.rollout(FakeSuite(0), Gold(), backend=FakeBackend()) as run:
        assert await collect(run) == []


async def test_a_harness_error_is_retried_in_a_new_sandbox() -> None:
    backend = FakeBackend(Faults(fail={"run": 1}))
    async with asynccode.rollout(FakeSuite(1), Gold(), backend=backend, pool_size=0) as run:
        (made,) = await collect(run)
    assert made.solved
    assert made.error is None
    assert backend.opened == 2
    assert run.statistics.retried == 1


async def test_a_second_harness_error_is_recorded_without_reward() -> None:
    backend = FakeBackend(Faults(fail={"run": 2}))
    async with asynccode.rollout(FakeSuite(1), Gold(), backend=backend) as run:
        (made,) = await collect(run)
    assert made.stop_reason is StopReason.HARNESS_ERROR
    assert made.reward is None
    assert run.statistics.finished.harness_errors == 1


class FailsOften(Policy):
    async def act(self, turn: Turn) -> Action:
        if int(turn.task.id[1:]) % 2:
            raise RuntimeError("no")
        return turn.task.gold[0] if not turn.steps else Submit()


async def test_one_failing_episode_never_fails_the_run() -> None:
    async with asynccode.rollout(FakeSuite(10), FailsOften(), backend=FakeBackend()) as run:
        episodes = await collect(run)
    reasons = [e.stop_reason for e in episodes]
    assert reasons.count(StopReason.POLICY_ERROR) == 5
    assert reasons.count(StopReason.SUBMITTED) == 5


async def test_a_broken_run_stops_with_one_sentence() -> None:
    backend = FakeBackend(Faults(fail={"open": 10_000}))
    got: list[Episode] = []
    async with asynccode.rollout(FakeSuite(1000), Gold(), backend=backend) as run:
        with pytest.raises(  # noqa: PT012 (the loop is what raises)
            BackendError, match="20 worlds in a row could not be made; the last"
        ):
            async for episode in run:
                got.append(episode)  # noqa: PERF401 (what came before the error counts)
    assert len(got) <= BROKEN_AFTER
    assert all(e.reward is None for e in got)
    assert backend.faults.entered["open"] < 400


async def test_starts_that_fail_now_and_then_are_no_broken_run() -> None:
    backend = FakeBackend(Faults(fail={"session": BROKEN_AFTER - 1}))
    async with asynccode.rollout(FakeSuite(100), Gold(), backend=backend, concurrency=1) as run:
        episodes = await collect(run)
    assert len(episodes) == 100
    assert sum(e.reward is None for e in episodes) == (BROKEN_AFTER - 1) // 2


@pytest.mark.parametrize("phase", ["prepare", "open"])
async def test_an_unavailable_backend_stops_the_run(phase: str) -> None:
    backend = FakeBackend(Faults(fail={phase: 10_000}, error=Unavailable, text="not here"))
    with pytest.raises(Unavailable, match="not here"):
        async with asynccode.rollout(FakeSuite(100), Gold(), backend=backend) as run:
            await collect(run)
    assert backend.statistics()["open"] == 0


async def test_an_image_that_cannot_be_built_stops_the_run_before_it_begins() -> None:
    class Unbuildable(FakeBackend):
        async def prepare(self, image: asynccode.Image) -> str:
            raise ImageError("no such base")

    with pytest.raises(ImageError, match="no such base"):
        async with asynccode.rollout(FakeSuite(3), Gold(), backend=Unbuildable()):
            raise AssertionError("not reached")


async def test_a_slow_consumer_slows_the_run() -> None:
    async with asynccode.rollout(
        FakeSuite(500), Gold(), backend=FakeBackend(), concurrency=4, pool_size=0
    ) as run:
        assert (await anext(run)).solved
        await anyio.sleep(0.2)
        # One was taken; the rest wait in the buffer and in the hands of four workers.
        assert run.statistics.started <= 1 + WAITING + 4
        assert len([e async for e in run]) == 499


async def test_leaving_early_cancels_the_rest() -> None:
    backend = FakeBackend()
    suite = FakeSuite(fake_tasks(20, gold="sleep 60"))
    with anyio.fail_after(5):
        async with asynccode.rollout(suite, Gold(), backend=backend) as run:
            while backend.faults.entered["run"] < 20:
                await anyio.sleep(0.01)
    assert backend.statistics()["open"] == 0
    assert run.statistics.running == {}


async def test_the_callers_own_error_comes_out_as_it_is() -> None:
    backend = FakeBackend()
    with pytest.raises(KeyError, match="mine"):  # noqa: PT012 (the block is what is tested)
        async with asynccode.rollout(FakeSuite(20), Gold(), backend=backend) as run:
            async for _ in run:
                raise KeyError("mine")
    assert backend.statistics()["open"] == 0


async def test_draining_finishes_what_runs_and_starts_no_more() -> None:
    backend = FakeBackend(Faults(slow={"run": 0.02}))
    async with asynccode.rollout(
        FakeSuite(100), Gold(), backend=backend, concurrency=5, pool_size=0
    ) as run:
        first = await anext(run)
        run.drain()
        rest = await collect(run)
    assert first.solved
    assert all(episode.solved for episode in rest)
    assert 1 + len(rest) == run.statistics.started <= 10
    assert backend.statistics()["open"] == 0


async def test_limits_of_the_run_replace_the_suites() -> None:
    seen: list[Limits] = []

    class Watching(FakeBackend):
        async def open(self, image: asynccode.Image, limits: Limits) -> asynccode.Sandbox:
            seen.append(limits)
            return await super().open(image, limits)

    limits = Limits(step_seconds=0.05)
    async with asynccode.rollout(
        FakeSuite(1), Scripted("hang", "echo 0"), backend=Watching(), limits=limits
    ) as run:
        (made,) = await collect(run)
    assert made.solved
    assert made.steps[0].outcome == "timeout"
    assert set(seen) == {limits}


@pytest.mark.parametrize("name", ["attempts", "max_turns", "concurrency", "limit"])
async def test_figures_below_one_are_refused(name: str) -> None:
    figures: dict[str, Any] = {name: 0}
    with pytest.raises(InputError, match=f"{name} must be at least 1, not 0"):
        async with asynccode.rollout(FakeSuite(1), Gold(), backend=FakeBackend(), **figures):
            raise AssertionError("not reached")


async def test_objects_stay_the_callers() -> None:
    class Counting(Gold):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    policy = Counting()
    backend = FakeBackend()
    for _ in range(2):
        async with asynccode.rollout(FakeSuite(2), policy, backend=backend) as run:
            assert len(await collect(run)) == 2
    assert policy.closed == 0


async def test_an_environment_may_need_a_second_world() -> None:
    """Worlds to score in do not wait for ever for episodes that wait for them."""

    class Twice(FakeSuite):
        def environment(self, task: Task, worlds: Worlds) -> Environment:
            return TwoWorlds(task, worlds, self.limits)

    from asynccode.testing.fakes import FakeEnvironment

    class TwoWorlds(FakeEnvironment):
        async def step(self, action: Action) -> asynccode.StepResult:
            async with await self._worlds.open(self._task.image, self._limits):
                return await super().step(action)

    backend = FakeBackend(Faults(slow={"run": 0.01}))
    with anyio.fail_after(20):
        async with asynccode.rollout(Twice(64), Gold(), backend=backend, concurrency=64) as run:
            assert all(e.solved for e in await collect(run))
    assert backend.statistics()["open"] == 0


def test_equal_errors_collapse_and_different_ones_do_not() -> None:
    with pytest.raises(ValueError, match="a"), collapsed():
        raise ExceptionGroup("", [ValueError("a"), ExceptionGroup("", [ValueError("b")])])
    with pytest.raises(ExceptionGroup), collapsed():
        raise ExceptionGroup("", [ValueError("a"), KeyError("b")])
