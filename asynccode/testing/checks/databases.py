"""What every database backend must do: the sentences of `asynccode.databases`, as checks."""

from __future__ import annotations

import sqlite3

from asynccode.databases import Database, DatabaseBackend, DatabaseSession
from asynccode.errors import ImageError, InputError
from asynccode.images import Image
from asynccode.outcomes import Limits, MiB, Outcome
from asynccode.testing.checks.base import database_check

LIMITS = Limits(step_seconds=1.0, output_bytes=50_000, disk_bytes=8 * MiB)
SCRIPT = """
CREATE TABLE pet (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, weight DECIMAL(6, 2));
CREATE TABLE toy (id INTEGER NOT NULL PRIMARY KEY, pet_id INTEGER, FOREIGN KEY (pet_id)
  REFERENCES pet (id));
CREATE UNIQUE INDEX pet_name ON pet (name);
INSERT INTO pet VALUES (1, 'Rex', 31.5), (2, 'Tom', 4.25), (3, 'Kim', NULL);
INSERT INTO toy VALUES (10, 1), (11, 1), (12, NULL);
"""


def build(script: str = SCRIPT) -> bytes:
    """Give the SQLite file that a script makes."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
        return connection.serialize()
    finally:
        connection.close()


DATABASE = Database(name="pets", content=build())


async def rows(session: DatabaseSession, statement: str) -> list[tuple[object, ...]]:
    """Run a statement that must go well; give its rows."""
    result = await session.execute(statement)
    assert result.outcome is Outcome.OK, f"{statement!r}: {result.outcome}, {result.error}"
    return [tuple(row) for row in result.rows]


@database_check
async def a_query_gives_names_and_values(backend: DatabaseBackend) -> None:
    """A query gives its columns' names and Python's own values; an empty result has names too."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        result = await session.execute("SELECT id AS n, name, weight FROM pet ORDER BY id")
        assert list(result.columns or ()) == ["n", "name", "weight"], f"columns {result.columns}"
        found = [(a, b, None if c is None else float(c)) for a, b, c in result.rows]
        assert found == [(1, "Rex", 31.5), (2, "Tom", 4.25), (3, "Kim", None)], f"rows {found}"
        empty = await session.execute("SELECT id FROM pet WHERE id > 9")
        assert list(empty.columns or ()) == ["id"], f"columns {empty.columns}"
        assert list(empty.rows) == [], f"rows {empty.rows}"
        assert not world.is_changed, "reading counts as a change"


@database_check
async def a_write_tells_no_rows(backend: DatabaseBackend) -> None:
    """A statement without a result has no columns; it says how many rows it wrote."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        result = await session.execute("UPDATE pet SET weight = 1 WHERE id > 1")
        assert result.columns is None, f"columns {result.columns}"
        assert result.affected == 2, f"affected {result.affected}"
        assert world.is_changed, "a write counts as none"


@database_check
async def worlds_are_private(backend: DatabaseBackend) -> None:
    """What one world writes, drops and commits no other sees, then or later."""
    async with await backend.open(DATABASE, LIMITS) as one:
        session = await one.session()
        for statement in (
            "INSERT INTO pet VALUES (4, 'Ada', 2.5)",
            "BEGIN",
            "DELETE FROM toy",
            "COMMIT",
            "DROP TABLE toy",
            "CREATE TABLE bowl (id INTEGER)",
        ):
            result = await session.execute(statement)
            assert result.error is None, f"{statement!r}: {result.error}"
        async with await backend.open(DATABASE, LIMITS) as two:
            other = await two.session()
            assert await rows(other, "SELECT count(*) FROM pet") == [(3,)]
            assert await rows(other, "SELECT count(*) FROM toy") == [(3,)]
            await other.execute("UPDATE pet SET name = 'Max' WHERE id = 1")
        assert await rows(session, "SELECT name FROM pet WHERE id = 1") == [("Rex",)]
        assert await rows(session, "SELECT count(*) FROM pet") == [(4,)]
    async with await backend.open(DATABASE, LIMITS) as three:
        session = await three.session()
        assert await rows(session, "SELECT count(*) FROM pet") == [(3,)]
        assert (await session.execute("SELECT * FROM bowl")).outcome is Outcome.NONZERO


@database_check
async def transactions_are_the_agents(backend: DatabaseBackend) -> None:
    """A transaction goes on from step to step; outside of one each statement commits."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        await session.execute("INSERT INTO pet VALUES (4, 'Ada', NULL)")
        await session.execute("BEGIN")
        await session.execute("DELETE FROM toy")
        assert await rows(session, "SELECT count(*) FROM toy") == [(0,)]
        await session.execute("ROLLBACK")
        assert await rows(session, "SELECT count(*) FROM toy") == [(3,)]
        assert await rows(session, "SELECT count(*) FROM pet") == [(4,)]


@database_check
async def errors_are_data(backend: DatabaseBackend) -> None:
    """An error of a statement is a result with a message, and the session goes on."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        for statement in ("SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM pet"):
            result = await session.execute(statement)
            assert result.outcome is Outcome.NONZERO, f"{statement!r}: {result.outcome}"
            assert result.error, f"{statement!r}: no message"
            assert result.columns is None, f"{statement!r}: columns {result.columns}"
        broken = await session.execute("INSERT INTO pet VALUES (1, 'Rex', NULL)")
        assert broken.outcome is Outcome.NONZERO, f"a double key: {broken.outcome}"
        assert await rows(session, "SELECT count(*) FROM pet") == [(3,)]


@database_check
async def the_catalogue(backend: DatabaseBackend) -> None:
    """The catalogue tells tables, columns and keys, and follows what a statement changes."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        tables = {table.name.lower(): table for table in await session.catalogue()}
        assert set(tables) == {"pet", "toy"}, f"tables {sorted(tables)}"
        pet, toy = tables["pet"], tables["toy"]
        assert [c.name.lower() for c in pet.columns] == ["id", "name", "weight"]
        assert [c.key for c in pet.columns[:2]] == ["PRI", "UNI"], f"{pet.columns}"
        assert [c.nullable for c in pet.columns] == [False, False, True]
        assert [name.lower() for name in pet.primary_key] == ["id"]
        assert [(key.columns, key.table) for key in toy.foreign_keys] == [(("pet_id",), "pet")]
        await session.execute("CREATE VIEW heavy AS SELECT name FROM pet WHERE weight > 10")
        views = [table.name for table in await session.catalogue() if table.is_view]
        assert views == ["heavy"], f"views {views}"


@database_check
async def the_state(backend: DatabaseBackend) -> None:
    """The state tells every table's rows, columns and indexes, as the session sees them."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        before = await world.state()
        assert set(before) == {"pet", "toy"}, f"tables {sorted(before)}"
        assert sorted(row[0] for row in before["pet"].rows or ()) == [1, 2, 3]
        assert (True, ("name",)) in before["pet"].indexes, f"indexes {before['pet'].indexes}"
        await session.execute("ALTER TABLE toy ADD COLUMN colour VARCHAR(9)")
        await session.execute("BEGIN")
        await session.execute("DELETE FROM pet WHERE id = 3")
        after = await world.state()
        assert len(after["pet"].rows or ()) == 2, f"rows {after['pet'].rows}"
        assert [name for name, _ in after["toy"].columns][-1] == "colour"


@database_check
async def one_session_a_database(backend: DatabaseBackend) -> None:
    """A second session in the same database is refused; after the first has closed it is not."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        try:
            await world.session()
        except InputError:
            await session.aclose()
            await world.session()
            return
    raise AssertionError("a second session was opened")


@database_check
async def what_is_no_database(backend: DatabaseBackend) -> None:
    """An image that is no database, or a file that is none, is an `ImageError`."""
    for image in (Image(), Database(name="broken", content=b"no database" * 400)):
        try:
            await backend.prepare(image)
        except ImageError:
            continue
        raise AssertionError(f"{type(image).__name__} {image.base!r} was prepared")
