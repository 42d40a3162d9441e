"""The host's end of one shell: send a step, gather its output, stop it, start it anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import anyio
from attrs import define

from asynccode.errors import BackendError, SandboxLost
from asynccode.outcomes import ExecResult, Limits, Outcome
from asynccode.shell import framing
from asynccode.shell.bell import Bell
from asynccode.shell.custody import Custody
from asynccode.shell.wire import Wire

START_ATTEMPTS = 3
START_SECONDS = 20.0
"""A shell that has not started by then never will."""
GRACE_SECONDS = 0.25
"""What a step is given to end after TERM; after KILL it is the wire's `grace`."""


@define(eq=False)
class _Step:
    """What is known of the running step."""

    token: str
    ready: bool = False
    status: int | None = None
    shell_ended: bool = False
    full: bool = False

    def has_begun(self) -> bool:
        """Whether a shell has started, or ended in the attempt."""
        return self.ready or self.shell_ended

    def has_ended(self) -> bool:
        """Whether it has."""
        return self.status is not None

    def is_over(self) -> bool:
        """Whether nobody waits for it any longer."""
        return self.status is not None or self.full


class Slot:
    """One shell at the other end of a wire, which the slot owns."""

    def __init__(self, wire: Wire, limits: Limits, ward: Custody) -> None:
        self._wire, self._limits, self._ward = wire, limits, ward
        self._called: _Step | None = None
        self._step: _Step | None = None
        self._shell = self._status = 0
        self._following = ""
        self._news = Bell()
        self._busy = False
        self._free: anyio.Event | None = None
        self._lost = False
        wire.open(limits.output_bytes, self)

    @property
    def shell(self) -> int:
        """The shell's process id as the sandbox sees it; 0 if there is none."""
        return self._shell

    @property
    def is_busy(self) -> bool:
        """Whether a step is under way."""
        return self._busy

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be run any more."""
        return self._lost

    @property
    def is_alive(self) -> bool:
        """Whether a shell was started and nothing has ended it since."""
        return not self._lost and self._shell > 0 and self._ward.holds(self._shell)

    def hand_to(self, ward: Custody) -> None:
        """Have somebody else look after the shell from now on."""
        self._ward = ward

    def call(self) -> bool:
        """Ask for the shell, maybe ahead of `start`, and of whoever is to start it."""
        self._called = self._step = _Step(token="")
        self._following = framing.token()
        return self._wire.start(self._following)

    async def start(self) -> None:
        """Start the shell; raises `SandboxLost` if it does not come up.

        If it is cancelled the shell is still called: who starts it next goes on waiting for it.
        """
        for _ in range(START_ATTEMPTS if not self._lost else 0):
            try:
                # What was called before may not have left.
                send = self.call if self._called is None else bool
                await self._send(send, START_SECONDS)
                step = self._step = self._called or _Step(token="")
                await self._hear(step, step.has_begun, START_SECONDS)
                self._called = None
                if step.ready:
                    return
                # Most likely what is left of the last step takes all the room there is.
                await self._ward.stop(0, everything=True, force=True)
            finally:
                self._step = None
        raise SandboxLost(f"The shell does not start. {self._ward.obituary()}")

    async def run(self, code: str, *, seconds: float | None, split: bool) -> ExecResult:
        """Run one step; see `Session.run`."""
        if not framing.can_say(code):
            return ExecResult(outcome=Outcome.REFUSED, exit_code=None, output=b"")
        while self._busy:  # a lock costs as much as the rest of this function
            self._free = self._free or anyio.Event()
            await self._free.wait()
        self._busy = True
        try:
            if self._lost:
                raise SandboxLost(self._ward.obituary())
            return await self._run(code, seconds, split=split)
        finally:
            self._busy = False
            if self._free:
                self._free.set()
                self._free = None

    async def _run(self, code: str, seconds: float | None, *, split: bool) -> ExecResult:
        if not self._shell:  # it ended between two steps
            await self.start()
        if turn := self._wire.turn():
            await turn
        step = self._next_step()
        began = time.perf_counter()
        seconds = seconds or self._limits.step_seconds
        send = partial(self._wire.send, code, self._following, split=split, status=self._status)
        try:
            await self._send(send, seconds)
            await self._hear(step, step.is_over, seconds)
            outcome = await self._decide(step)
            if step.status is None or outcome is Outcome.PROCESS_LIMIT:
                await self._stop(step, outcome)
                if outcome is Outcome.TIMEOUT and not step.shell_ended and self._wire.take_note:
                    await self._rouse(step, self._wire.take_note)
            if step.shell_ended:
                await self.start()
        except BaseException:
            with anyio.CancelScope(shield=True), anyio.move_on_after(START_SECONDS):
                await self._abandon(step)
            raise
        finally:
            self._step = None
            self._status = step.status or 0
            written = self._wire.finish()
        return self._result(step, outcome, time.perf_counter() - began, written, split=split)

    def close(self) -> None:
        """Close the wire. A step under way ends with `SandboxLost`."""
        self.on_end()
        self._news.silence()
        self._wire.close()

    def _next_step(self) -> _Step:
        """Begin the step whose token the shell has, and choose that of the one to come."""
        step = self._step = _Step(token=self._following)
        self._following = framing.token()
        return step

    async def _send(self, send: Callable[[], bool], seconds: float) -> None:
        """Send something; it may take `seconds`, after which there will be no reply either."""
        try:
            if not send():
                with anyio.move_on_after(seconds):
                    await self._wire.flush()
        except OSError as error:
            raise SandboxLost(self._ward.obituary()) from error

    async def _hear(self, step: _Step, enough: Callable[[], bool], seconds: float) -> None:
        """Wait until `enough` is known of `step`, or for `seconds`."""
        until = time.monotonic() + seconds
        while not enough() and (left := until - time.monotonic()) > 0:
            await self._news.wait(left)
            if self._lost:
                raise SandboxLost(self._ward.obituary())

    async def _decide(self, step: _Step) -> Outcome:
        """Say how the step ended, before anything is repaired."""
        status = step.status
        if step.full:
            return Outcome.OUTPUT_LIMIT
        if breach := await self._ward.breach(status):
            return breach
        if status is None:
            return Outcome.TIMEOUT
        if status == 0:
            return Outcome.OK
        return Outcome.KILLED if 128 < status < 160 else Outcome.NONZERO

    async def _stop(self, step: _Step, outcome: Outcome) -> None:
        """Make the step end: TERM, KILL, and at last the shell with it.

        What met a limit of the whole sandbox may have been left by an earlier step, so then
        everything but the shell goes.
        """
        everything = outcome in (Outcome.OUTPUT_LIMIT, Outcome.PROCESS_LIMIT)
        for force in (False, True):
            await self._ward.stop(self._shell, everything=everything, force=force)
            grace = self._wire.grace if force else GRACE_SECONDS
            await self._hear(step, step.has_ended, grace)
            if step.status is not None and not everything:
                if not force:  # what minds no TERM would write into the next step
                    await self._ward.stop(0, everything=False, force=True)
                return
        if step.status is None:
            await self._ward.kill(self._shell)
            await self._hear(step, step.has_ended, START_SECONDS)
            if step.status is None:
                raise SandboxLost(f"The shell does not end. {self._ward.obituary()}")

    async def _rouse(self, stopped: _Step, code: str) -> None:
        """Keep Bash from saying in a later step that what was killed in this is "Terminated"."""
        step = self._next_step()
        send = partial(self._wire.send, code, self._following, split=False, status=0)
        await self._send(send, self._wire.grace)
        await self._hear(step, step.is_over, self._wire.grace)
        self._step = stopped
        stopped.shell_ended = step.shell_ended

    async def _abandon(self, step: _Step) -> None:
        """After a cancellation or a failure: leave a shell that can go on, or none."""
        try:
            if step.status is None and not self._lost:
                await self._stop(step, Outcome.KILLED)
            if step.shell_ended and not self._lost:
                await self.start()
        except BackendError:
            self.on_end()

    @staticmethod
    def _result(
        step: _Step,
        outcome: Outcome,
        seconds: float,
        written: tuple[bytes, bytes, bytes],
        *,
        split: bool,
    ) -> ExecResult:
        merged, output, errors = written
        return ExecResult(
            outcome=outcome,
            exit_code=None if outcome is Outcome.TIMEOUT else step.status,
            output=merged,
            stdout=output if split else None,
            stderr=errors if split else None,
            seconds=seconds,
            truncated=step.full,
            restarted=step.shell_ended,
        )

    def on_reply(self, reply: framing.Reply) -> None:
        """Take note of what the sandbox's end says."""
        step = self._step or self._called or _Step(token="")
        if reply.kind == "ready":
            self._shell = reply.number
            step.ready = True
        elif reply.kind == "exit":
            self._shell = 0
            step.shell_ended = True
        elif reply.token != step.token:
            return
        if reply.kind != "ready":
            step.status = reply.number
        self._news.ring()

    def on_full(self) -> None:
        """Take note that the step has written too much."""
        if self._step and not self._step.full:
            self._step.full = True
            self._news.ring()

    def on_end(self) -> None:
        """Take note that the shell cannot be reached any more."""
        self._lost = True
        if self._step:
            self._news.ring()
