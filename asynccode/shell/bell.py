"""What whoever runs a step waits for: that something rings, or that it is time."""

from __future__ import annotations

import asyncio
import time

import anyio


class Bell:
    """Rung by callbacks, for one who waits at a time.

    On asyncio it is a bare future, and a timer that is left running from one wait to the next:
    a fifth of what an event in a cancel scope costs, and that is paid at every step.
    """

    def __init__(self) -> None:
        self._rung = False
        self._until = 0.0
        self._future: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._event: anyio.Event | None = None

    def ring(self) -> None:
        """Wake who waits, or who will wait next."""
        self._rung = True
        if self._future is not None:
            if not self._future.done():
                self._future.set_result(None)
        elif self._event is not None:
            self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait until it has rung since the last `wait`, or for `seconds`."""
        if not self._rung:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # another library's loop: wait as anyio does
                self._event = anyio.Event()
                with anyio.move_on_after(seconds):
                    await self._event.wait()
                self._event = None
            else:
                await self._wait_for_future(loop, seconds)
        self._rung = False

    async def _wait_for_future(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._future = loop.create_future()
        self._until = time.monotonic() + seconds
        if self._timer is None or self._timer.when() > loop.time() + seconds:
            self._set_timer(loop, seconds)
        try:
            await self._future
        finally:
            self._future = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.silence()
        self._timer = loop.call_later(seconds, self._on_time, loop)

    def _on_time(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._future is not None:
            left = self._until - time.monotonic()
            if left > 0:
                self._set_timer(loop, left)
            else:
                self.ring()

    def silence(self) -> None:
        """Stop the timer; call when nobody will wait any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
