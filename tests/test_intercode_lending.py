"""Worlds that gold is played in are passed on, if and only if nothing was written in them."""

from __future__ import annotations

import anyio
import pytest

from asynccode.backends.nsjail import NsjailBackend
from asynccode.tasks.intercode import lending, quoting
from asynccode.tasks.intercode.lending import Lending
from asynccode.tasks.intercode.suite import LIMITS, CompatSuite
from asynccode.tasks.intercode.world import World
from tests.test_intercode_environment import Counting, suite, worlds

__all__ = ["suite", "worlds"]
pytestmark = [pytest.mark.anyio, pytest.mark.nsjail]


async def _play(suite: CompatSuite, lender: Lending, code: str, found: list[str]) -> None:
    task = suite.tasks[0]
    async with lender.lend(task.image, task.metadata["filesystem"]) as world:
        plan = quoting.Plan(argv=quoting.argv(code), cwd="/")
        found.append((await world.act(plan, seconds=10)).observation)
        await world.changes()


@pytest.fixture
def lender(suite: CompatSuite, worlds: Counting, monkeypatch: pytest.MonkeyPatch) -> Lending:
    monkeypatch.setattr(lending, "AT_ONCE", 1)
    return Lending(worlds, LIMITS, young=False)


async def test_a_world_in_which_all_only_read_serves_them_all(
    suite: CompatSuite, worlds: Counting, lender: Lending
) -> None:
    found: list[str] = []
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(_play, suite, lender, "cat /w/a; ls -l /w", found)
    assert len(set(found)) == 1
    assert worlds.opened == 1


@pytest.mark.parametrize(
    "code", ["touch /w/a", "mkdir /w/x; rmdir /w/x", "cp -p /w/a /w/b; mv /w/b /w/a", "sleep 3 &"]
)
async def test_a_world_that_may_differ_in_anything_serves_nobody_else(
    suite: CompatSuite, worlds: Counting, lender: Lending, code: str
) -> None:
    found: list[str] = []
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(_play, suite, lender, code, found)
    assert worlds.opened == 3


async def test_who_stops_waiting_takes_no_world_along(
    suite: CompatSuite, worlds: Counting, lender: Lending, nsjail_backend: NsjailBackend
) -> None:
    found: list[str] = []
    for moment in (0.0, 0.02, 0.05, 0.1, 0.2):
        async with anyio.create_task_group() as group:
            with anyio.move_on_after(moment):
                async with anyio.create_task_group() as leaving:
                    for _ in range(4):
                        leaving.start_soon(_play, suite, lender, "cat /w/a", found)
            group.start_soon(_play, suite, lender, "cat /w/a", found)
    assert found[-1] == "one two\n"
    assert nsjail_backend.statistics()["open"] == 0


async def test_git_is_asked_anew_after_whatever_it_could_see(
    suite: CompatSuite, worlds: Counting
) -> None:
    task = suite.tasks[0]
    async with await worlds.open(task.image, LIMITS) as sandbox:
        world = World(sandbox)
        await world.reset(task.metadata["filesystem"], young=False)
        assert await world.changes() == await world.changes() == set()
        for code, seen in (
            ("echo new > /w/a", {("w/a", "M")}),
            ("git checkout /w/a; touch /w/b", {("w/b", "??")}),
            ("git add /w/b", {("w/b", "A")}),
        ):
            await sandbox.exec(["bash", "-c", code])
            assert await world.changes() == await world.changes() == seen
