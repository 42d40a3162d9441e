"""Limits: each ends in its typed outcome, and the session goes on."""

from __future__ import annotations

import secrets

import anyio
from attrs import evolve

from asynccode.images import Image
from asynccode.interfaces import Backend, Session
from asynccode.outcomes import MiB, Outcome
from asynccode.testing.checks.base import TIGHT, checks, expect, running


async def _goes_on(session: Session) -> None:
    expect(await session.run("echo $x; pwd"), Outcome.OK)
    result = await session.run("sleep 0.1; echo $x")
    assert result.text == "kept\n", f"the variable is gone: {result.text!r}"


@checks()
async def a_time_out_keeps_the_shell(backend: Backend) -> None:
    """After a time-out the shell still has its variables, and the step's processes are gone."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        sleep, server = (f"sleep 6{n}.{secrets.randbelow(10**9)}" for n in (1, 2))
        await session.run(f"x=kept; {server} &")
        for code in (
            sleep,
            "while :; do :; done",
            "while true; do sleep 0.1; done; echo never",
            "f() { while [[ 1 ]]; do :; done; }; while :; do f; done",
            f"{sleep} & ({sleep}; {sleep}) | cat",
            "(trap '' TERM; while :; do echo spam; sleep 0.05; done) & wait",
            f"{sleep} & kill -STOP $!; wait",
        ):
            result = await session.run(code, seconds=0.3)
            expect(result, Outcome.TIMEOUT)
            assert not result.restarted, f"the shell was restarted by {code!r}"
            assert "never" not in result.text, f"{code!r} went on"
            await _goes_on(session)
        seen = await session.run(f"{running(sleep)}; {running(server)}")
        assert seen.text == "0\n1\n", f"processes left, and kept: {seen.text!r}"


@checks()
async def a_stopped_shell_goes_on(backend: Backend) -> None:
    """A step may stop its own shell: after the time-out that shell goes on."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("x=kept")
        result = await session.run("kill -STOP $$", seconds=0.3)
        expect(result, Outcome.TIMEOUT)
        assert not result.restarted, "the shell was restarted"
        await _goes_on(session)


@checks("processes")
async def stopped_programs_go_on(backend: Backend) -> None:
    """A step may stop all else that there is: what runs programs goes on after a time-out."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("x=kept")
        expect(await sandbox.exec(["echo", "first"]), Outcome.OK, "first\n")
        await session.run(
            "for p in $(ls /proc | grep ^[1-9]); do"
            " [ $p = 1 ] || [ $p = $$ ] || kill -STOP $p; done 2>/dev/null"
        )
        with anyio.fail_after(15):
            await sandbox.exec(["echo", "maybe"], seconds=0.3)
            expect(await sandbox.exec(["echo", "later"]), Outcome.OK, "later\n")
        await _goes_on(session)


@checks()
async def a_deaf_shell_is_replaced(backend: Backend) -> None:
    """A shell that ignores every signal is replaced after a time-out, and the result says so."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        code = "for s in {1..64}; do trap '' $s; done; while :; do :; done"
        result = await session.run(f"echo heard; {code} 2>/dev/null", seconds=0.3)
        expect(result, Outcome.TIMEOUT)
        assert result.restarted, "the shell was not restarted"
        assert result.text.startswith("heard\n"), f"output {result.text[:100]!r}"
        expect(await session.run("echo on"), Outcome.OK, "on\n")


@checks()
async def endless_output(backend: Backend) -> None:
    """A step that writes without end is stopped at the limit, and the shell goes on."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("x=kept")
        for code in ("yes", "cat /dev/zero", "head -c 1G /dev/zero | tr '\\0' x", "yes >&2"):
            result = await session.run(code)
            expect(result, Outcome.OUTPUT_LIMIT)
            assert result.truncated, "nothing says that output was dropped"
            assert len(result.output) == TIGHT.output_bytes, f"{len(result.output)} bytes kept"
            await _goes_on(session)
        await session.run("yes &")
        await anyio.sleep(0.2)
        await session.run("kill %1; wait")  # what it wrote meanwhile shows, once
        await _goes_on(session)


@checks("memory")
async def a_memory_hog(backend: Backend) -> None:
    """A step that takes too much memory ends as such, and the shell goes on."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("x=kept")
        code = "bash -c 'x=x; while :; do x=$x$x; done'"
        result = await session.run(code, seconds=20)
        assert result.outcome in (Outcome.MEMORY_LIMIT, Outcome.NONZERO), f"{result.outcome}"
        await _goes_on(session)


@checks("process_count")
async def a_fork_bomb(backend: Backend) -> None:
    """A fork bomb ends as such, and the shell goes on without it."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("x=kept")
        for bomb in (":(){ :|:& };:", "for i in {1..200}; do sleep 61 & done; wait"):
            expect(await session.run(bomb), Outcome.PROCESS_LIMIT)
            await session.run("x=kept")
            await _goes_on(session)


@checks("disk")
async def a_full_disk(backend: Backend) -> None:
    """Writing too much ends as such; with the file gone there is room again."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("x=kept")
        expect(await session.run("cat /dev/zero > big"), Outcome.DISK_LIMIT)
        await session.run("rm big")
        expect(await session.run("echo enough > small && cat small"), Outcome.OK, "enough\n")
        await _goes_on(session)


@checks("processes")
async def kill_everything(backend: Backend) -> None:
    """`kill -9 -1` is survived, by programs run beside the session too."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await sandbox.exec(["true"])
        await session.run("kill -9 -1")
        expect(await session.run("echo on"), Outcome.OK, "on\n")
        await session.run("bash -c 'kill -9 -1'")
        expect(await session.run("echo on"), Outcome.OK, "on\n")
        expect(await sandbox.exec(["echo", "beside"]), Outcome.OK, "beside\n")


@checks("memory", "process_count", "disk")
async def neighbours_do_not_notice(backend: Backend) -> None:
    """While one sandbox rages, the others' steps are right."""
    async with (
        await backend.open(Image(), TIGHT) as wild,
        await backend.open(Image(), TIGHT) as calm,
    ):
        rage, session = await wild.session(), await calm.session()
        await session.run("x=0")
        async with anyio.create_task_group() as group:
            for code in ("yes", ":(){ :|:& };:", "cat /dev/zero > big", "kill -9 -1"):
                group.start_soon(rage.run, code)
            for number in range(1, 50):
                result = await session.run("x=$((x + 1)); echo $x | cat")
                expect(result, Outcome.OK, f"{number}\n")


@checks()
async def limits_are_the_sandbox_s(backend: Backend) -> None:
    """Each sandbox has the limits it was opened with; a step may ask for other time."""
    small = evolve(TIGHT, output_bytes=1000)
    async with (
        await backend.open(Image(), small) as first,
        await backend.open(Image(), evolve(TIGHT, output_bytes=MiB)) as second,
    ):
        code = "head -c 5000 /dev/zero"
        expect(await (await first.session()).run(code), Outcome.OUTPUT_LIMIT)
        session = await second.session()
        expect(await session.run(code), Outcome.OK)
        expect(await session.run("sleep 2.2; echo late", seconds=10), Outcome.OK, "late\n")
