"""In containers whose process 1 is the image's shell, programs see what an engine's execs see."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import anyio
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.executions import ExecutionSandbox
from asynccode.errors import InputError, SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Sandbox
from asynccode.outcomes import ExecResult, Limits, MiB, Outcome

from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
pytestmark = pytest.mark.anyio
LIMITS = Limits(step_seconds=20, memory_bytes=128 * MiB, processes=64, output_bytes=65536)
LIST = ["ps", "-eo", "pid=,ppid=,sid=,tty=,args="]


@pytest.fixture(scope="module")
async def sandbox(engine: EngineBackend) -> AsyncIterator[Sandbox]:
    if not engine.reaches_in:
        pytest.skip(f"{engine.name} runs elsewhere")
    async with await engine.open(Image(shell="/bin/bash"), LIMITS) as opened:
        yield opened


async def bash(sandbox: Sandbox, code: str, seconds: float | None = None) -> ExecResult:
    return await sandbox.exec(["bash", "-c", code], seconds=seconds)


async def test_a_program_is_nobody_s_child_and_sees_the_shell_and_nothing_of_ours(
    sandbox: Sandbox,
) -> None:
    seen = [line.split() for line in (await sandbox.exec(LIST)).text.splitlines()]
    number = seen[1][0]
    assert seen == [
        ["1", "0", "1", "pts/0", "/bin/bash"],
        [number, "0", number, "?", *LIST],
    ]
    assert int(number) > 500


async def test_a_program_has_the_variables_that_it_is_given_and_no_others(
    sandbox: Sandbox,
) -> None:
    said = await sandbox.exec(["env"], env={"HOSTNAME": "a b"})
    assert sorted(said.text.splitlines()) == [
        "HOME=/root",
        "HOSTNAME=a b",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]


async def test_output_and_errors_can_be_had_apart(sandbox: Sandbox) -> None:
    ran = await sandbox.exec(["bash", "-c", "echo out; echo err >&2; exit 3"], split=True)
    assert (ran.outcome, ran.exit_code) == (Outcome.NONZERO, 3)
    assert (ran.stdout, ran.stderr) == (b"out\n", b"err\n")


async def test_there_is_no_session(sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="no session"):
        await sandbox.session()


@pytest.mark.parametrize(
    ("argv", "cwd", "words"), [(["nothing"], "/", "nothing"), (["ls"], "/none", "/none")]
)
async def test_what_cannot_be_executed_says_so(
    sandbox: Sandbox, argv: list[str], cwd: str, words: str
) -> None:
    ran = await sandbox.exec(argv, cwd=cwd)
    assert ran.exit_code in (126, 127)
    assert words in ran.text


async def test_a_program_that_hangs_is_ended_and_so_is_what_it_started(sandbox: Sandbox) -> None:
    ran = await bash(sandbox, "echo begun; trap '' TERM; sleep 98 & sleep 97", seconds=1)
    assert (ran.outcome, ran.exit_code, ran.output) == (Outcome.TIMEOUT, None, b"begun\n")
    assert "sleep" not in (await sandbox.exec(LIST)).text


async def test_what_writes_without_end_meets_its_limit(sandbox: Sandbox) -> None:
    ran = await bash(sandbox, "yes")
    assert ran.outcome is Outcome.OUTPUT_LIMIT
    assert len(ran.output) == LIMITS.output_bytes
    assert ran.truncated
    assert "yes" not in (await sandbox.exec(LIST)).text


async def test_what_goes_on_in_the_background_outlives_its_program(sandbox: Sandbox) -> None:
    assert (await bash(sandbox, "sleep 96 >/dev/null 2>&1 & echo hi")).output == b"hi\n"
    assert "sleep 96" in (await sandbox.exec(LIST)).text
    assert (await bash(sandbox, "pkill sleep")).exit_code == 0


async def test_a_cancelled_program_is_ended(sandbox: Sandbox) -> None:
    with anyio.move_on_after(0.5):
        await bash(sandbox, "sleep 95")
    assert "sleep 95" not in (await sandbox.exec(LIST)).text


async def test_process_1_minds_no_signals(sandbox: Sandbox) -> None:
    await bash(sandbox, "for word in HUP INT QUIT TERM USR1 KILL; do kill -$word 1; done")
    assert (await bash(sandbox, "echo there")).output == b"there\n"


async def test_files_and_changes_are_as_in_any_container(sandbox: Sandbox) -> None:
    await bash(sandbox, "echo one > /work/file")
    assert await sandbox.read("/work/file") == b"one\n"
    assert [change.path for change in await sandbox.changes()] == [b"/work/file"]


async def test_a_sandbox_without_process_1_is_lost(engine: EngineBackend) -> None:
    async with await engine.open(Image(shell="/bin/bash"), LIMITS) as sandbox:
        await sandbox.exec(["true"])
        await engine.engine.containers.remove(sandbox.name)
        with pytest.raises(SandboxLost, match=sandbox.name):
            await sandbox.exec(["true"])


async def test_a_program_whose_container_ends_is_lost_and_has_no_status(
    engine: EngineBackend,
) -> None:
    if not engine.reaches_in:
        pytest.skip(f"{engine.name} runs elsewhere")
    async with await engine.open(Image(shell="/bin/bash"), LIMITS) as sandbox:
        assert isinstance(sandbox, ExecutionSandbox)

        async def end_it() -> None:
            await anyio.sleep(0.3)
            os.kill(sandbox._container.init, signal.SIGKILL)

        async with anyio.create_task_group() as group:
            group.start_soon(end_it)
            with pytest.raises(SandboxLost, match=sandbox.name):
                await sandbox.exec(["sleep", "5"])
