"""One interpreter in a sandbox: started, sent a step, heard, stopped."""

from __future__ import annotations

import secrets
import time
from typing import Self

import anyio

from asynccode.errors import InputError
from asynccode.interfaces import Program, Sandbox
from asynccode.python import framing

START_ATTEMPTS = 3
START_SECONDS = 20.0
"""An interpreter that has not started by then never will."""
GRACE_SECONDS = 0.25
"""What a step is given to end after it was interrupted, and after it was killed."""
STOP_SECONDS = 5.0
"""What interrupting may take."""


class Step:
    """One step: its code, and what came of it."""

    def __init__(self, code: str, limit: int, *, split: bool, keep: bool) -> None:
        self.token = secrets.token_hex(framing.TOKEN // 2).encode()
        self.request = framing.request(code, self.token, split=split, keep=keep)
        self.split, self._limit = split, limit
        self.catches = [framing.Catch(self.token, limit) for _ in range(1 + split)]
        self._merged: bytearray | None = bytearray() if split else None
        self.reply: framing.Reply | None = None
        self._full = False
        self.since = time.clock_gettime(time.CLOCK_BOOTTIME)
        """When it was made, in seconds since the machine was started."""
        self.lost = False
        """Whether the interpreter went away before it replied."""

    @property
    def full(self) -> bool:
        """Whether it wrote more than it may."""
        return self._full or self.catches[0].full or self.catches[-1].full

    @property
    def merged(self) -> bytes:
        """All that it wrote, in order of arrival, up to the limit."""
        return self.catches[0].output if self._merged is None else bytes(self._merged)

    @property
    def streams(self) -> list[bytes]:
        """What it wrote on each stream, up to the limit."""
        return [catch.output for catch in self.catches]

    def feed(self, stream: int, data: bytes) -> bool:
        """Take what came; say whether the stream's end of the step has come."""
        catch = self.catches[stream]
        before = len(catch.output) if self._merged is not None else 0
        done = catch.feed(data)
        if self._merged is not None:
            self._merged += catch.output[before:]
            if len(self._merged) > self._limit:
                self._full = True
                del self._merged[self._limit :]
        if done and stream == 0:
            self.reply = framing.parse(catch.last)
        return done


class Interpreter:
    """A keeper and its worker, and what is left over between two steps."""

    def __init__(self, sandbox: Sandbox, program: Program, python: str) -> None:
        self._sandbox, self._program, self._python = sandbox, program, python
        self._rest = [b"", b""]
        self._keeper = 0
        self.worker = 0
        """The process id of the worker that was heard of last."""

    @classmethod
    async def start(cls, sandbox: Sandbox, python: str) -> Self:
        """Start one. Raises `InputError` if there is none that starts, or `SandboxLost`."""
        words = b""
        for _ in range(START_ATTEMPTS):
            program = await sandbox.start([python, "-c", framing.LOADER])
            interpreter = cls(sandbox, program, python)
            try:
                with anyio.move_on_after(START_SECONDS):
                    if await interpreter._begin():
                        return interpreter
                    words = await program.receive(errors=True)
                    await program.wait()  # raises if the sandbox is what failed
            except BaseException:
                await program.aclose()
                raise
            await program.aclose()
        said = words.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise InputError(
            f"{python} does not start in the sandbox: {' '.join(said) or 'it says nothing'};"
            " choose a base that has Python 3.7 or later."
        )

    async def _begin(self) -> bool:
        step = Step("", framing.TAIL, split=False, keep=True)
        try:
            await self._program.send(framing.INTERPRETER + step.token)
        except anyio.BrokenResourceError:
            return False
        await self._hear(step, 0)
        if step.reply is None:
            return False
        self._keeper, self.worker = step.reply.status, step.reply.worker
        return True

    async def play(self, step: Step, *, drain: bool = False) -> bool:
        """Send a step and hear it to its end, or (unless to `drain`) until it is full.

        False if the interpreter has ended before: the step was not begun.
        """
        for number, catch in enumerate(step.catches):
            if self._rest[number]:
                catch.feed(self._rest[number])
                self._rest[number] = b""
        try:
            await self._program.send(step.request)
        except anyio.BrokenResourceError:
            return False
        await self._listen(step, drain=drain)
        return step.reply is None or step.reply.kind != "gone"

    async def _listen(self, step: Step, *, drain: bool = False) -> None:
        if not step.split:
            await self._hear(step, 0, drain=drain)
            return
        async with anyio.create_task_group() as group:
            for stream in (0, 1):
                group.start_soon(self._hear_beside, step, stream, drain, group.cancel_scope)

    async def _hear_beside(
        self, step: Step, stream: int, drain: bool, both: anyio.CancelScope
    ) -> None:
        await self._hear(step, stream, drain=drain)
        if step.lost or (step.full and not drain):
            both.cancel()

    async def _hear(self, step: Step, stream: int, *, drain: bool = False) -> None:
        """Hear a stream to the step's end; without `drain`, no longer than there is room."""
        catch = step.catches[stream]
        while catch.last is None and (drain or not step.full):
            data = await self._program.receive(errors=stream == 1)
            if not data:
                step.lost = True
                return
            step.feed(stream, data)
        self._rest[stream] = catch.rest

    async def stop(self, step: Step) -> bool:
        """Interrupt a step, then kill it; say whether the interpreter can go on.

        What it writes meanwhile is dropped beyond the limit, and so is what comes after its
        end. Processes that it has started end too; they are known by their age, to a hundredth
        of a second.
        """
        for force in ("mild", "force"):
            words = [str(self._keeper), str(step.since), force]
            argv = [self._python, "-S", "-c", framing.STOP, *words]
            ended = anyio.Event()
            async with anyio.create_task_group() as group:
                group.start_soon(self._listen_to_end, step, ended)
                with anyio.move_on_after(STOP_SECONDS):
                    await self._sandbox.exec(argv, seconds=STOP_SECONDS)
                with anyio.move_on_after(GRACE_SECONDS):
                    await ended.wait()
                group.cancel_scope.cancel()
            if ended.is_set():
                break
        if step.reply is None:
            return False
        nothing = Step("", framing.TAIL, split=step.split, keep=True)
        with anyio.move_on_after(STOP_SECONDS):
            return await self.play(nothing, drain=True) and nothing.reply is not None
        return False

    async def _listen_to_end(self, step: Step, ended: anyio.Event) -> None:
        await self._listen(step, drain=True)
        ended.set()

    async def aclose(self) -> None:
        """End it and what it started."""
        await self._program.aclose()
