"""A container whose process 1 is its image's shell: its programs are the engine's own execs.

Each sees what it sees in a container that somebody made by hand: it is nobody's child, and no
process of ours is in its list. That costs an exec each, a twentieth of a second; sessions have no
use for it, the recordings of others do.
"""

from __future__ import annotations

import posixpath
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any

import anyio
import anyio.to_thread

from asynccode.backends.engine import spec
from asynccode.backends.engine.api import NotThereError
from asynccode.backends.engine.attached import Attached
from asynccode.backends.engine.finishing import finish
from asynccode.backends.engine.sandbox import EngineSandbox
from asynccode.backends.runner import NOT_FOUND
from asynccode.backends.warden.outpost import FIRST_NUMBER, MIND_NO, NEXT
from asynccode.errors import BackendError, SandboxLost
from asynccode.interfaces import Session
from asynccode.outcomes import ExecResult, Outcome
from asynccode.shell.errands import refuse_session
from asynccode.shell.program import spelled
from asynccode.shell.session import check_program

OUTPUT = 1
GRACE_SECONDS, END_SECONDS = 0.25, 10.0
"""What a program is given to end after TERM, and after KILL."""
LOOK_SECONDS = 0.25
"""How often to ask whether a program has ended, while its streams are open."""
SETTLE_SECONDS = 0.5
"""How long those it left behind may still write what belongs to it."""
POLL_SECONDS = 0.005
NUMBER_SECONDS = 5.0
FIRST_WORDS = f"trap '' {MIND_NO}; TMOUT={spec.EXPIRY_SECONDS}\n".encode()
"""Said to process 1: it minds no signals but ALRM, by which it ends when long not spoken to."""
_NO_PROGRAM = re.compile(
    r"exec failed.*(not found|no such file|not a directory|permission denied|exec format)",
    re.DOTALL,
)
"""What an engine says of a program or folder that is not there; all else is its own failure."""


class Heard:
    """What comes on an attached stream, up to a limit."""

    def __init__(self, attached: Attached, limit: int) -> None:
        self._limit = limit
        self.merged = bytearray()
        self.streams = {OUTPUT: bytearray(), OUTPUT + 1: bytearray()}
        self.full = anyio.Event()
        """More has come than is kept."""
        self.ended = anyio.Event()
        attached.listen(self)

    def feed(self, stream: int, data: bytes) -> None:
        """Take what came."""
        if not self.full.is_set():
            self.streams[stream] += data
            self.merged += data
            if len(self.merged) > self._limit:
                self.full.set()

    def feed_end(self) -> None:
        """Take note that nothing more will come."""
        self.ended.set()

    def written(self, buffer: bytearray) -> bytes:
        """Give what is kept of a stream."""
        return bytes(buffer[: self._limit])


class ExecutionSandbox(EngineSandbox):
    """What an episode has of such a container. One program runs at a time."""

    _terminal: Heard | None = None
    _execution = ""
    """What the engine calls the program that runs, or ran last."""

    async def begin(self, reference: str) -> None:
        """Create the container and start it with the shell as its process 1."""
        self._running = anyio.Lock()
        held = self._container
        held.is_bare = True
        await held.create(reference, self._limits)
        assert held.attached is not None
        self._terminal = Heard(held.attached, 0)
        await self._engine.containers.start(held.id)
        held.attached.write(FIRST_WORDS)
        await self._ward.settle(await held.reach(0))
        await anyio.to_thread.run_sync(self._number, limiter=self._backend.threads)

    def _number(self) -> None:
        """Let programs be numbered as in a container that has been used for a while."""
        write = ["sh", "-c", f"echo {FIRST_NUMBER} >{NEXT}"]
        enter = ["nsenter", f"--pid=/proc/{self._container.init}/ns/pid", *write]
        with suppress(OSError, subprocess.SubprocessError):  # then they count from 2
            subprocess.run(enter, check=False, capture_output=True, timeout=NUMBER_SECONDS)

    @property
    def is_alive(self) -> bool:
        """Whether process 1 can still be spoken to."""
        return not self._closed and self._terminal is not None and not self._terminal.ended.is_set()

    async def session(self) -> Session:
        """Raise `InputError`."""
        await self._check()
        return refuse_session()

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
        split: bool = False,
    ) -> ExecResult:
        """Run a program as the engine runs one."""
        await self._check()
        check_program(argv, env)
        where = posixpath.join(self._image.workdir, cwd or "")
        variables = {**spec.environment(self._image), **(env or {})}
        if any("\0" in word for word in (*argv, where, *variables.values())):
            return ExecResult(outcome=Outcome.REFUSED, exit_code=None, output=b"")
        # Engines have variables of their own in mind.
        words = [*self._container.ahead, *spelled(argv, variables)]
        config = spec.execution(self._image, words, cwd=where)
        config["AttachStdin"] = False
        seconds = seconds or self._limits.step_seconds
        async with self._running:
            try:
                return await self._run(config, seconds, split=split)
            except BaseException as error:
                with anyio.CancelScope(shield=True), anyio.move_on_after(END_SECONDS):
                    await self._end_program()
                # Of a container that it removes Podman may say what it says of no other failure.
                lost = isinstance(error, BackendError) and not self.is_alive
                if lost or isinstance(error, SandboxLost):
                    raise await self._explain() from error
                raise

    async def _start(self, config: Mapping[str, Any]) -> tuple[str, Attached]:
        self._execution = ""
        started = await self._engine.streams.execute(self._container.id, config)
        self._execution = started[0]
        return started

    async def _end_program(self) -> None:
        """End what nobody waits for any more; Docker gives streams before the program is there."""
        with suppress(BackendError):
            while True:
                await self._ward.stop(0, everything=False, force=True)
                if not self._execution or await self._status(self._execution) is not None:
                    break
                await anyio.sleep(POLL_SECONDS)

    async def _run(self, config: Mapping[str, Any], seconds: float, *, split: bool) -> ExecResult:
        began = perf_counter()
        try:
            execution, attached = await finish(lambda: self._start(config))
        except BackendError as error:
            await self._check()
            if not _NO_PROGRAM.search(str(error).lower()):
                raise
            output = f"{error}\n".encode()
            return ExecResult(outcome=Outcome.NONZERO, exit_code=NOT_FOUND, output=output)
        try:
            heard = Heard(attached, self._limits.output_bytes)
            outcome, status = await self._settle(execution, heard, seconds)
        finally:
            attached.close()
        if status and await self._container.has_ended():
            # What a program ends with whose world ends is no status of its own.
            raise SandboxLost(self.obituary())
        return ExecResult(
            outcome=outcome,
            exit_code=None if outcome is Outcome.TIMEOUT else status,
            output=heard.written(heard.merged),
            stdout=heard.written(heard.streams[OUTPUT]) if split else None,
            stderr=heard.written(heard.streams[OUTPUT + 1]) if split else None,
            seconds=perf_counter() - began,
            truncated=heard.full.is_set(),
        )

    async def _settle(
        self, execution: str, heard: Heard, seconds: float
    ) -> tuple[Outcome, int | None]:
        """Wait for a program, and end one that meets a limit; gives how it ended."""
        status = await self._await_end(execution, heard, seconds, unless=heard.full)
        outcome = Outcome.OUTPUT_LIMIT if heard.full.is_set() else await self._ward.breach(status)
        if outcome is None:
            outcome = Outcome.TIMEOUT if status is None else _outcome(status)
        everything = outcome in (Outcome.OUTPUT_LIMIT, Outcome.PROCESS_LIMIT)
        if status is None or outcome is Outcome.PROCESS_LIMIT:
            for force, grace in ((False, GRACE_SECONDS), (True, END_SECONDS)):
                await self._ward.stop(0, everything=everything, force=force)
                status = await self._await_end(execution, heard, grace)
                if status is not None:
                    break
        return outcome, status

    async def _await_end(
        self, execution: str, heard: Heard, seconds: float, unless: anyio.Event | None = None
    ) -> int | None:
        """Wait for a program's end; gives its status, None if it goes on, or if `unless` is set.

        Its streams end with it, but for those that others hold: so it is asked after, too.
        """
        with anyio.move_on_after(seconds):
            while unless is None or not unless.is_set():
                with anyio.move_on_after(LOOK_SECONDS):
                    await heard.ended.wait()
                if (status := await self._status(execution)) is not None:
                    with anyio.move_on_after(SETTLE_SECONDS):
                        await heard.ended.wait()
                    return status
                if heard.ended.is_set():
                    await anyio.sleep(POLL_SECONDS)
        return None

    async def _status(self, execution: str) -> int | None:
        try:
            found = await self._engine.streams.executed(execution)
        except NotThereError as error:
            raise SandboxLost(f"The program is gone: {error}") from error
        ended = not found["Running"] and found["ExitCode"] is not None
        return int(found["ExitCode"]) if ended else None

    async def renew(self) -> None:
        """Close it: it is used once."""
        await self.aclose()


def _outcome(status: int) -> Outcome:
    if status == 0:
        return Outcome.OK
    return Outcome.KILLED if 128 < status < 160 else Outcome.NONZERO
