"""Spider's golds as rollouts, native rewards: episodes a second on each database backend."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from attrs import evolve

from asynccode.databases import Database
from asynccode.errors import TaskDataError
from asynccode.policies import Gold
from asynccode.records import Task
from asynccode.registry import backend_class, load_databases, load_suite
from asynccode.rollout import rollout
from asynccode.tasks.sql.suite import SqlSuite
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main

TARGETS = {"sqlite": 2000.0, "postgres": 300.0}


async def measure(
    *, attempts: int = 5, concurrency: int = 64, data: str = "../shared/intercode"
) -> Result:
    """Play all tasks, all attempts of one next to each other, as a run does."""
    measures: list[Measure] = []
    raw: dict[str, Any] = {}
    for name, target in TARGETS.items():
        health = await backend_class(name).probe()
        if not health.available:
            raw[name] = health.reason
            continue
        suite = load_suite("intercode/spider", data=Path(data))
        assert isinstance(suite, SqlSuite)
        if name != "sqlite":  # Spider's golds are in MySQL's words, which others do not know
            suite = SqlSuite(await runnable(suite.tasks), name=suite.name, dialect="mysql")
        count = solved = 0
        async with load_databases(name) as backend:
            for task in suite.tasks:
                await backend.prepare(task.image)
            began = perf_counter()
            async with rollout(
                suite, Gold(), backend=backend, attempts=attempts, concurrency=concurrency
            ) as episodes:
                async for episode in episodes:
                    count += 1
                    solved += episode.solved
            seconds = perf_counter() - began
        raw[name] = {"episodes": count, "solved": solved, "seconds": seconds}
        measures += [
            Measure(
                name=f"episodes on {name}",
                value=count / seconds,
                unit="per second",
                target=target,
                better="higher",
            ),
            Measure(
                name=f"solved on {name}, of {count}",
                value=solved,
                unit="episodes",
                target=count,
                better="higher",
            ),
        ]
    settings = {"attempts": attempts, "concurrency": concurrency}
    return Result(scenario="sql_rollout", settings=settings, measures=measures, raw=raw)


async def runnable(tasks: Sequence[Task]) -> list[Task]:
    """Give the tasks whose gold MySQL does not refuse (found out elsewhere than it is measured)."""
    tasks = [
        evolve(task, image=evolve(task.image, dialect="mysql"))
        for task in tasks
        if isinstance(task.image, Database)
    ]
    suite = SqlSuite(tasks, dialect="mysql")
    kept = []
    async with load_databases("sqlite") as backend:
        for task in tasks:
            with suppress(TaskDataError):
                await suite.gold(task, backend)
                kept.append(task)
    return kept


if __name__ == "__main__":
    main(measure)
