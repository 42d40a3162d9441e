"""MySQL as a technology of private worlds: what the conformance checks do not ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import pytest

from asynccode.backends.mydb.catalogue import read_catalogue
from asynccode.backends.mydb.statements import ask
from asynccode.backends.mysql import MysqlBackend
from asynccode.outcomes import Limits
from asynccode.testing.checks.databases import DATABASE
from tests.conftest import unavailable
from tests.mysql_world import speaking

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """aiomysql speaks to asyncio alone."""
    return "asyncio"


@pytest.fixture
async def backend(nothing_leaks: None) -> AsyncIterator[MysqlBackend]:
    health = await MysqlBackend.probe()
    if not health.available:
        unavailable("mysql", health.reason or "")
    async with MysqlBackend() as made:
        await made.prepare(DATABASE)
        yield made


async def test_a_reading_connection_is_used_again(backend: MysqlBackend) -> None:
    for _ in range(3):
        async with await backend.open(DATABASE, Limits()) as world:
            session = await world.session()
            assert (await session.execute("SELECT 1")).rows == [(1,)]
            assert len(await session.catalogue()) == 2
    assert backend.statistics()["connections"] == 1


async def test_a_reading_connection_that_an_error_leaves_is_ended(backend: MysqlBackend) -> None:
    name = await backend.server.prepare(DATABASE)
    with suppress(KeyError):
        async with backend.readers.reader(name) as connection:
            thread = connection.thread_id()
            raise KeyError
    assert connection.closed
    assert backend.statistics()["connections"] == 0
    async with backend.server.admin() as admin:
        query = "SELECT count(*) FROM information_schema.processlist WHERE id = %s"
        with anyio.fail_after(20):  # the server takes note of it when it comes to it
            while await ask(admin, query, thread) != [(0,)]:
                await anyio.sleep(0.05)


async def test_looking_at_tables_can_be_cancelled_at_any_time(backend: MysqlBackend) -> None:
    async with await backend.open(DATABASE, Limits()) as world:
        session = await world.session()
        for delay in (0.0, 0.0005, 0.001, 0.002, 0.004):
            with anyio.move_on_after(delay):
                await session.catalogue()
            with anyio.move_on_after(delay):
                await world.state()
            assert backend.statistics()["connections"] <= 1
        assert len(await session.catalogue()) == 2


async def test_the_episode_s_own_connection_is_opened_again_when_a_look_was_cancelled(
    backend: MysqlBackend,
) -> None:
    async with await backend.open(DATABASE, Limits()) as world:
        session = await world.session()
        await session.execute("UPDATE pet SET weight = 7 WHERE id = 1")
        with anyio.move_on_after(0.001):
            await world.state()
        pet = (await world.state())["pet"]
        assert sorted(float(row[2]) for row in pet.rows or () if row[0] == 1) == [7.0]


async def test_whoever_finds_all_places_taken_waits_for_one(backend: MysqlBackend) -> None:
    name = await backend.server.prepare(DATABASE)

    async def look() -> None:
        async with backend.readers.reader(name) as connection:
            assert len(await read_catalogue(connection)) == 2

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(look)
    assert backend.statistics()["connections"] <= 32


async def test_nothing_of_ours_is_seen_in_a_database(backend: MysqlBackend) -> None:
    async with await backend.open(DATABASE, Limits()) as world:
        session = await world.session()
        for _ in range(2):  # where all read, and in a copy
            shown = await session.execute("SHOW TABLES")
            assert shown.rows == [("pet",), ("toy",)]
            missing = await session.execute("SELECT * FROM nowhere")
            assert missing.error == "Table 'pets.nowhere' doesn't exist"
            await session.execute("UPDATE pet SET weight = 7 WHERE id = 1")


async def test_in_the_dialect_a_mariadb_tells_what_mysql_tells(backend: MysqlBackend) -> None:
    async with speaking(backend) as session:
        shown = await session.execute("DESCRIBE owners")
        assert [row[:2] for row in shown.rows] == [
            ("id", "int"),
            ("name", "text"),
            ("city", "text"),
        ]
        named = await session.execute("SELECT zoo.owners.id FROM `zoo`.owners WHERE id < 2")
        assert named.rows == [(1,)]
        unknown = await session.execute("SELECT wings FROM pets")
        assert unknown.error == "Unknown column 'wings' in 'field list'"
        await session.execute("CREATE TABLE cages (id int)")
        assert ("cages",) in (await session.execute("SHOW TABLES")).rows
