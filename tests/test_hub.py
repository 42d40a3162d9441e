"""The hub lets a crowd begin in rounds, so that the event loop is never away for long."""

from __future__ import annotations

import anyio
import pytest

from asynccode.shell.hub import BATCH, Hub

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def wait(hub: Hub) -> None:
    if turn := hub.turn():
        await turn


async def test_of_a_crowd_only_a_batch_begins_in_one_round_and_all_begin_in_order() -> None:
    hub = Hub()
    begun: list[int] = []
    at_most = 0

    async def begin(number: int) -> None:
        await wait(hub)
        begun.append(number)

    async with anyio.create_task_group() as serving:
        serving.start_soon(hub.run)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as crowd:
            for number in range(5 * BATCH):
                crowd.start_soon(begin, number)
            before = 0
            while len(begun) < 5 * BATCH:
                await anyio.lowlevel.checkpoint()
                at_most = max(at_most, len(begun) - before)
                before = len(begun)
        hub.stop()
    hub.close()
    assert at_most == BATCH
    assert begun == list(range(5 * BATCH))


async def test_a_crowd_that_waits_when_the_hub_stops_is_let_go() -> None:
    hub = Hub()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(hub.run)
            await anyio.wait_all_tasks_blocked()
            for _ in range(20 * BATCH):
                group.start_soon(wait, hub)
            await anyio.lowlevel.checkpoint()
            hub.stop()
    hub.close()
