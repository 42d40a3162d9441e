"""Opening, closing, cancelling: nothing stays behind."""

from __future__ import annotations

import secrets

import anyio
from attrs import evolve

from asynccode.errors import ImageError, SandboxLost
from asynccode.images import Commands, Image
from asynccode.interfaces import Backend
from asynccode.outcomes import Outcome
from asynccode.testing.checks.base import TIGHT, checks, expect, running


@checks()
async def closing_ends_everything(backend: Backend) -> None:
    """Closing a sandbox ends its steps with an error, twice is once, and the count is right."""
    before = backend.statistics()["open"]
    sandbox = await backend.open(Image(), TIGHT)
    session = await sandbox.session()
    lost = []

    async def step() -> None:
        try:
            await session.run("sleep 60")
        except SandboxLost as error:
            lost.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(step)
        await anyio.sleep(0.1)
        await sandbox.aclose()
        await sandbox.aclose()
    assert lost, "the step under way did not end with SandboxLost"
    assert backend.statistics()["open"] == before, "the sandbox still counts as open"


@checks()
async def a_cancelled_step(backend: Backend) -> None:
    """Cancelling stops the step, and the session can be used again."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("x=kept")
        sleep = f"sleep 61.{secrets.randbelow(10**9)}"
        for _ in range(3):
            with anyio.move_on_after(0.1):
                await session.run(f"echo noise; {sleep}")
        result = await session.run(f"echo $x; {running(sleep)}")
        expect(result, Outcome.NONZERO, "kept\n0\n")


@checks()
async def a_cancelled_start(backend: Backend) -> None:
    """Cancelling `open` at any moment leaves no sandbox."""
    before = backend.statistics()["open"]
    for delay in (0.0, 0.001, 0.003, 0.006, 0.01, 0.02):
        with anyio.move_on_after(delay):
            sandbox = await backend.open(Image(), TIGHT)
            await sandbox.aclose()
    assert backend.statistics()["open"] == before, "a cancelled sandbox is still open"


@checks()
async def a_cancelled_world(backend: Backend) -> None:
    """Cancelling a whole backend from outside closes it at once."""
    began = anyio.current_time()
    with anyio.move_on_after(0.3):
        async with type(backend)() as inner:
            sandboxes = [await inner.open(Image(), TIGHT) for _ in range(3)]
            async with anyio.create_task_group() as group:
                for sandbox in sandboxes:
                    session = await sandbox.session()
                    group.start_soon(session.run, "trap '' TERM; sleep 60; sleep 60")
    took = anyio.current_time() - began
    assert took < 4, f"it took {took:.1f} s"


@checks()
async def many_at_once(backend: Backend) -> None:
    """Many sandboxes opened at once are each their own."""
    limits = evolve(TIGHT, step_seconds=20.0)  # a step waits while the others start

    async def play(number: int) -> None:
        async with await backend.open(Image(), limits) as sandbox:
            session = await sandbox.session()
            await session.run(f"x={number}; echo {number} > file")
            expect(await session.run("echo $x $(cat file)"), Outcome.OK, f"{number} {number}\n")

    async with anyio.create_task_group() as group:
        for number in range(24):
            group.start_soon(play, number)


@checks()
async def images_built_once(backend: Backend) -> None:
    """The same image prepared many times at once is built once; a failing command is named."""
    image = Image(layers=[Commands(lines=["echo $RANDOM$RANDOM > number"])])
    digests = set()

    async def prepare() -> None:
        digests.add(await backend.prepare(image))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(prepare)
    assert len(digests) == 1, f"digests {digests}"
    broken = Image(layers=[Commands(lines=["true", "ls /no-such-thing"])])
    said = ""
    try:
        async with await backend.open(broken, TIGHT):
            pass
    except ImageError as error:
        said = str(error)
    assert "/no-such-thing" in said, f"a failing set-up command is not named: {said!r}"
