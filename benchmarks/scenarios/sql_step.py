"""Statements through the environment, one episode at a time, beside the bare driver."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import aiosqlite
import asyncpg
from attrs import evolve

from asynccode.databases import Database, DatabaseBackend
from asynccode.records import Task
from asynccode.registry import backend_class, load_databases, load_suite
from asynccode.tasks.sql.suite import SqlSuite
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main

TARGETS = {"sqlite": 0.5, "postgres": 0.7}
Bare = Callable[[str], Awaitable[Any]]


async def measure(*, rounds: int = 20, data: str = "../shared/intercode") -> Result:
    """Run the golds of one Spider database, each once a round, by turns with the driver."""
    suite = load_suite("intercode/spider", data=Path(data))
    assert isinstance(suite, SqlSuite)
    tasks = [task for task in suite.tasks if task.metadata["database"] == "world_1"]
    measures: list[Measure] = []
    raw: dict[str, Any] = {}
    for name, target in TARGETS.items():
        health = await backend_class(name).probe()
        if not health.available:
            raw[name] = health.reason
            continue
        async with load_databases(name) as backend:
            ours, bare = await _compare(name, backend, suite, tasks, rounds)
        raw[name] = {"ours": ours, "bare": bare}
        measures.append(
            Measure(
                name=f"statements on {name}, against the bare driver",
                value=median(ours),
                limit=median(bare),
                target=target,
                unit="per second",
                better="higher",
            )
        )
    settings = {"rounds": rounds, "statements": len(tasks), "database": "world_1"}
    return Result(scenario="sql_step", settings=settings, measures=measures, raw=raw)


async def _compare(
    name: str, backend: DatabaseBackend, suite: SqlSuite, tasks: Sequence[Task], rounds: int
) -> tuple[list[float], list[float]]:
    # What is scored is no part of it, and not every gold of Spider's is every engine's SQL.
    environment = suite.environment(evolve(tasks[0], gold=("SELECT 1",)), backend)
    await environment.reset()
    statements = []
    for task in tasks:
        _, _, _, _, info = await environment.step(task.gold[0])
        if info["exit_code"] == 0:
            statements.append(task.gold[0])
    image = tasks[0].image
    assert isinstance(image, Database)
    ours, bare = [], []
    run, close = await (_sqlite(image) if name == "sqlite" else _postgres(image))
    try:
        for _ in range(rounds):
            began = perf_counter()
            for statement in statements:
                await environment.step(statement)
            ours.append(len(statements) / (perf_counter() - began))
            began = perf_counter()
            for statement in statements:
                await run(statement)
            bare.append(len(statements) / (perf_counter() - began))
    finally:
        await close()
        await environment.aclose()
    return ours, bare


async def _sqlite(image: Database) -> tuple[Bare, Callable[[], Awaitable[None]]]:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:")
        assert isinstance(image.content, bytes)
        connection.deserialize(image.content)
        return connection

    connection = aiosqlite.Connection(connect, 64)
    await connection
    return connection.execute_fetchall, connection.close


async def _postgres(image: Database) -> tuple[Bare, Callable[[], Awaitable[None]]]:
    from asynccode.backends.pgdb.names import shared

    connection = await asyncpg.connect(
        os.environ["ASYNCCODE_POSTGRES"], database=shared(image.digest)
    )
    return connection.fetch, connection.close


if __name__ == "__main__":
    main(measure)
