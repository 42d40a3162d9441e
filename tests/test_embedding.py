"""The page on embedding: its examples run as they stand, and worlds end with their block."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

import asynccode
from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import InputError
from asynccode.outcomes import ExecResult
from asynccode.testing.chat_answers import Answer
from asynccode.testing.chat_server import serve
from asynccode.testing.fakes import FakeBackend, FakeSandbox, FakeSession

from .conftest import REPOSITORY

pytestmark = pytest.mark.anyio
PAGE = (REPOSITORY / "asynccode" / "EMBEDDING.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n(?:\n```\n(.*?)```)?", PAGE, re.DOTALL)


def answer(request: Mapping[str, Any]) -> Answer:
    """Multiply with Bash, as a model would: one call of the tool, then what it said."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return str(last["content"]).split()[-1]
    _, _, a, *_, b = last["content"].rstrip("?").split()
    call = {"name": "bash", "arguments": json.dumps({"code": f"echo $(({a} * {b}))"})}
    return {"tool_calls": [{"id": "c1", "type": "function", "function": call}]}


async def run(code: str, **env: str) -> str:
    ran = await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, **env},
            check=False,
        )
    )
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.nsjail
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("number", [0, 2])
async def test_an_example_prints_what_stands_below_it(
    nsjail_backend: NsjailBackend, number: int
) -> None:
    code, output = EXAMPLES[number]
    assert await run(code) == output


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("number", [3, 4])
async def test_an_example_of_databases_prints_what_stands_below_it(number: int) -> None:
    code, output = EXAMPLES[number]
    assert await run(code) == output


@pytest.mark.nsjail
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_tool_answers_a_model(nsjail_backend: NsjailBackend) -> None:
    code, output = EXAMPLES[1]
    assert output == ""
    async with serve(answer) as server:
        said = await run(code, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="none")
    assert sorted(said.split()) == ["30", "36", "42"]


@pytest.mark.nsjail
async def test_cancelling_a_step_keeps_the_session_and_leaving_ends_the_world(
    nsjail_backend: NsjailBackend,
) -> None:
    async with asynccode.open(nsjail_backend) as world:
        with anyio.move_on_after(0.3):
            await world.run("x=1; sleep 60")
        assert (await world.run("echo $x")).text == "1\n"
    assert nsjail_backend.statistics()["open"] == 0


async def test_a_world_ends_with_its_block_however_that_ends() -> None:
    backend = FakeBackend()
    with pytest.raises(ZeroDivisionError):
        async with asynccode.open(backend, files={"a": b"0"}) as world:
            _ = 1 / int((await world.run("cat a")).text)
    with anyio.move_on_after(0.05) as scope:
        async with asynccode.open(backend) as world:
            await world.run("hang")
    assert scope.cancelled_caught
    async with anyio.create_task_group() as group:

        async def converse() -> None:
            async with asynccode.open(backend) as world:
                await world.run("hang")

        for _ in range(10):
            group.start_soon(converse)
        while backend.statistics()["open"] < 10:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert backend.statistics()["open"] == 0


class OneAtATime(FakeSession):
    busy = False

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        assert not self.busy
        self.busy = True
        try:
            return await super().run(code, seconds=seconds, split=split)
        finally:
            self.busy = False


async def test_calls_from_several_tasks_queue() -> None:
    async with asynccode.open(FakeBackend()) as world, anyio.create_task_group() as group:
        assert isinstance(world.sandbox, FakeSandbox)
        world.session = OneAtATime(world.sandbox)
        for _ in range(5):
            group.start_soon(world.run, "sleep 0.01")


async def test_a_named_backend_is_opened_for_the_world_alone() -> None:
    async with asynccode.open("asynccode.testing.fakes:FakeBackend") as world:
        assert (await world.run("echo 1")).text == "1\n"
    with pytest.raises(InputError, match="There is no backend 'jail'"):
        async with asynccode.open("jail"):
            pass
