"""InterCode's Spider recordings played again, beside the original's way with the same statements.

The original has one connection, runs one statement at a time and scores it before the next; here
that is PyMySQL on the MySQL or MariaDB in `$ASYNCCODE_MYSQL`, gold run once an episode, and our
function for the score, which is faster than the original's. Ours speaks MySQL to other engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio.to_thread
import pymysql

from asynccode.backends.mydb.statements import address
from asynccode.backends.mysql import MysqlBackend, dsn
from asynccode.databases import Database
from asynccode.registry import backend_class, load_databases, load_suite
from asynccode.rollout import prepare
from asynccode.tasks.intercode.recordings import Recording, read_recording, read_reference
from asynccode.tasks.intercode.replay import replay
from asynccode.tasks.intercode.sql.reward import score
from asynccode.tasks.intercode.sql.suite import CompatSqlSuite
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main

FILE = "results/sql/ic_sql_multiturn_gpt-3.5_10_turns_handicap.json"
REFERENCE = "reference/sql_gpt-3.5_10_turns_handicap.json"
TARGETS = {"sqlite": (2.0, 99.5, 95.0, 99.0), "postgres": (None, 99.0, 93.0, 98.0)}
"""Turns a second against the original; then the same rewards, observations and best rewards."""


async def measure(*, concurrency: int = 64, data: str = "../shared/intercode") -> Result:
    """Replay the file of 1,034 episodes on each engine, and once as the original would."""
    folder = Path(data)
    settings = {"concurrency": concurrency, "file": FILE}
    recording, reference = read_recording(folder / FILE), read_reference(folder / REFERENCE)
    raw: dict[str, Any] = {}
    original = None
    health = await MysqlBackend.probe()
    if health.available:
        original = raw["original"] = await _original(folder, recording)
    else:
        raw["original"] = health.reason
    measures: list[Measure] = []
    for name, (target, *same) in TARGETS.items():
        health = await backend_class(name).probe()
        if not health.available:
            raw[name] = health.reason
            continue
        suite = _suite(folder)  # a new one: what golds give is not known yet
        async with load_databases(name) as backend:
            await prepare(backend, (task.image for task in suite.tasks))
            found = await replay(
                recording, suite, backend, reference=reference, concurrency=concurrency, shown=3
            )
        raw[name] = {key: value for key, value in found.items() if key != "differences"}
        measures.append(
            Measure(
                name=f"turns on {name}, against one at a time on a MySQL",
                value=found["turns_per_second"],
                limit=original,
                target=target if original else None,
                unit="per second",
                better="higher",
            )
        )
        measures += [
            Measure(
                name=f"{what} on {name}",
                value=100 * found[key],
                unit="%",
                target=least,
                better="higher",
            )
            for what, key, least in zip(
                ("same reward, stable turns", "same observation", "same best reward"),
                ("same_reward_stable", "same_observation", "same_max_reward"),
                same,
                strict=True,
            )
        ]
    return Result(scenario="sql_replay", settings=settings, measures=measures, raw=raw)


def _suite(folder: Path) -> CompatSqlSuite:
    suite = load_suite("intercode/spider", data=folder, compat="intercode")
    assert isinstance(suite, CompatSqlSuite)
    return suite


async def _original(folder: Path, recording: Recording) -> float:
    """Give the turns a second of one connection."""
    suite = _suite(folder)
    names: dict[str, str] = {}
    async with MysqlBackend() as backend:
        for task in suite.tasks:
            assert isinstance(task.image, Database)
            digest = task.image.digest
            if digest not in names:
                names[digest] = await backend.server.prepare(task.image)
    return await anyio.to_thread.run_sync(_one_at_a_time, suite, recording, names)


def _one_at_a_time(suite: CompatSqlSuite, recording: Recording, names: Mapping[str, str]) -> float:
    tasks = {task.id: task for task in suite.tasks}
    connection = pymysql.connect(**address(dsn()))
    turns = 0
    with connection, connection.cursor() as cursor:
        began = perf_counter()
        for episode in recording.episodes:
            task = tasks[episode.task_id]
            cursor.execute(f"USE {names[task.image.digest]}")
            gold = _rows(cursor, task.gold[0])
            for turn in episode.turns:
                if turn.code is not None:
                    turns += 1
                    rows = _rows(cursor, turn.code)
                    str(rows)  # the observation
                    score(rows, gold or ())
        return turns / (perf_counter() - began)


def _rows(cursor: Any, statement: str) -> Any:
    try:
        cursor.execute(statement)
        return cursor.fetchall()
    except pymysql.Error:
        return None


if __name__ == "__main__":
    main(measure)
