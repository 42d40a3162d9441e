"""SQL suites: our own on every backend, InterCode's, Spider's release; and their data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attrs import evolve

from asynccode.backends.sqlite import SqliteBackend
from asynccode.databases import DatabaseBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.interfaces import Suite
from asynccode.policies import Gold, Noop, Scripted
from asynccode.records import Action, StepResult, Submit, Task
from asynccode.registry import backend_class, load_databases, load_suite
from asynccode.rollout import rollout
from asynccode.tasks.sql.loader import build, read_tasks
from asynccode.tasks.sql.suite import SqlSuite
from tests.conftest import unavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend(nothing_leaks: None) -> AsyncIterator[SqliteBackend]:
    async with SqliteBackend() as made:
        yield made


async def play(
    backend: DatabaseBackend, *actions: Action, task: Task | str = "library-01"
) -> StepResult:
    """Play actions in one task of ours; give the last step's result."""
    suite = load_suite("sql")
    assert isinstance(suite, SqlSuite)
    if isinstance(task, str):
        task = next(one for one in suite.tasks if one.id == task)
    environment = suite.environment(task, backend)
    try:
        await environment.reset()
        for action in actions:
            result = await environment.step(action)
        return result
    finally:
        await environment.aclose()


async def rewards(
    suite: Suite, policy: Gold | Noop | Scripted, backend: DatabaseBackend
) -> dict[str, float | None]:
    async with rollout(suite, policy, backend=backend, concurrency=16) as episodes:
        return {e.task_id: e.reward async for e in episodes}


def test_there_are_forty_tasks_over_four_databases_with_reads_and_writes() -> None:
    tasks = load_suite("sql").tasks
    assert len(tasks) >= 40
    assert len({task.metadata["database"] for task in tasks}) >= 4
    words = {task.gold[0].split()[0] for task in tasks}
    assert {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER"} <= words


@pytest.mark.parametrize("name", ["sqlite", "postgres"])
async def test_gold_earns_everything_and_nothing_earns_nothing(
    name: str, anyio_backend_name: str
) -> None:
    if name != "sqlite" and anyio_backend_name == "trio":
        pytest.skip("its driver speaks to asyncio alone")
    health = await backend_class(name).probe()
    if not health.available:
        unavailable(name, health.reason or "")
    suite = load_suite("sql")
    async with load_databases(name) as backend:
        assert set((await rewards(suite, Gold(), backend)).values()) == {1.0}
        if name != "sqlite":
            return  # the rest says nothing about an engine
        idle = await rewards(suite, Noop(), backend)
        assert max(reward or 0 for reward in idle.values()) <= 0.5
        empty = await rewards(suite, Scripted(Submit(answer="")), backend)
        assert max(reward or 0 for reward in empty.values()) <= 0.5


async def test_the_last_result_is_the_answer(backend: SqliteBackend) -> None:
    gold = next(t for t in load_suite("sql").tasks if t.id == "library-01").gold[0]
    assert (await play(backend, gold, Submit())).reward == 1.0
    assert (await play(backend, gold, "SELECT 1", Submit())).reward == 0.0
    assert (await play(backend, gold, "SELEC", Submit())).reward == 0.0
    backwards = gold + " DESC"
    assert (await play(backend, backwards, Submit())).reward == 0.0
    partly = gold + " LIMIT 2"
    assert (await play(backend, partly, Submit())).reward == pytest.approx(0.5)


async def test_an_answer_may_be_text(backend: SqliteBackend) -> None:
    answer = "A Map of Rain\nThe Quiet Engine\nNine Bridges\nSmall Machines\n"
    assert (await play(backend, Submit(answer=answer))).reward == 1.0
    assert (await play(backend, Submit(answer=" "))).reward == 0.0


async def test_a_change_where_none_was_asked_for_takes_the_reward(backend: SqliteBackend) -> None:
    gold = next(t for t in load_suite("sql").tasks if t.id == "library-01").gold[0]
    result = await play(backend, "DELETE FROM loan WHERE id = 1", gold, Submit())
    assert result.reward == 0.0
    assert result.info["reward_parts"] == {"rows": 1.0, "order": 1.0, "state": 0.0, "reward": 0.0}
    undone = await play(
        backend, "BEGIN", "DELETE FROM loan", "ROLLBACK", "CREATE TEMP TABLE x (y)", gold, Submit()
    )
    assert undone.reward == 1.0


async def test_a_state_task_is_paid_by_what_is_there_in_the_end(backend: SqliteBackend) -> None:
    gold = "UPDATE loan SET returned = '2023-07-20' WHERE id = 13"
    task = "library-09"
    assert (await play(backend, gold, "SELECT 'never mind'", Submit(), task=task)).reward == 1.0
    too_much = "UPDATE loan SET returned = '2023-07-20' WHERE id > 12 AND returned IS NULL"
    half = (await play(backend, too_much, Submit(), task=task)).reward
    assert half is not None
    assert 0 < half < 1
    forbidden = await play(backend, gold, "DELETE FROM member WHERE id = 8", Submit(), task=task)
    assert forbidden.reward == 0.0


async def test_the_score_so_far_can_be_asked_for(backend: SqliteBackend) -> None:
    suite = load_suite("sql")
    task = next(t for t in suite.tasks if t.id == "library-01")
    environment = suite.environment(task, backend)
    await environment.reset()
    before = await environment.score()
    await environment.step(task.gold[0])
    after = await environment.score()
    brief = environment.brief()
    await environment.aclose()
    assert before is not None
    assert after is not None
    assert (before.reward, after.reward) == (0.0, 1.0)
    assert brief.language == "sql"
    assert "book(id, title, author_id, year, pages, shelf)" in (brief.hint or "")


async def test_gold_that_fails_is_named(backend: SqliteBackend) -> None:
    task = evolve(load_suite("sql").tasks[0], gold=("SELECT nothing",))
    with pytest.raises(TaskDataError, match="action 1 of its gold fails"):
        await play(backend, task=task)


async def test_many_attempts_at_a_task_that_cannot_be_scored_do_not_end_a_run(
    backend: SqliteBackend,
) -> None:
    good = load_suite("sql").tasks[0]
    broken = evolve(good, id="broken", gold=("SELECT nothing",))
    suite = SqlSuite([broken, good])
    async with rollout(suite, Gold(), backend=backend, attempts=30, concurrency=1) as episodes:
        found = [(episode.task_id, episode.reward) async for episode in episodes]
    assert found == [("broken", None)] * 30 + [(good.id, 1.0)] * 30


async def test_a_suite_of_databases_refuses_sandboxes_and_the_other_way_round() -> None:
    for suite, backend in (("sql", "local"), ("bash", "sqlite")):
        with pytest.raises(InputError):
            async with rollout(suite, "gold", backend=backend, limit=1):
                pass


def test_a_script_makes_the_same_bytes_each_time() -> None:
    script = "CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (1), (2);"
    assert build(script) == build(script)


def test_broken_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskDataError, match="no SQL tasks"):
        read_tasks(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "tasks.json").write_text('{"provenance": "", "tasks": []}')
    (tmp_path / "d" / "database.sql").write_text("CREATE TABEL t (x)")
    with pytest.raises(TaskDataError, match="syntax error"):
        read_tasks(tmp_path)


def test_options_that_do_not_fit_are_refused() -> None:
    for name, options, text in (
        ("sql", {"compat": "intercode"}, "no mode"),
        ("sql", {"base": "host"}, "--base"),
        ("sql", {"dialect": "klingon"}, "no dialect"),
        ("bash", {"dialect": "mysql"}, "not in SQL"),
        ("spider", {}, "--data"),
    ):
        with pytest.raises(InputError, match=text):
            load_suite(name, **options)  # type: ignore[arg-type]
