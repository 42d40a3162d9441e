"""Calls that are cancelled while an engine works on them: nothing goes on or is in the way.

Which moment of a call is the one in which an engine is at work differs from machine to machine, so
each is cancelled after many different times.
"""

from __future__ import annotations

import asyncio

import anyio
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.images import Image
from asynccode.outcomes import Limits

from .engines import anyio_backend, engine, left_of

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]

SETTLE_SECONDS = 2.0
"""Within that an engine does what it goes on with for nobody."""


PROMPT_SECONDS = 10.0
"""Within that a command that does nothing is run, on a busy machine too."""


async def _cancel_open(engine: EngineBackend, seconds: float, *, natively: bool) -> bool:
    """Open a container, cancelled after a while as anyio or as asyncio does; whether it was."""

    async def use() -> None:
        await (await engine.open(Image(), Limits())).aclose()

    if not natively:
        with anyio.move_on_after(seconds) as scope:
            await use()
        return scope.cancelled_caught
    try:
        async with asyncio.timeout(seconds):
            await use()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("natively", [False, True], ids=["anyio", "asyncio"])
async def test_a_cancelled_open_leaves_no_container(engine: EngineBackend, natively: bool) -> None:
    before = await left_of(engine.name, engine.run)
    cancelled = 0
    for milliseconds in range(2, 90, 6):
        cancelled += await _cancel_open(engine, milliseconds / 1000, natively=natively)
    assert cancelled > 5
    await anyio.sleep(SETTLE_SECONDS)
    assert await left_of(engine.name, engine.run) == before
    assert engine.statistics()["open"] == 0


async def test_after_a_cancelled_exec_the_next_is_prompt_and_the_session_knows_nothing_of_it(
    engine: EngineBackend,
) -> None:
    cancelled = 0
    for milliseconds in (*range(2, 50, 6), 60, 80, 100, 130):
        async with await engine.open(Image(), Limits()) as sandbox:
            session = await sandbox.session()
            with anyio.move_on_after(milliseconds / 1000) as scope:
                await sandbox.exec(["sleep", "1234"])
            cancelled += scope.cancelled_caught
            with anyio.fail_after(PROMPT_SECONDS):
                assert (await sandbox.exec(["echo", "next"])).text == "next\n"
            assert (await session.run("echo fine")).text == "fine\n"
            assert "sleep 1234" not in (await session.run("ps ax -o args")).text
    assert cancelled > 5


async def test_a_cancelled_start_leaves_no_program(engine: EngineBackend) -> None:
    async with await engine.open(Image(), Limits()) as sandbox:
        session = await sandbox.session()
        cancelled = 0
        for milliseconds in range(2, 130, 6):
            with anyio.move_on_after(milliseconds / 1000) as scope:
                await (await sandbox.start(["sleep", "1234"])).aclose()
            cancelled += scope.cancelled_caught
        assert cancelled > 5
        await anyio.sleep(SETTLE_SECONDS)
        assert "sleep 1234" not in (await session.run("ps ax -o args")).text
        assert (await session.run("echo fine")).text == "fine\n"


async def test_nor_does_a_cancelled_exec_where_the_engine_runs_programs(
    engine: EngineBackend,
) -> None:
    async with await engine.open(Image(shell="/bin/bash"), Limits()) as sandbox:
        cancelled = 0
        for milliseconds in range(2, 130, 6):
            with anyio.move_on_after(milliseconds / 1000) as scope:
                await sandbox.exec(["sleep", "1234"])
            cancelled += scope.cancelled_caught
        assert cancelled > 5
        await anyio.sleep(SETTLE_SECONDS)
        assert "sleep 1234" not in (await sandbox.exec(["ps", "ax", "-o", "args"])).text
