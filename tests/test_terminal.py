"""Terminals: reading what is written to one, and driving real programs on one."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator

import pytest

from asynccode.backends import layers
from asynccode.backends.nsjail import NsjailBackend
from asynccode.images import Image
from asynccode.interfaces import Sandbox
from asynccode.outcomes import Limits
from asynccode.terminal import Ending, Terminal, plain
from asynccode.testing.fakes import FakeBackend

pytestmark = pytest.mark.anyio


@pytest.fixture
async def sandbox(nsjail_backend: NsjailBackend) -> AsyncIterator[Sandbox]:
    async with await nsjail_backend.open(Image(), Limits()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (b"\x1b[1;31mred\x1b[0m text\r\n", "red text\n"),
        (b"\x1b]0;a title\x07prompt$ ", "prompt$ "),
        (b"\x1b[?2004hready> \x1b[?2004l\r", "ready> "),
        (b" 10%\r 50%\r100%\r\ndone\r\n", "100%\ndone\n"),
        (b"abc\b\bX\n", "aXc\n"),
        (b"\xff and \xc3\xa9", "\ufffd and é"),
        (b"\x1b(B\x1b=bell\x07", "bell"),
    ],
)
def test_what_is_to_be_read_is_without_escapes_and_as_overwritten(output: bytes, text: str) -> None:
    assert plain(output) == text


async def test_a_match_takes_the_codes_before_it_and_leaves_the_rest() -> None:
    async with (
        FakeBackend() as backend,
        await backend.open(Image(), Limits()) as sandbox,
        await Terminal.open(sandbox, ["cat"]) as terminal,
    ):
        await terminal.send("\x1b[31mon\x1b[0m\x1b[32me\r\ntwo\n")
        reply = await terminal.expect("one\nt")
        assert reply.ending is Ending.MATCHED
        assert reply.output == b"\x1b[31mon\x1b[0m\x1b[32me\r\nt"
        assert reply.text == "one\nt"
        reply = await terminal.expect(re.compile(r"^w(o)$", re.MULTILINE))
        assert reply.match is not None
        assert reply.match[1] == "o"
        assert (await terminal.expect("more", quiet=0.01)).ending is Ending.QUIET
        await terminal.end_input()
        assert (await terminal.expect("more")).ending is Ending.ENDED
        assert await terminal.wait() == 0


async def test_what_is_kept_is_the_latest() -> None:
    async with (
        FakeBackend() as backend,
        await backend.open(Image(), Limits()) as sandbox,
        await Terminal.open(sandbox, ["cat"], kept=5) as terminal,
    ):
        await terminal.send("0123456789")
        reply = await terminal.expect(seconds=0.01)
        assert (reply.ending, reply.output, reply.truncated) == (Ending.TIMEOUT, b"56789", True)
        await terminal.send("x")
        assert not (await terminal.expect("x")).truncated


@pytest.mark.nsjail
async def test_python_s_prompt_and_debugger_are_driven(sandbox: Sandbox) -> None:
    await sandbox.write("work.py", b"def double(x):\n    y = 2 * x\n    return y\n\ndouble(21)\n")
    async with await Terminal.open(sandbox, ["python3", "-q"]) as python:
        await python.expect(">>> ")
        await python.send("1 / 0\n")
        assert "ZeroDivisionError" in (await python.expect("\n>>> ")).text
        await python.send("while True: pass\n\n")
        assert (await python.expect("\n>>> ", seconds=0.3)).ending is Ending.TIMEOUT
        await python.interrupt()
        assert "KeyboardInterrupt" in (await python.expect("\n>>> ")).text
        await python.send("exit(3)\n")
        assert await python.wait() == 3
    async with await Terminal.open(sandbox, ["python3", "-m", "pdb", "work.py"]) as debugger:
        await debugger.expect("(Pdb) ")
        for line, said in (("break 3", "Breakpoint 1"), ("continue", "return y"), ("p y", "42")):
            await debugger.send(f"{line}\n")
            assert said in (await debugger.expect("(Pdb) ")).text


@pytest.mark.nsjail
async def test_gdb_is_driven(sandbox: Sandbox) -> None:
    source = b"int twice(int x) { return 2 * x; }\nint main(void) { return twice(21); }\n"
    tools = [tool for tool in ("gcc", "gdb") if not shutil.which(tool, path="/usr/bin:/bin")]
    if tools:
        pytest.skip(f"tools: there is no {' and no '.join(tools)}")
    await sandbox.write("work.c", source)
    assert (await sandbox.exec(["gcc", "-g", "-o", "work", "work.c"])).exit_code == 0
    async with await Terminal.open(sandbox, ["gdb", "-q", "-nx", "./work"]) as debugger:
        await debugger.expect("(gdb) ")
        await debugger.send("print twice\n")
        assert "int (int)" in (await debugger.expect("(gdb) ")).text
        await debugger.send("list main\n")
        assert "twice(21)" in (await debugger.expect("(gdb) ")).text
        await debugger.send("quit\n")
        assert await debugger.wait() == 0


@pytest.mark.nsjail
async def test_both_ends_of_a_connection_are_driven(nsjail_backend: NsjailBackend) -> None:
    name = "debian-12-languages"
    if not layers.is_built(name):
        pytest.skip(f"tools: the base {name}, which has nc, is not built")
    async with (
        await nsjail_backend.open(Image(base=name), Limits()) as sandbox,
        await sandbox.start(["nc", "-l", "127.0.0.1", "7777"]) as server,
    ):
        reach = "until nc 127.0.0.1 7777; do sleep 0.05; done"
        async with await Terminal.open(sandbox, ["bash", "-c", reach]) as client:
            await client.send("hello\n")
            assert await server.receive() == b"hello\n"
            await server.send(b"world\n")
            assert (await client.expect("world\n")).ending is Ending.MATCHED
