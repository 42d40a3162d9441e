"""Where an image's shell is process 1, programs see what they see in a container made for it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import pytest

from asynccode.backends import processes
from asynccode.backends.jail.sandbox import NsjailSandbox
from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import InputError, SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Sandbox
from asynccode.outcomes import Limits, MiB, Outcome

from .test_jail_programs import HELD, written

pytestmark = [pytest.mark.anyio, pytest.mark.nsjail]
IMAGE = Image(shell="/bin/bash")
LIMITS = Limits(memory_bytes=64 * MiB, processes=64, output_bytes=65536)
LIST = ["ps", "-eo", "pid=,ppid=,sid=,tty=,args="]
SIGNALS = "HUP INT QUIT ABRT USR1 SEGV USR2 PIPE ALRM TERM XCPU KILL"


@pytest.fixture
async def sandbox(nsjail_backend: NsjailBackend) -> AsyncIterator[Sandbox]:
    async with await nsjail_backend.open(IMAGE, LIMITS) as opened:
        yield opened


async def listed(sandbox: Sandbox) -> dict[int, list[str]]:
    """List the processes by number: parent, session, terminal, words."""
    rows = [line.split() for line in (await sandbox.exec(LIST)).text.splitlines()]
    return {int(number): rest for number, *rest in rows}


async def test_a_program_is_nobody_s_child_and_sees_the_shell_and_nothing_of_ours(
    sandbox: Sandbox,
) -> None:
    first, second = await listed(sandbox), await listed(sandbox)
    (number,), (later,) = (set(seen) - {1} for seen in (first, second))
    assert first == {
        1: ["0", "1", "pts/0", "/bin/bash"],
        number: ["0", str(number), "?", *LIST],
    }
    assert later == number + 1 > 500
    states = (await sandbox.exec(["ps", "-o", "stat=", "-p", "1"])).text
    assert states.startswith("S")
    assert states.strip().endswith("s+")  # leads its session, and has its terminal
    assert (await sandbox.exec(["bash", "-c", "pstree -a; ls /proc/self/fd"])).text == (
        "bash\n0\n1\n2\n3\n"
    )


async def test_a_program_that_comes_as_its_world_ends_is_lost_or_was_quicker(
    nsjail_backend: NsjailBackend,
) -> None:
    for _ in range(10):
        async with await nsjail_backend.open(IMAGE, LIMITS) as sandbox:
            assert isinstance(sandbox, NsjailSandbox)
            os.kill(sandbox._init, signal.SIGKILL)
            with suppress(SandboxLost):
                assert (await sandbox.exec(["true"])).exit_code == 0


async def test_a_program_has_the_variables_that_it_is_given_and_no_others(
    sandbox: Sandbox,
) -> None:
    said = await sandbox.exec(["env"], env={"HOSTNAME": "a b"})
    assert sorted(said.text.splitlines()) == [
        "HOME=/root",
        "HOSTNAME=a b",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]


async def test_a_program_has_the_rights_and_limits_of_one_that_is_started(
    sandbox: Sandbox,
) -> None:
    ran = await sandbox.exec(["bash", "-c", HELD], env={"TERM": "dumb"})
    async with await sandbox.start(["bash", "-c", HELD]) as program:
        assert (await written(program)).decode() == ran.text
    assert "Seccomp:\t2" in ran.text


async def test_what_cannot_be_executed_says_so_as_in_a_shell(sandbox: Sandbox) -> None:
    for argv, cwd, status, words in (
        (["nothing"], "/", 127, b"nothing: No such file or directory\n"),
        (["/etc"], "/", 126, b"/etc: Permission denied\n"),
        (["pwd"], "/nowhere", 126, b"/nowhere: No such file or directory\n"),
        (["bash", "-c", "kill -9 $$"], "/", 137, b""),
        (["pwd"], "/usr/bin", 0, b"/usr/bin\n"),
    ):
        said = await sandbox.exec(argv, cwd=cwd)
        assert (said.exit_code, said.output) == (status, words)
    await sandbox.write("/work/script", b"echo $0 $1\n", mode=0o755)
    assert (await sandbox.exec(["./script", "x"])).text == "./script x\n"
    for word in ("a\0b", "\ud800"):
        assert (await sandbox.exec(["echo", word])).outcome is Outcome.REFUSED
    said = await sandbox.exec(["bash", "-c", "echo a; echo b >&2"], split=True)
    assert (said.stdout, said.stderr) == (b"a\n", b"b\n")


async def test_a_program_over_its_time_is_killed_and_what_was_there_before_goes_on(
    sandbox: Sandbox,
) -> None:
    await sandbox.exec(["bash", "-c", "sleep 1000 & disown"])
    said = await sandbox.exec(["bash", "-c", "setsid sleep 2000 & sleep 3000"], seconds=0.3)
    assert (said.outcome, said.exit_code) == (Outcome.TIMEOUT, None)
    left = {number: row[-1] for number, row in (await listed(sandbox)).items() if row[0] == "1"}
    assert list(left.values()) == ["1000"]


async def test_a_cancelled_program_is_gone_and_the_next_one_runs(sandbox: Sandbox) -> None:
    with anyio.move_on_after(0.3):
        await sandbox.exec(["sleep", "1000"])
    assert len(await listed(sandbox)) == 2


async def test_limits_are_met_and_the_sandbox_goes_on(sandbox: Sandbox) -> None:
    eater = "import time; held = [bytearray(1 << 20) for _ in range(200)]"
    assert (await sandbox.exec(["python3", "-c", eater])).outcome is Outcome.MEMORY_LIMIT
    bomb = "bomb() { bomb | bomb & }; bomb; sleep 2"
    assert (await sandbox.exec(["bash", "-c", bomb])).outcome is Outcome.PROCESS_LIMIT
    assert (await sandbox.exec(["yes"])).outcome is Outcome.OUTPUT_LIMIT
    assert len(await listed(sandbox)) == 2


async def test_memory_full_of_files_kills_programs_and_not_what_runs_them(sandbox: Sandbox) -> None:
    filler = "head -c 200M /dev/zero >/tmp/a; cat /tmp/a | tail -c 1"
    for _ in range(3):
        said = await sandbox.exec(["bash", "-c", filler])
        assert said.outcome is Outcome.MEMORY_LIMIT


async def test_nothing_inside_ends_process_1(sandbox: Sandbox) -> None:
    await sandbox.exec(["bash", "-c", f"for s in {SIGNALS}; do kill -$s 1; kill -$s -1; done"])
    await anyio.sleep(0.1)
    assert (await listed(sandbox))[1][-1] == "/bin/bash"


async def test_it_has_no_session_and_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="no session"):
        await sandbox.session()


async def test_a_runner_that_is_killed_has_a_successor(nsjail_backend: NsjailBackend) -> None:
    async with await nsjail_backend.open(IMAGE, LIMITS) as sandbox:
        for _ in range(2):
            (pid,) = await anyio.to_thread.run_sync(runners)
            os.kill(pid, signal.SIGKILL)
            said = await sandbox.exec(["true"])
            assert said.exit_code in (0, 137)
            assert len(await listed(sandbox)) == 2


async def test_no_runner_outlives_its_sandbox(nsjail_backend: NsjailBackend) -> None:
    async with await nsjail_backend.open(IMAGE, LIMITS) as sandbox:
        (pid,) = await anyio.to_thread.run_sync(runners)
        await sandbox.exec(["true"])
    assert not os.path.exists(f"/proc/{pid}")


async def test_whoever_waits_hears_that_the_jail_has_died(nsjail_backend: NsjailBackend) -> None:
    async with await nsjail_backend.open(IMAGE, LIMITS) as sandbox:
        while nsjail_backend.statistics()["ahead"] == 0:  # which must not hold its streams
            await anyio.sleep(0.01)
        (warden,) = processes.children(os.getpid())
        (runner,) = await anyio.to_thread.run_sync(runners)

        async def kill() -> None:
            await anyio.sleep(0.2)
            for pid in processes.children(warden):
                if pid != runner:
                    processes.send(pid, signal.SIGKILL)

        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            with anyio.fail_after(3), suppress(SandboxLost):
                assert (await sandbox.exec(["sleep", "60"], seconds=60)).exit_code == 137


async def test_a_program_starts_no_siblings_of_its_own(sandbox: Sandbox) -> None:
    clone = "import ctypes; print(ctypes.CDLL(None).syscall(56, 0x8000 | 17, 0, 0, 0, 0))"
    assert (await sandbox.exec(["python3", "-c", clone])).text == "-1\n"


def runners() -> list[int]:
    """Find the runners below this process: what starts programs elsewhere than where it is."""
    (warden,) = processes.children(os.getpid())
    return [
        pid
        for pid in processes.children(warden)
        if len({os.readlink(f"/proc/{pid}/ns/{name}") for name in ("pid", "pid_for_children")}) > 1
    ]
