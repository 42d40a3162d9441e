"""What every database backend must bear: statements without end, many at once, sudden ends."""

from __future__ import annotations

import anyio

from asynccode.databases import DatabaseBackend
from asynccode.errors import SandboxLost
from asynccode.outcomes import Outcome
from asynccode.testing.checks.base import database_check
from asynccode.testing.checks.databases import DATABASE, LIMITS, rows

ENDLESS = "SELECT count(*) FROM " + ", ".join(f"pet p{number}" for number in range(20))  # noqa: S608
"""Some billions of rows: it ends on no engine while a check waits."""


@database_check
async def a_statement_without_end(backend: DatabaseBackend) -> None:
    """A statement that does not end is stopped in time, and the session goes on."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        for prepare in (None, "UPDATE pet SET weight = 7 WHERE id = 1"):
            if prepare is not None:
                await session.execute(prepare)
            began = anyio.current_time()
            result = await session.execute(ENDLESS)
            took = anyio.current_time() - began
            assert result.outcome is Outcome.TIMEOUT, f"{result.outcome}: {result.error}"
            assert took < 5, f"it took {took:.1f} s"
        assert await rows(session, "SELECT weight FROM pet WHERE id = 1") == [(7,)]


@database_check
async def a_result_without_end(backend: DatabaseBackend) -> None:
    """A result over the limit is cut, says so, and keeps its first rows."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        names = ", ".join(f"pet {letter}" for letter in "abcdefghij")
        result = await session.execute(f"SELECT a.name, b.name FROM {names}")  # noqa: S608
        assert result.outcome is Outcome.OUTPUT_LIMIT, f"{result.outcome}: {result.error}"
        assert result.truncated, "it does not say that rows are missing"
        assert 100 < len(result.rows) < 50_000, f"{len(result.rows)} rows"
        assert await rows(session, "SELECT count(*) FROM pet") == [(3,)]


@database_check
async def ten_thousand_columns(backend: DatabaseBackend) -> None:
    """Ten thousand columns are a result or an error, not a broken world."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        result = await session.execute("SELECT " + ", ".join(["1"] * 10_000))
        assert result.outcome in (Outcome.OK, Outcome.NONZERO, Outcome.OUTPUT_LIMIT)
        assert await rows(session, "SELECT count(*) FROM pet") == [(3,)]


@database_check
async def any_text(backend: DatabaseBackend) -> None:
    """Text comes through whatever it holds; a statement with a NUL or a lone half is refused."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        text = "é → 🦊 % _ \n\t end"
        assert await rows(session, f"SELECT '{text}' FROM pet WHERE id = 1") == [(text,)]  # noqa: S608
        for statement in ("SELECT 'a\0b'", "SELECT '\ud83e'"):
            result = await session.execute(statement)
            assert result.outcome is Outcome.REFUSED, f"{statement!r}: {result.outcome}"
        assert await rows(session, "SELECT count(*) FROM pet") == [(3,)]


@database_check
async def nothing_beyond_the_database(backend: DatabaseBackend) -> None:
    """No statement of any engine's reads a file, writes one or reaches another database."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        for statement in (
            "ATTACH '/tmp/asynccode-check.db' AS x",
            "VACUUM INTO '/tmp/asynccode-check.db'",
            "SELECT load_extension('x')",
            "COPY pet TO '/tmp/asynccode-check.db'",
            "COPY pet TO PROGRAM 'true'",
            "SELECT pg_read_file('/etc/hostname')",
            "SELECT lo_import('/etc/hostname')",
            "SELECT LOAD_FILE('/etc/hostname') || 'x'",
            "SELECT name INTO OUTFILE '/tmp/asynccode-check.db' FROM pet",
            "LOAD DATA INFILE '/etc/hostname' INTO TABLE pet",
            "CREATE DATABASE asynccode_check",
        ):
            result = await session.execute(statement)
            # MySQL's LOAD_FILE gives NULL where it may not look.
            told = any(value not in (None, 0) for row in result.rows for value in row)
            assert result.error is not None or not told, f"{statement!r}: {list(result.rows)[:1]}"
        assert await rows(session, "SELECT count(*) FROM pet") == [(3,)]


@database_check
async def a_cancelled_statement(backend: DatabaseBackend) -> None:
    """Cancelling stops a statement at once, and the session can be used again."""
    async with await backend.open(DATABASE, LIMITS) as world:
        session = await world.session()
        for prepare in (None, "UPDATE pet SET weight = 7 WHERE id = 1"):
            if prepare is not None:
                await session.execute(prepare)
            for delay in (0.0, 0.01, 0.1):
                with anyio.move_on_after(delay):
                    await session.execute(ENDLESS, seconds=30)
                assert await rows(session, "SELECT count(*) FROM pet") == [(3,)]
        assert await rows(session, "SELECT weight FROM pet WHERE id = 1") == [(7,)]


@database_check
async def a_closed_database(backend: DatabaseBackend) -> None:
    """Closing ends what runs with `SandboxLost`; twice is once; the count is right."""
    before = backend.statistics()["open"]
    world = await backend.open(DATABASE, LIMITS)
    session = await world.session()
    lost = []

    async def step() -> None:
        try:
            await session.execute("UPDATE pet SET weight = 1")
            await session.execute(ENDLESS, seconds=30)
        except SandboxLost as error:
            lost.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(step)
        await anyio.sleep(0.5)
        await world.aclose()
        await world.aclose()
    assert lost, "the statement under way did not end with SandboxLost"
    assert not world.is_alive
    assert backend.statistics()["open"] == before, "the database still counts as open"


@database_check
async def many_at_once(backend: DatabaseBackend) -> None:
    """Many databases at once, read and written, are each their own."""

    async def play(number: int) -> None:
        async with await backend.open(DATABASE, LIMITS) as world:
            session = await world.session()
            if number % 4 == 0:
                await session.execute(f"UPDATE pet SET weight = {number} WHERE id = 1")  # noqa: S608
            wanted = float(number) if number % 4 == 0 else 31.5
            ((found,),) = await rows(session, "SELECT weight FROM pet WHERE id = 1")
            assert float(str(found)) == wanted, f"{found}, not {wanted}"

    async with anyio.create_task_group() as group:
        for number in range(24):
            group.start_soon(play, number)


@database_check
async def a_hog_holds_nobody_up(backend: DatabaseBackend) -> None:
    """While some statements do not end, the others are answered."""
    async with anyio.create_task_group() as group:

        async def hog() -> None:
            async with await backend.open(DATABASE, LIMITS) as world:
                await (await world.session()).execute(ENDLESS, seconds=30)

        for _ in range(4):
            group.start_soon(hog)
        await anyio.sleep(0.3)
        async with await backend.open(DATABASE, LIMITS) as world:
            began = anyio.current_time()
            session = await world.session()
            assert await rows(session, "SELECT count(*) FROM pet") == [(3,)]
            took = anyio.current_time() - began
        group.cancel_scope.cancel()
    assert took < 5, f"it took {took:.1f} s"
