"""What a program that is root of a container leaves behind with system calls: nobody sees it."""

from __future__ import annotations

from textwrap import dedent

import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.images import Image
from asynccode.interfaces import Sandbox, Session
from asynccode.outcomes import Limits

from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]

PRELUDE = """
import ctypes, fcntl, os, platform, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
GET_HINT, SET_HINT, SETSIG = 1035, 1036, 10
def set_hint(path): fcntl.fcntl(os.open(path, os.O_RDONLY), SET_HINT, struct.pack("Q", 3))
def hint(path): return fcntl.fcntl(os.open(path, os.O_RDONLY), GET_HINT, bytes(8))
def pages():
    for line in open("/proc/1/maps"):
        first, last = (int(word, 16) for word in line.split()[0].split("-"))
        if "/" in line.split()[-1]: yield from range(first, last, 4096)
"""

SPOILS = {
    "the slice of processor time of process 1": """
        slice_ = struct.pack("IIQiIQQQII", 56, 0, 0, 0, 0, 12345678, 0, 0, 0, 0)
        number = {"x86_64": 314, "aarch64": 274}[platform.machine()]
        assert libc.syscall(number, 1, slice_, 0) == 0""",
    "which pages of its files process 1 has": """
        with open("/proc/1/mem", "rb", buffering=0) as memory:
            for page in pages():
                try: os.pread(memory.fileno(), 1, page)
                except OSError: pass""",
    "who is told of a pipe": "fcntl.fcntl(1, fcntl.F_SETOWN, 1)",
    "how it is told": "fcntl.fcntl(1, SETSIG, 34)",
    "a hint at a pipe": 'set_hint("/proc/1/fd/0")',
    "the mode of a pipe": 'os.chmod("/proc/1/fd/9", 0o741)',
    "the owner of a pipe": "os.fchown(1, 4242, 77)",
    "a hint at a device": 'set_hint("/dev/null")',
    "a hint at a terminal's maker": 'set_hint("/dev/pts/ptmx")',
    "a hint at a folder in memory": 'set_hint("/dev/shm")',
    "a hint at a folder of the kernel": 'set_hint("/proc")',
    "a hint at a folder that something is mounted in": 'set_hint("/etc")',
    "a hint at a file from outside": 'set_hint("/etc/hosts")',
    "files without a name": """
        for _ in range(10): os.close(os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR))""",
    "a segment that is gone": "libc.shmctl(libc.shmget(0, 1, 0o600), 0, None)",
    "a queue that is gone": "libc.msgctl(libc.msgget(0, 0o600), 0, None)",
    "semaphores that are gone": "libc.semctl(libc.semget(0, 1, 0o600), 0, 0)",
    "a label for packets": """
        to = socket.inet_pton(socket.AF_INET6, "::1") + struct.pack(">I", 0x12345)
        label = to + struct.pack("=BBHHHI", 0, 1, 1, 60, 60, 0)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as end:
            end.setsockopt(socket.IPPROTO_IPV6, 32, label)""",
    "the mode of what tells of the network": 'os.chmod("/proc/net/dev", 0o123)',
    "its owner": 'os.chown("/proc/net/unix", 4242, 77)',
    "the mode of a folder of it": 'os.chmod("/proc/net/stat", 0o700)',
    "a packet that could not be sent": """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            try: end.sendto(b"x", ("10.0.0.1", 99))
            except OSError: pass""",
}
"""What is named, and how it is done."""

UNSEEN = {
    "times of the kernel's files": (
        'for name in ("1/status", "1/task"): os.utime(f"/proc/{name}", (1, 2))',
        'for name in ("1/status", "1/task"): print(os.stat(f"/proc/{name}").st_mtime < 10)',
    ),
    "times of the pipes": (
        'for number in (0, 1, 9): os.utime(f"/proc/1/fd/{number}", (1, 2))',
        'for number in (0, 1, 9): print(os.stat(f"/proc/1/fd/{number}").st_mtime < 10)',
    ),
    "a hint at a file of the image": ('set_hint("/etc/passwd")', 'print(hint("/etc/passwd"))'),
}
"""What is named, how it is done, and how it would show."""


TRIES = 5
"""On a busy machine process 1 may be seen to lose a processor, which is not believed."""


async def _run(session: Session, code: str) -> str:
    program = f"{PRELUDE}\n{dedent(code)}\nprint('done')"
    result = await session.run(f"python3 - <<'END'\n{program}\nEND")
    assert result.text.endswith("done\n"), result.text
    return result.text


async def _is_last(sandbox: Sandbox) -> bool:
    again = await sandbox.renew()
    if again is not None:
        await again.aclose()
    return again is None


@pytest.mark.parametrize("trace", SPOILS)
async def test_who_left_a_trace_was_the_last(engine: EngineBackend, trace: str) -> None:
    sandbox = await engine.open(Image(), Limits())
    await _run(await sandbox.session(), SPOILS[trace])
    assert await _is_last(sandbox)


@pytest.mark.parametrize("trace", UNSEEN)
async def test_who_comes_next_does_not_see(engine: EngineBackend, trace: str) -> None:
    do, look = UNSEEN[trace]
    for _ in range(TRIES):
        sandbox = await engine.open(Image(), Limits())
        session = await sandbox.session()
        before = await _run(session, look)
        await _run(session, do)
        assert await _run(session, look) != before
        if (again := await sandbox.renew()) is not None:
            async with again:
                assert await _run(await again.session(), look) == before
            return
    raise AssertionError(f"it was never used again: {engine.spoilt}")


@pytest.mark.debian
@pytest.mark.parametrize("path", ["/bin/sh", "/usr"])
async def test_a_hint_at_what_process_1_holds_is_found(
    engine: EngineBackend, debian_base: str, path: str
) -> None:
    sandbox = await engine.open(Image(base=debian_base), Limits())
    hint = f'open(F, "<", "{path}"); $hint = pack("Q", 3); fcntl(F, 1036, $hint) and print "done"'
    assert (await (await sandbox.session()).run(f"perl -e '{hint}'")).text == "done"
    assert await _is_last(sandbox)
