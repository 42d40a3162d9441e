"""SQL suites: our own on every backend, InterCode's, Spider's release; and their data."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from attrs import evolve

from asynccode.backends.sqlite import SqliteBackend
from asynccode.databases import Database, DatabaseBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.interfaces import Suite
from asynccode.policies import Gold, Noop, Scripted
from asynccode.records import Action, StepResult, Submit, Task
from asynccode.registry import backend_class, load_databases, load_suite
from asynccode.rollout import rollout
from asynccode.tasks.sql.dump import read_dump
from asynccode.tasks.sql.intercode import read_databases
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


DUMP = r"""
-- a dump; with a semicolon
CREATE DATABASE `One`;
USE `One`;
/*!40101 SET NAMES utf8 */;
DROP TABLE IF EXISTS `t`;
CREATE TABLE `t` (
  `id` int NOT NULL AUTO_INCREMENT,
  `Name` varchar(20) COLLATE utf8mb4_general_ci DEFAULT 'a,b',
  `f` float(3,1) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `n` (`Name`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4;
INSERT INTO `t` VALUES (1,'it''s; -- (a) "q"',1.5),(2,'line\nbreak\\ \'x\'',NULL);
INSERT INTO `t` VALUES (3,"O'Hara",-2e1);
USE `Two`;
CREATE TABLE `u` (`a` int NOT NULL, `b` date, PRIMARY KEY (`a`,`b`),
  KEY `k` (`b`), CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `v` (`id`));
"""


def test_a_dump_becomes_databases(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(DUMP)
    found = read_dump(path)
    assert list(found) == ["One", "Two"]
    connection = sqlite3.connect(":memory:")
    connection.deserialize(found["One"])
    assert connection.execute("SELECT * FROM t").fetchall() == [
        (1, 'it\'s; -- (a) "q"', 1.5),
        (2, "line\nbreak\\ 'x'", None),
        (3, "O'Hara", -20.0),
    ]
    query = "SELECT id FROM t WHERE name = 'O''HARA'"
    assert connection.execute(query).fetchall() == [(3,)]
    types = [row[2] for row in connection.execute("PRAGMA table_info(t)")]
    assert types == ["INTEGER", "varchar(20)", "float(3,1)"]
    connection.execute("INSERT INTO t (f) VALUES (1)")
    assert connection.execute("SELECT id, Name FROM t ORDER BY id").fetchall()[-1] == (4, "a,b")
    connection.close()


def test_a_dump_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text("USE `a`; INSERT INTO `t` VALUES (oops);")
    with pytest.raises(TaskDataError, match="not a MySQL dump"):
        read_dump(path)


@pytest.mark.data
def test_spider_s_dump_holds_what_it_held(intercode_data: Path) -> None:
    databases = read_databases(intercode_data, "spider")
    tables = rows = keys = 0
    for content in databases.values():
        assert isinstance(content, bytes)
        connection = sqlite3.connect(":memory:")
        connection.deserialize(content)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (name,) in names:
            tables += 1
            ((count,),) = connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()
            rows += count
            found = connection.execute(f'PRAGMA foreign_key_list("{name}")').fetchall()
            keys += len({row[0] for row in found})
        connection.close()
    assert (len(databases), tables, rows, keys) == (20, 81, 6952, 65)


@pytest.mark.data
async def test_spider_s_golds_earn_everything(intercode_data: Path, backend: SqliteBackend) -> None:
    suite = load_suite("intercode/spider", data=intercode_data)
    async with rollout(suite, Gold(), backend=backend, limit=200) as episodes:
        assert {episode.reward async for episode in episodes} == {1.0}


@pytest.mark.data
async def test_what_wikisql_s_data_allow_is_there(
    intercode_data: Path, backend: SqliteBackend
) -> None:
    suite = load_suite("intercode/wikisql", data=intercode_data)
    assert 15 < len(suite.tasks) < 196
    assert set((await rewards(suite, Gold(), backend)).values()) == {1.0}


@pytest.mark.data
def test_bird_says_what_is_missing(intercode_data: Path) -> None:
    with pytest.raises(TaskDataError, match="dev_databases"):
        load_suite("intercode/bird", data=intercode_data)


async def test_spider_s_own_release_is_read(tmp_path: Path, backend: SqliteBackend) -> None:
    folder = tmp_path / "database" / "pets"
    folder.mkdir(parents=True)
    (folder / "pets.sqlite").write_bytes(build("CREATE TABLE t (x); INSERT INTO t VALUES (1)"))
    task = {"db_id": "pets", "question": "All?", "query": "SELECT * FROM t"}
    (tmp_path / "dev.json").write_text(json.dumps([task]))
    suite = load_suite("spider", data=tmp_path)
    assert isinstance(suite.tasks[0].image, Database)
    assert await rewards(suite, Gold(), backend) == {"0": 1.0}
    (folder / "pets.sqlite").unlink()
    with pytest.raises(TaskDataError, match="not there"):
        await anyio.to_thread.run_sync(lambda: load_suite("spider", data=tmp_path))
