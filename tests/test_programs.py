"""Programs that are spoken to while they run: what no conformance check can see from outside."""

from __future__ import annotations

import pytest

from asynccode.errors import InputError
from asynccode.images import Image
from asynccode.outcomes import Limits, Window
from asynccode.testing.fakes import FakeBackend

pytestmark = pytest.mark.anyio


async def test_a_fake_program_gives_back_what_it_is_sent() -> None:
    async with (
        FakeBackend() as backend,
        await backend.open(Image(), Limits()) as sandbox,
        await sandbox.start(["cat"]) as program,
    ):
        await program.send(b"one")
        assert await program.receive() == b"one"
        await program.send_eof()
        assert await program.receive() == b""
        assert await program.wait() == 0


async def test_a_fake_shell_keeps_its_variables() -> None:
    async with (
        FakeBackend() as backend,
        await backend.open(Image(), Limits()) as sandbox,
        await sandbox.start(["shell"], window=Window()) as program,
    ):
        await program.send(b"set x 5\nget")
        await program.send(b" x\n")
        assert await program.receive() == b"5\n"
        await program.resize(Window(rows=10, columns=20))
        await program.send(b"no-such\n")
        assert await program.receive() == b"no-such: command not found\n"
        assert await program.wait() == 127


async def test_a_fake_program_without_a_terminal_has_no_size() -> None:
    async with FakeBackend() as backend, await backend.open(Image(), Limits()) as sandbox:
        program = await sandbox.start(["echo", "words"])
        with pytest.raises(InputError, match="window"):
            await program.resize(Window())
        assert await program.receive() == b"words\n"
        assert await program.wait() == 0
