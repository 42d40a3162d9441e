"""^C: once drains, twice stops. A request to terminate stops at once."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskStatus
from attrs import define

from asynccode.cli.output import say
from asynccode.escapes import collapsed


@define
class Interrupts:
    """What was asked for while the block ran."""

    drain: Callable[[], None] | None = None
    """Called at the first ^C; without it, the first ^C stops."""
    asked: signal.Signals | None = None

    @property
    def status(self) -> int | None:
        """The exit status of an interrupted program, None if it was not."""
        return None if self.asked is None else 128 + self.asked


@asynccontextmanager
async def interrupts() -> AsyncIterator[Interrupts]:
    """Run a block in which ^C drains, then cancels the block; ends quietly in both cases.

    Open backends outside of it: what they need to close in peace is then not cancelled.
    """
    state = Interrupts()
    with collapsed():
        async with anyio.create_task_group() as group:
            await group.start(_listen, state, group.cancel_scope)
            yield state
            group.cancel_scope.cancel()


async def _listen(
    state: Interrupts, scope: anyio.CancelScope, *, task_status: TaskStatus[None]
) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            first, state.asked = state.asked is None, signal.Signals(number)
            if first and state.drain is not None and number == signal.SIGINT:
                say("Finishing the episodes that run; ^C again stops them.")
                state.drain()
            else:
                say("Stopping.")
                scope.cancel()
