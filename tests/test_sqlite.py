"""SQLite as a technology of private worlds: what the conformance checks do not ask of it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from asynccode.backends.sqlite import SqliteBackend
from asynccode.databases import Database, DatabaseSession
from asynccode.errors import ImageError, InputError
from asynccode.images import Image
from asynccode.outcomes import Limits, MiB, Outcome

pytestmark = pytest.mark.anyio

LIMITS = Limits(step_seconds=20.0, output_bytes=20_000, disk_bytes=4 * MiB)


def make(script: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
        return connection.serialize()
    finally:
        connection.close()


DATABASE = Database(
    name="tiny",
    content=make(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL);"
        "INSERT INTO t VALUES (1, 'a'), (2, 'b');"
    ),
)
COUNTING = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
ENDLESS = f"{COUNTING} SELECT count(*) FROM c"


@pytest.fixture
async def backend(nothing_leaks: None) -> AsyncIterator[SqliteBackend]:
    async with SqliteBackend() as made:
        yield made


@pytest.fixture
async def session(backend: SqliteBackend) -> AsyncIterator[DatabaseSession]:
    async with await backend.open(DATABASE, LIMITS) as world:
        yield await world.session()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM t",
        "PRAGMA table_info(t)",
        "EXPLAIN QUERY PLAN SELECT 1",
        "PRAGMA user_version",
        "VALUES (1)",
    ],
)
async def test_what_only_reads_copies_nothing(backend: SqliteBackend, statement: str) -> None:
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        result = await session.execute(statement)
        assert result.outcome is Outcome.OK
        assert not world.is_changed
    assert backend.statistics()["copied"] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (3, 'c')",
        "/* SELECT */ DELETE FROM t",
        "WITH x AS (SELECT 1) UPDATE t SET name = 'z'",
        "BEGIN",
        "CREATE TEMP TABLE u (x)",
        "PRAGMA user_version = 3",
        "EXPLAIN DELETE FROM t",
    ],
)
async def test_whatever_else_runs_in_a_copy(backend: SqliteBackend, statement: str) -> None:
    async with await backend.open(DATABASE, LIMITS) as world:
        result = await (await world.session()).execute(statement)
        assert result.outcome is Outcome.OK
        assert world.is_changed
    async with await backend.open(DATABASE, LIMITS) as other:
        session = await other.session()
        assert (await session.execute("SELECT * FROM t")).rows == [(1, "a"), (2, "b")]
        assert (await session.execute("PRAGMA user_version")).rows == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH '{folder}/x.db' AS x",
        "VACUUM INTO '{folder}/x.db'",
        "VACUUM",
        "SELECT load_extension('x')",
        "PRAGMA temp_store_directory = '{folder}'",
        "PRAGMA writable_schema = 1",
        "PRAGMA max_page_count = 1000000",
        "PRAGMA hard_heap_limit = 1",
        "CREATE VIRTUAL TABLE v USING fts5(x)",
        "SELECT 'a\0b'",
        "SELECT '\ud800'",
    ],
)
async def test_what_reaches_beyond_is_refused_before_and_after_the_copy(
    session: DatabaseSession, tmp_path: Path, statement: str
) -> None:
    statement = statement.replace("{folder}", str(tmp_path))
    assert (await session.execute(statement)).outcome is Outcome.REFUSED
    await session.execute("INSERT INTO t VALUES (3, 'c')")
    assert (await session.execute(statement)).outcome is Outcome.REFUSED
    assert list(tmp_path.iterdir()) == []


async def test_sorting_without_end_meets_the_disk_limit(backend: SqliteBackend) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        query = f"{endless} SELECT hex(randomblob(500)) AS y FROM c ORDER BY y"
        assert (await session.execute(query)).outcome is Outcome.DISK_LIMIT
        grow = f"CREATE TABLE big AS {endless} SELECT randomblob(5000) AS y FROM c"
        assert (await session.execute(grow)).outcome is Outcome.DISK_LIMIT
        assert (await session.execute("SELECT count(*) FROM t")).rows == [(2,)]


async def test_a_short_read_needs_no_thread_and_a_long_one_is_not_tried_twice(
    backend: SqliteBackend,
) -> None:
    long = "SELECT count(*) FROM " + ", ".join(f"t t{number}" for number in range(14))
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        before = backend.statistics()["threads"]  # on asyncio one has prepared the database
        assert (await session.execute("SELECT name FROM t WHERE id = 2")).rows == [("b",)]
        assert backend.statistics()["threads"] == before
        for _ in range(2):
            began = anyio.current_time()
            assert (await session.execute(long)).rows == [(2**14,)]
            assert anyio.current_time() - began < 5
        assert not world.is_changed


@pytest.mark.parametrize(
    "statement",
    [
        ENDLESS,
        f"{COUNTING} SELECT x FROM c ORDER BY -x LIMIT 1",
        "SELECT length(hex(zeroblob(400000)))",
        "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c) SELECT * FROM c",
        "SELECT replace(group_concat(a.name), 'a', 'bbbb') FROM t a, t b, t c, t d, t e, t f, t g",
        "SELECT " + " + ".join(["1"] * 900),
        "SELECT nothing FROM t",
    ],
)
async def test_no_statement_holds_the_event_loop_up(backend: SqliteBackend, statement: str) -> None:
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()  # by a clock it would be a busy machine that holds it up
            await anyio.sleep(0.001)
            longest = max(longest, time.thread_time() - before)

    async with await backend.open(DATABASE, LIMITS) as world, anyio.create_task_group() as group:
        session = await world.session()
        group.start_soon(tick)
        await anyio.sleep(0.01)
        for _ in range(3):
            await session.execute(statement, seconds=0.3)
        group.cancel_scope.cancel()
    assert longest < 0.1  # a statement has 2 ms


async def test_text_that_is_not_utf8_is_shown_with_replacement_characters(
    session: DatabaseSession,
) -> None:
    result = await session.execute("SELECT CAST(x'61ff' AS TEXT), 1")
    assert result.rows == [("a�", 1)]


async def test_long_statements_do_not_keep_short_ones_waiting(backend: SqliteBackend) -> None:
    answered = anyio.Event()

    async def hog() -> None:
        async with await backend.open(DATABASE, LIMITS) as world:
            await (await world.session()).execute(ENDLESS)

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(hog)
        await anyio.sleep(0.2)
        async with await backend.open(DATABASE, LIMITS) as world:
            assert (await (await world.session()).execute("SELECT 1")).rows == [(1,)]
            answered.set()
        group.cancel_scope.cancel()
    assert answered.is_set()


async def test_a_thousand_written_databases_need_no_thread_each(backend: SqliteBackend) -> None:
    worlds = []
    for number in range(1000):
        world = await backend.open(DATABASE, LIMITS)
        session = await world.session()
        await session.execute(f"UPDATE t SET name = '{number}' WHERE id = 1")
        worlds.append((world, session, number))
    assert threading.active_count() < 50
    for world, session, number in worlds:
        assert (await session.execute("SELECT name FROM t WHERE id = 1")).rows == [(str(number),)]
        await world.aclose()
    assert backend.statistics()["open"] == 0


async def test_a_database_may_lie_in_a_file_that_is_never_written(
    backend: SqliteBackend, tmp_path: Path
) -> None:
    path = tmp_path / "d.sqlite"
    assert isinstance(DATABASE.content, bytes)
    path.write_bytes(DATABASE.content)
    async with await backend.open(Database(name="d", content=path), LIMITS) as world:
        session = await world.session()
        await session.execute("DELETE FROM t")
        assert (await session.execute("SELECT count(*) FROM t")).rows == [(0,)]
    assert path.read_bytes() == DATABASE.content
    assert [entry.name for entry in tmp_path.iterdir()] == ["d.sqlite"]


async def test_what_is_no_database_is_named(backend: SqliteBackend, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="broken"):
        await backend.prepare(Database(name="broken", content=b"x" * 4096))
    with pytest.raises(ImageError, match=r"absent\.sqlite"):
        await backend.prepare(Database(name="absent", content=tmp_path / "absent.sqlite"))
    with pytest.raises(ImageError, match="need a sandbox"):
        await backend.prepare(Image())


async def test_outside_its_block_a_backend_opens_nothing() -> None:
    with pytest.raises(InputError, match="async with"):
        await SqliteBackend().open(DATABASE, LIMITS)


async def test_the_catalogue_tells_types_and_keys(backend: SqliteBackend) -> None:
    script = (
        "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, v VARCHAR(9) UNIQUE);"
        "CREATE TABLE b (x INT, y TEXT DEFAULT 'q', PRIMARY KEY (y, x), "
        "FOREIGN KEY (x) REFERENCES a (id)); CREATE INDEX i ON b (x); CREATE VIEW w AS SELECT 1 z;"
    )
    async with await backend.open(Database(name="k", content=make(script)), LIMITS) as world:
        a, b, w = await (await world.session()).catalogue()
    assert [(c.name, c.type, c.nullable, c.key, c.auto) for c in a.columns] == [
        ("id", "integer", False, "PRI", True),
        ("v", "varchar(9)", True, "UNI", False),
    ]
    assert b.primary_key == ("y", "x")
    assert [(key.columns, key.table, key.references) for key in b.foreign_keys] == [
        (("x",), "a", ("id",))
    ]
    assert [c.default for c in b.columns] == [None, "'q'"]
    assert w.is_view
