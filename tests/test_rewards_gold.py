"""What gold comes to: played once, shared by all who ask, never remembered when it failed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
import pytest
from attrs import evolve

from asynccode.errors import BackendError, TaskDataError
from asynccode.interfaces import Worlds
from asynccode.outcomes import Limits
from asynccode.records import Task
from asynccode.tasks.rewards import Effect, GoldEffects
from asynccode.tasks.rewards.gold import play_gold
from asynccode.testing.fakes import FakeBackend, Faults, fake_tasks

pytestmark = pytest.mark.anyio
LIMITS = Limits(step_seconds=5.0)


def with_gold(task: Task, *actions: Any) -> Task:
    gold: Any = actions
    return evolve(task, gold=gold)


def effects() -> GoldEffects:
    async def play(task: Task, worlds: Worlds) -> Effect:
        return await play_gold(task, worlds, LIMITS)

    return GoldEffects(play)


async def keep_asking(gold: GoldEffects, task: Task, worlds: Worlds, answers: list[str]) -> None:
    try:
        answers.append((await gold.effect(task, worlds)).output)
    except (BackendError, TaskDataError) as error:
        answers.append(type(error).__name__)


async def test_gold_is_played_once_for_all_who_ask() -> None:
    (task,) = fake_tasks(1)
    gold = effects()
    answers: list[str] = []
    async with FakeBackend(Faults(slow={"run": 0.05})) as backend:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(keep_asking, gold, task, backend, answers)
        assert answers == ["0\n"] * 20
        assert (await gold.effect(task, backend)).output == "0\n"
        assert backend.statistics() == {"open": 0, "opened": 1, "peak": 1}


async def test_cancelling_the_one_who_plays_gold_does_not_break_those_who_wait() -> None:
    (task,) = fake_tasks(1)
    gold = effects()
    answers: list[str] = []
    async with FakeBackend(Faults(slow={"run": 0.05})) as backend:
        async with anyio.create_task_group() as group:

            async def leader() -> None:
                with anyio.move_on_after(0.02):
                    await keep_asking(gold, task, backend, answers)

            group.start_soon(leader)
            await anyio.wait_all_tasks_blocked()
            for _ in range(5):
                group.start_soon(keep_asking, gold, task, backend, answers)
        assert answers == ["0\n"] * 5
        assert backend.statistics() == {"open": 0, "opened": 2, "peak": 1}


async def test_cancelling_one_who_waits_disturbs_nobody() -> None:
    (task,) = fake_tasks(1)
    gold = effects()
    answers: list[str] = []
    async with FakeBackend(Faults(slow={"run": 0.05})) as backend:
        async with anyio.create_task_group() as group:
            group.start_soon(keep_asking, gold, task, backend, answers)
            await anyio.wait_all_tasks_blocked()
            with anyio.move_on_after(0.01):
                await gold.effect(task, backend)
        assert answers == ["0\n"]
        assert backend.opened == 1


async def test_a_broken_world_is_not_remembered_and_the_next_in_line_tries_anew() -> None:
    (task,) = fake_tasks(1)
    gold = effects()
    answers: list[str] = []
    async with FakeBackend(Faults(slow={"open": 0.01}, fail={"run": 1})) as backend:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(keep_asking, gold, task, backend, answers)
        assert sorted(answers) == ["0\n", "0\n", "BackendError"]
        assert backend.statistics() == {"open": 0, "opened": 2, "peak": 1}


async def test_gold_that_fails_by_its_own_fault_fails_for_all_who_wait_but_is_not_remembered() -> (
    None
):
    (task,) = fake_tasks(1, gold="hang")
    answers: list[str] = []
    played = []

    async def play(task: Task, worlds: Worlds) -> Effect:
        played.append(task)
        return await play_gold(task, worlds, Limits(step_seconds=0.05))

    gold = GoldEffects(play)
    async with FakeBackend() as backend:
        for times in (1, 2):
            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(keep_asking, gold, task, backend, answers)
            assert len(played) == times
        assert answers == ["TaskDataError"] * 8
        assert backend.statistics()["open"] == 0


async def test_another_backend_may_have_another_gold() -> None:
    (task,) = fake_tasks(1)
    gold = effects()
    async with FakeBackend() as one, FakeBackend() as other:
        for backend in (one, other, one):
            await gold.effect(task, backend)
        assert (one.opened, other.opened) == (1, 1)


async def test_the_answer_of_a_gold_is_its_last_output_and_its_status_is_its_own() -> None:
    (task,) = fake_tasks(1)
    several = with_gold(task, "echo one", "set x two", "get x", "cat nothing")
    async with FakeBackend() as backend:
        effect = await effects().effect(several, backend)
    assert effect.output == "cat: nothing: No such file or directory\n"


async def test_a_gold_that_meets_a_limit_names_the_task_the_action_and_the_outcome() -> None:
    (task,) = fake_tasks(1)
    several = with_gold(task, "echo 1", "hang")
    async with FakeBackend() as backend:
        with pytest.raises(
            TaskDataError, match=r"'t0'.*action 2 of its gold ended as timeout.*mend"
        ):
            await play_gold(several, backend, Limits(step_seconds=0.05))
        assert backend.statistics()["open"] == 0


async def test_a_task_without_gold_cannot_be_scored() -> None:
    async with FakeBackend() as backend:
        with pytest.raises(TaskDataError, match="'bare' cannot be scored: give it a gold"):
            await effects().effect(Task(id="bare", query="?"), backend)


async def test_cancelling_gold_closes_its_world() -> None:
    (task,) = fake_tasks(1)
    for phase in ("open", "session", "run", "exec", "changes"):
        async with FakeBackend(Faults(slow={phase: 60.0})) as backend:
            with anyio.move_on_after(0.02), suppress(BackendError):
                await play_gold(task, backend, LIMITS)
            assert backend.statistics()["open"] == 0, phase
