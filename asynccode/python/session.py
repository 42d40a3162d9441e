"""The host's end of a Python session: send a step, gather its output, stop it, start anew."""

from __future__ import annotations

import errno
import time
from typing import Self

import anyio

from asynccode.errors import BackendError, SandboxLost
from asynccode.interfaces import Sandbox, Session
from asynccode.lease import Lease
from asynccode.outcomes import ExecResult, Limits, Outcome
from asynccode.python.alarm import in_time
from asynccode.python.wire import START_SECONDS, Interpreter, Step
from asynccode.shell.framing import can_say

TOLD = {errno.ENOMEM: Outcome.MEMORY_LIMIT, errno.EAGAIN: Outcome.PROCESS_LIMIT}
"""What an uncaught error of the step's own says, if the sandbox has no word on it."""
PROBED = {errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT, errno.EMFILE}
"""Errors that a limit of the sandbox may be behind."""
LIMITS = {Outcome.MEMORY_LIMIT, Outcome.PROCESS_LIMIT, Outcome.DISK_LIMIT}
KILL = 128 + 9


class PythonSession(Session):
    """A Python interpreter in a sandbox; what it holds lives from step to step.

    A step is any piece of code. An expression at its end echoes its value; an exception gives
    a traceback of the step's own lines and exit status 1, `sys.exit` its own status without
    ending anything. What a step does to the standard streams ends with it. Where a step ends
    the interpreter, another takes its place and the result says `restarted`; a fresh
    interpreter is forked from one that was prepared.

    With `keep=False` every step has a fresh interpreter, and files alone live on.
    """

    def __init__(
        self, sandbox: Sandbox, limits: Limits, *, keep: bool = True, python: str = "python3"
    ) -> None:
        self._sandbox, self._limits, self._keep, self._python = sandbox, limits, keep, python
        self._interpreter: Interpreter | None = None
        self._lock = anyio.Lock(fast_acquire=True)
        self._closed = False

    async def start(self) -> Self:
        """Start the interpreter, or take the one that waits in a ready sandbox."""
        if isinstance(self._sandbox, Lease):
            self._interpreter, self._sandbox.interpreter = self._sandbox.interpreter, None
        if self._interpreter is None:
            self._interpreter = await Interpreter.start(self._sandbox, self._python)
        return self

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Run one step; see `Session.run`."""
        if not can_say(code):
            return ExecResult(outcome=Outcome.REFUSED, exit_code=None, output=b"")
        async with self._lock:
            if self._closed:
                raise SandboxLost("The Python session has been closed.")
            return await self._run(code, seconds or self._limits.step_seconds, split=split)

    async def _run(self, code: str, seconds: float, *, split: bool) -> ExecResult:
        restarted = self._interpreter is None
        try:
            while True:
                interpreter = self._interpreter or await self._renew()
                step = Step(code, self._limits.output_bytes, split=split, keep=self._keep)
                began = time.perf_counter()
                if await in_time(seconds, interpreter.play(step)) is not False:
                    break
                await self._drop()
                restarted = True
            took = time.perf_counter() - began
            outcome = await self._decide(step, interpreter)
            there = self._interpreter is interpreter and not step.lost
            if there and step.reply is None:
                there = await interpreter.stop(step)
            if not there or outcome is Outcome.PROCESS_LIMIT:
                await self._renew()
        except BaseException as error:
            with anyio.CancelScope(shield=True), anyio.move_on_after(START_SECONDS):
                await self._abandon()
            if isinstance(error, anyio.ClosedResourceError):
                raise SandboxLost("The sandbox of the Python session is gone.") from error
            raise
        if self._interpreter is interpreter and step.reply is not None:
            worker, interpreter.worker = interpreter.worker, step.reply.worker
            restarted = restarted or worker != interpreter.worker
        else:
            restarted = True
        return ExecResult(
            outcome=outcome,
            exit_code=_status(step, outcome),
            output=step.merged,
            stdout=step.streams[0] if split else None,
            stderr=step.streams[1] if split else None,
            seconds=took,
            truncated=step.full,
            restarted=restarted and self._keep,
        )

    async def _decide(self, step: Step, interpreter: Interpreter) -> Outcome:
        if step.full:
            return Outcome.OUTPUT_LIMIT
        reply = step.reply
        if reply is None:
            return (await self._breach() or Outcome.KILLED) if step.lost else Outcome.TIMEOUT
        died = reply.kind == "exit" and reply.status > 128
        if reply.errno == errno.EAGAIN:
            await self._drop()  # while its processes are there, nothing else can be started
        # Where nobody counts for the whole sandbox, only the process itself was told.
        if (died or reply.errno in PROBED) and (
            breach := await self._breach() or TOLD.get(reply.errno)
        ):
            return breach
        if died:
            return Outcome.KILLED
        return Outcome.NONZERO if reply.status else Outcome.OK

    async def _breach(self) -> Outcome | None:
        """Ask the sandbox which of its limits was met: it looks when a program fails."""
        result = await self._sandbox.exec(["false"])
        return result.outcome if result.outcome in LIMITS else None

    async def _renew(self) -> Interpreter:
        """Start another interpreter in the place of what there is."""
        await self._drop()
        self._interpreter = await Interpreter.start(self._sandbox, self._python)
        return self._interpreter

    async def _drop(self) -> None:
        interpreter, self._interpreter = self._interpreter, None
        if interpreter is not None:
            await interpreter.aclose()

    async def _abandon(self) -> None:
        """After a cancellation or a failure: nothing of the step may run on."""
        try:
            await self._drop()
        except (BackendError, OSError):
            self._interpreter = None

    async def aclose(self) -> None:
        """End the interpreter and what it started."""
        self._closed = True
        await self._drop()


def _status(step: Step, outcome: Outcome) -> int | None:
    if outcome is Outcome.TIMEOUT or step.reply is None:
        return None
    return step.reply.status


async def open_python(
    sandbox: Sandbox, limits: Limits, *, keep: bool = True, python: str = "python3"
) -> PythonSession:
    """Start a Python session in a sandbox, in its `workdir`; any number may run at once.

    Raises `InputError` if there is no Python that starts, `SandboxLost` if the sandbox is gone.
    """
    session = PythonSession(sandbox, limits, keep=keep, python=python)
    return await session.start()
