"""A program that the warden starts is held as one that nsjail starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from asynccode.backends import processes
from asynccode.backends.jail import seccomp
from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Program, Sandbox
from asynccode.outcomes import Limits, MiB

pytestmark = [pytest.mark.anyio, pytest.mark.nsjail]
HELD = r"""
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status; cat /proc/self/limits
nice; cat /proc/self/oom_score_adj /proc/self/cgroup /proc/self/mountinfo; umask; pwd
for name in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$name; done
env | grep -vE '^(OLDPWD|SHLVL|_)=' | sort
"""
CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for number in {numbers}:
    child = os.fork()
    if child == 0:  # a call that is let through may do anything, such as end us
        flags = 0x10000000 if number == 56 else -1
        libc.syscall(number, flags, -1, -1, -1, -1, -1)
        os._exit(ctypes.get_errno())
    print(number, os.waitpid(child, 0)[1])
"""


@pytest.fixture
async def sandbox(nsjail_backend: NsjailBackend) -> AsyncIterator[Sandbox]:
    async with await nsjail_backend.open(Image(), Limits()) as opened:
        yield opened


async def written(program: Program) -> bytes:
    chunks = []
    while chunk := await program.receive():
        chunks.append(chunk)
    return b"".join(chunks)


async def test_it_has_the_rights_and_limits_of_a_session_s_program(sandbox: Sandbox) -> None:
    usual = await sandbox.exec(["bash", "-c", HELD])
    async with await sandbox.start(["bash", "-c", HELD]) as program:
        assert (await written(program)).decode() == usual.text
    assert "NoNewPrivs:\t1\nSeccomp:\t2\n" in usual.text


async def test_it_may_call_what_a_session_s_program_may(sandbox: Sandbox) -> None:
    numbers = [*seccomp.NUMBERS.values(), 425, 428, 438, 457, 39, 0x40000000 | 39]
    code = CALLS.format(numbers=numbers[:-1])
    usual = await sandbox.exec(["python3", "-c", code])
    async with await sandbox.start(["python3", "-c", code]) as program:
        said = (await written(program)).decode()
    assert said == usual.text
    assert said.count(f" {1 << 8}\n") > 40  # EPERM
    assert f"39 {0}\n" in said  # getpid is nobody's business to deny


async def test_it_inherits_nothing_but_its_three_streams(sandbox: Sandbox) -> None:
    code = "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
    async with await sandbox.start(["python3", "-c", code]) as program:
        assert await written(program) == b"[0, 1, 2]\n"


async def test_without_terminals_a_jail_has_no_place_for_them(sandbox: Sandbox) -> None:
    count = "grep -c devpts /proc/mounts"
    assert (await sandbox.exec(["bash", "-c", count])).text == "0\n"


async def test_whoever_waits_hears_that_the_jail_has_died(
    sandbox: Sandbox, nsjail_backend: NsjailBackend
) -> None:
    async with await sandbox.start(["sleep", "60"]) as program:
        for child in processes.tree(nsjail_backend.warden._pid):
            if processes.command(child).startswith(b"/bin/sh\0"):
                processes.send(child, signal.SIGKILL)
        with anyio.fail_after(10):
            with suppress(SandboxLost):
                assert await program.wait() == 137
            while sandbox.is_alive:
                await anyio.sleep(0.01)
    with pytest.raises(SandboxLost):
        await sandbox.start(["true"])


async def test_many_programs_cost_their_sandbox_no_memory_of_ours(sandbox: Sandbox) -> None:
    """What nobody reads stays with the programs: ours must not grow with it."""
    page = os.sysconf("SC_PAGESIZE")

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * page

    before = resident()
    programs = [await sandbox.start(["yes"]) for _ in range(16)]
    for program in programs:
        assert (await program.receive()).startswith(b"y\n")
    await anyio.sleep(0.2)
    assert resident() - before < 16 * MiB
    for program in programs:
        await program.aclose()


def test_nothing_stays_when_we_are_killed() -> None:
    mark = f"61.{os.getpid()}"
    code = f"""
import anyio
from asynccode.backends.nsjail import NsjailBackend
from asynccode.images import Image
from asynccode.outcomes import Limits, Window
async def main():
    async with NsjailBackend() as backend, await backend.open(Image(), Limits()) as sandbox:
        plain = await sandbox.start(["sleep", "{mark}"])
        typed = await sandbox.start(["bash", "-c", "sleep {mark} & sleep {mark}"], window=Window())
        while not ready():
            await anyio.sleep(0.01)
        print("up", flush=True)
        await anyio.sleep_forever()
def ready():
    import os
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{{name}}/cmdline", "rb") as file:
                count += file.read() == b"sleep\\x00{mark}\\x00"
        except OSError:
            pass
    return count == 3
anyio.run(main)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.kill()
    wanted = f"sleep\0{mark}\0".encode()
    for _ in range(1000):
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        left = [pid for pid in pids if processes.command(pid) == wanted]
        if not left:
            return
        anyio.run(anyio.sleep, 0.01)
    pytest.fail(f"processes {left} have outlived us")
