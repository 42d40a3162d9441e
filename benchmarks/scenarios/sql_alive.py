"""Many live episodes in one event loop, each with a written private copy of a database."""

from __future__ import annotations

import gc
import os
import threading
from time import perf_counter

import anyio

from asynccode.backends.sqlite import SqliteBackend
from asynccode.databases import Database, DatabaseSession, DatabaseWorld
from asynccode.outcomes import Limits
from asynccode.tasks.sql.loader import build
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main

SCRIPT = """
CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT, country TEXT, district TEXT, people INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4900)
INSERT INTO city SELECT i, 'city number ' || i, 'C' || (i % 99), 'district of ' || (i % 77), i * 13
FROM n;
CREATE INDEX city_country ON city (country);
"""


async def measure(*, episodes: int = 5000, rounds: int = 3) -> Result:
    """Open `episodes` databases, write to each, step all of them, and close them."""
    content = build(SCRIPT)
    database = Database(name="cities", content=content)
    live: list[tuple[DatabaseWorld, DatabaseSession]] = []
    wrong = 0
    async with SqliteBackend() as backend:
        for _ in range(20):  # what is made once is no part of what each takes
            async with await backend.open(database, Limits()) as world:
                await (await world.session()).execute("UPDATE city SET people = 0 WHERE id = 1")
        gc.collect()
        before = _resident()

        async def start(number: int) -> None:
            world = await backend.open(database, Limits())
            session = await world.session()
            live.append((world, session))
            await session.execute(f"UPDATE city SET people = {number} WHERE id = 17")

        async def step(number: int) -> None:
            nonlocal wrong
            result = await live[number][1].execute(
                "SELECT people, (SELECT count(*) FROM city) FROM city WHERE id = 17"
            )
            wrong += list(result.rows) != [(order[number], 4900)]

        began = perf_counter()
        async with anyio.create_task_group() as group:
            for number in range(episodes):
                group.start_soon(start, number)
        starting = perf_counter() - began
        each = (_resident() - before) / episodes
        order = [
            (await session.execute("SELECT people FROM city WHERE id = 17")).rows[0][0]
            for _, session in live
        ]
        private = len(set(order))
        threads = threading.active_count()
        began = perf_counter()
        for _ in range(rounds):
            async with anyio.create_task_group() as group:
                for number in range(episodes):
                    group.start_soon(step, number)
        stepping = perf_counter() - began
        for opened, _ in live:
            await opened.aclose()
        left = backend.statistics()["open"]
    return Result(
        scenario="sql_alive",
        settings={"episodes": episodes, "rounds": rounds, "database_bytes": len(content)},
        measures=[
            Measure(
                name="live episodes, each with its own value",
                value=private,
                unit="episodes",
                target=episodes,
                better="higher",
            ),
            Measure(name="wrong answers", value=wrong, unit="", target=0),
            Measure(
                name="memory of each, against the database's bytes",
                value=each / 1024,
                limit=len(content) / 1024,
                target=1.3,
                unit="KiB",
            ),
            Measure(name="threads", value=threads, unit="", target=49),
            Measure(
                name="copied and written",
                value=episodes / starting,
                unit="per second",
                better="higher",
            ),
            Measure(
                name="statements while all are live",
                value=rounds * episodes / stepping,
                unit="per second",
                better="higher",
            ),
            Measure(name="left open", value=left, unit="", target=0),
        ],
        raw={"starting_seconds": starting, "stepping_seconds": stepping},
    )


def _resident() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(measure)
