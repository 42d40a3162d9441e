"""The data of SQL suites: InterCode's dump, Spider's own release, WikiSQL, BIRD."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import anyio
import pytest

from asynccode.backends.sqlite import SqliteBackend
from asynccode.databases import Database
from asynccode.errors import TaskDataError
from asynccode.policies import Gold
from asynccode.registry import load_suite
from asynccode.rollout import rollout
from asynccode.tasks.sql.dump import read_dump
from asynccode.tasks.sql.intercode import read_databases
from asynccode.tasks.sql.loader import build
from tests.test_sql_suite import backend, rewards

__all__ = ["backend"]
pytestmark = pytest.mark.anyio

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
