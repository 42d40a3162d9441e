"""A time-out for what almost always ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

T = TypeVar("T")


async def in_time(seconds: float, work: Coroutine[Any, Any, T]) -> T | None:
    """Give what `work` gives, or None if that takes more than `seconds`: then it is cancelled.

    On asyncio it is a bare timer: a cancel scope would be the dearest part of a short step.
    """
    try:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
    except RuntimeError:  # another library's loop
        task = None
    if task is None:
        with anyio.move_on_after(seconds):
            return await work
        return None
    alarm = _Alarm(task)
    timer = loop.call_later(seconds, alarm.ring)
    try:
        return await work
    except asyncio.CancelledError:
        if not alarm.has_rung:
            raise
        if not alarm.is_alone():
            # Somebody else has cancelled too, and goes first. A scope knows its own by its words.
            await checkpoint_if_cancelled()
            raise
        return None
    finally:
        timer.cancel()
        if alarm.has_rung:
            task.uncancel()


class _Alarm:
    """Cancels a task, and can tell its own cancellation from anybody else's."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task, self._before = task, task.cancelling()
        self.has_rung = False

    def ring(self) -> None:
        self.has_rung = True
        self._task.cancel()

    def is_alone(self) -> bool:
        """Whether nobody else has asked for the task's end since it was made."""
        return self._task.cancelling() == self._before + 1
