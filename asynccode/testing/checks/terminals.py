"""Programs on terminals."""

from __future__ import annotations

import re
import secrets

import anyio

from asynccode.images import Image
from asynccode.interfaces import Backend
from asynccode.outcomes import Outcome, Window
from asynccode.terminal import Ending, Terminal
from asynccode.testing.checks.base import TIGHT, checks, expect
from asynccode.testing.checks.running import count_of

SHELL = ("bash", "--norc", "--noprofile", "-i")
PROMPT = {"PS1": "ready> "}


@checks()
async def a_terminal_is_one(backend: Backend) -> None:
    """A program on a terminal sees a terminal of the size asked for, and of the next size."""
    code = "tty >/dev/null && test -t 0 -a -t 1 -a -t 2 && stty size; read; stty size"
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await Terminal.open(
            sandbox, ["bash", "-c", code], window=Window(rows=31, columns=97)
        ) as terminal,
    ):
        assert (await terminal.expect("31 97")).ending is Ending.MATCHED
        await terminal.resize(Window(rows=12, columns=40))
        await terminal.send("\n")
        assert (await terminal.expect("12 40")).ending is Ending.MATCHED
        assert (await terminal.expect()).ending is Ending.ENDED
        assert await terminal.wait() == 0


@checks()
async def a_shell_by_hand(backend: Backend) -> None:
    """A shell on a terminal is driven line by line, interrupted, and ended with ^D."""
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await Terminal.open(sandbox, SHELL, env=PROMPT) as terminal,
    ):
        assert (await terminal.expect("ready> ")).ending is Ending.MATCHED
        await terminal.send("x=6; echo $((x * 7))\n")
        reply = await terminal.expect(re.compile(r"^(\d+)\n", re.MULTILINE))
        assert reply.match, f"no answer in {reply.text!r}"
        assert reply.match[1] == "42"
        await terminal.expect("ready> ")
        await terminal.send("sleep 60\n")
        assert (await terminal.expect("ready> ", seconds=0.3)).ending is Ending.TIMEOUT
        await terminal.interrupt()
        assert (await terminal.expect("ready> ")).ending is Ending.MATCHED, "^C did nothing"
        await terminal.send("echo $?\n")
        assert (await terminal.expect("130")).ending is Ending.MATCHED
        await terminal.expect("ready> ")
        await terminal.end_input()
        assert (await terminal.expect()).ending is Ending.ENDED
        assert await terminal.wait() == 0


@checks()
async def two_time_outs(backend: Backend) -> None:
    """What is not said in time, or not followed by more in time, is told apart, and kept."""
    code = "echo first; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; echo again; done; sleep 60"
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await Terminal.open(sandbox, ["bash", "-c", code]) as terminal,
    ):
        reply = await terminal.expect("never", seconds=0.6)
        assert reply.ending is Ending.TIMEOUT
        assert reply.text.startswith("first\n"), f"{reply.text!r}"
        reply = await terminal.expect("never", seconds=20, quiet=1.5)
        assert reply.ending is Ending.QUIET
        assert reply.text.endswith("again\n"), f"{reply.text!r}"


@checks()
async def a_flood_on_a_terminal(backend: Backend) -> None:
    """A program that writes without end is kept to the cap, the latest of it, and interrupted."""
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await Terminal.open(sandbox, ["bash", "-c", "yes; echo over"], kept=4096) as terminal,
    ):
        reply = await terminal.expect("never", seconds=0.5)
        assert reply.ending is Ending.TIMEOUT
        assert reply.truncated
        assert len(reply.output) <= 4096
        await terminal.interrupt()
        reply = await terminal.expect(seconds=10)
        assert reply.ending is Ending.ENDED, f"^C did not end it: {reply.ending}"


@checks()
async def much_typed(backend: Backend) -> None:
    """Long input is typed while its echo is read."""
    lines = "".join(f"line {number}\n" for number in range(3000))
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await Terminal.open(sandbox, ["wc", "-l"], kept=1 << 20) as terminal,
    ):
        assert await terminal.send(lines), "it was not taken"
        await terminal.end_input()
        reply = await terminal.expect()
        assert reply.text.endswith("3000\n"), f"{reply.text[-50:]!r}"


@checks()
async def terminals_beside(backend: Backend) -> None:
    """Terminals beside each other and the session are each their own, and end when closed."""
    sleep = f"sleep 61.{secrets.randbelow(10**9)}"
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()

        async def drive(number: int) -> None:
            async with await Terminal.open(sandbox, SHELL, env=PROMPT) as terminal:
                await terminal.expect("ready> ")
                await terminal.send(f"x={number}; {sleep} & \n")
                await terminal.expect("ready> ")
                await terminal.send("echo [$x]\n")
                assert (await terminal.expect(f"[{number}]")).ending is Ending.MATCHED

        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(drive, number)
            expect(await session.run("x=session; sleep 0.1; echo $x"), Outcome.OK, "session\n")
        left = await count_of(sandbox, sleep)
        assert left == "0", f"{left} processes of closed terminals run on"
        expect(await session.run("echo $x"), Outcome.OK, "session\n")
