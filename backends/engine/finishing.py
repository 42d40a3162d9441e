"""Calls that make something in an engine, which are not left half-way.

An engine goes on with a call whose caller has hung up, and what it makes then has nobody to end
it: a removal that comes before it is told that there is no such thing. So who is cancelled waits
for the answer, and can then undo it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import anyio

from asynccode.errors import BackendError

FINISH_SECONDS = 15.0
"""How long a call that nobody wants any more is waited for, and then its undoing."""
T = TypeVar("T")


async def finish(
    call: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]] | None = None
) -> T:
    """Make a call that comes to its end though we are cancelled, and then `undo` what it gave.

    It runs in a task of its own: a shield keeps anyio's cancellations off, but not asyncio's.
    """
    scope, answered = anyio.CancelScope(shield=True), anyio.Event()
    made: list[T] = []
    failed: list[Exception] = []

    async def run() -> None:
        with scope:
            try:
                made.append(await call())
            except Exception as error:  # noqa: BLE001 (raised again below)
                failed.append(error)
        answered.set()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            try:
                await answered.wait()
            finally:
                scope.deadline = anyio.current_time() + FINISH_SECONDS
    except BaseException:
        if made and undo is not None:
            with (
                anyio.CancelScope(shield=True),
                anyio.move_on_after(FINISH_SECONDS),
                suppress(BackendError),
            ):
                await undo(made[0])
        raise
    if failed:
        raise failed[0]
    return made[0]
