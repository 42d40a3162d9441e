"""A step's time-out that costs little: what it cuts off, and what it leaves to others."""

import asyncio

import anyio
import anyio.lowlevel
import pytest

from asynccode.python.alarm import in_time

pytestmark = pytest.mark.anyio


async def answer(seconds: float) -> str:
    await anyio.sleep(seconds)
    return "done"


async def test_what_ends_in_time_gives_its_result() -> None:
    assert await in_time(10, answer(0.01)) == "done"


async def test_what_takes_too_long_is_cancelled_and_the_task_goes_on() -> None:
    assert await in_time(0.01, answer(10)) is None
    await anyio.lowlevel.checkpoint()
    assert await in_time(10, answer(0.01)) == "done"


async def test_an_error_comes_through() -> None:
    async def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await in_time(10, fail())


async def test_a_scope_around_it_that_ends_first_is_obeyed() -> None:
    with anyio.move_on_after(0.01) as scope:
        await in_time(10, answer(10))
    assert scope.cancelled_caught


@pytest.mark.parametrize("own", [0.009, 0.01, 0.011])
async def test_a_scope_that_ends_in_the_same_moment_is_obeyed(own: float) -> None:
    async def linger() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.03)
        await anyio.sleep(10)

    with anyio.move_on_after(0.01) as scope:
        await in_time(own, linger())
        await anyio.sleep(10)
    assert scope.cancelled_caught
    await anyio.sleep(0.01)


async def test_a_task_group_within_is_ended_by_it() -> None:
    ended = []

    async def child() -> None:
        try:
            await anyio.sleep(10)
        finally:
            ended.append("child")

    async def work() -> str:
        async with anyio.create_task_group() as group:
            group.start_soon(child)
            group.start_soon(child)
        return "done"

    assert await in_time(0.01, work()) is None
    assert ended == ["child", "child"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancellation_of_asyncios_own_comes_through(anyio_backend: str) -> None:
    task = asyncio.ensure_future(in_time(10, answer(10)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
