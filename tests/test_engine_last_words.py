"""What the error of a step says when somebody does something to its container meanwhile."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.errors import SandboxLost
from asynccode.images import Image
from asynccode.outcomes import Limits
from asynccode.shell import slot

from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]

ENDS = [["kill"], ["stop", "--time", "0"], ["rm", "--force"]]
WORDS = r"(?i)has ended: status (exited|stopped|removing|dead), exit code 137|no such container"
"""An engine that removes a container ends it first."""


async def _meanwhile(
    engine: EngineBackend, name: str, command: list[str], step: Callable[[], Awaitable[object]]
) -> str:
    """Do something to a container while a step runs in it; gives what the step's error says."""
    said = []

    async def run() -> None:
        with pytest.raises(SandboxLost) as lost:
            await step()
        said.append(str(lost.value))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.sleep(0.3)
        await anyio.run_process([engine.name, *command, name])
    return said[0]


@pytest.mark.parametrize("command", ENDS, ids=[command[0] for command in ENDS])
async def test_a_step_whose_container_is_ended_says_what_the_engine_says(
    engine: EngineBackend, command: list[str]
) -> None:
    async with await engine.open(Image(), Limits()) as sandbox:
        session = await sandbox.session()
        said = await _meanwhile(engine, sandbox.name, command, lambda: session.run("sleep 60"))
        assert re.search(WORDS, said), said
    for image in (Image(), Image(shell="/bin/bash")):
        async with await engine.open(image, Limits()) as sandbox:
            step = partial(sandbox.exec, ["sleep", "60"])
            said = await _meanwhile(engine, sandbox.name, command, step)
            assert re.search(WORDS, said), said


async def test_one_that_is_paused_is_said_to_be_paused(
    engine: EngineBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "START_SECONDS", 1.0)  # a shell is to end in that, too
    async with await engine.open(Image(), Limits(step_seconds=1)) as sandbox:
        session = await sandbox.session()
        said = await _meanwhile(engine, sandbox.name, ["pause"], lambda: session.run("sleep 60"))
    assert said == f"The container {sandbox.name} is paused."
