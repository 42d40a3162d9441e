"""What whoever runs a step waits for: that something rings, or that it is time."""

from __future__ import annotations

import asyncio

import anyio


class Bell:
    """Rung by callbacks, for one who waits.

    On asyncio it is a bare future and a timer, a third of what an event in a cancel scope costs:
    that is paid at every step.
    """

    def __init__(self) -> None:
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # another library's loop: wait as anyio does
            self._loop = None
        self._rung = False
        self._future: asyncio.Future[None] | None = None
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
            if self._loop is not None:
                await self._wait_for_future(self._loop, seconds)
            else:
                self._event = anyio.Event()
                with anyio.move_on_after(seconds):
                    await self._event.wait()
                self._event = None
        self._rung = False

    async def _wait_for_future(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        future = self._future = loop.create_future()
        timer = loop.call_later(seconds, self.ring)
        try:
            await future
        finally:
            timer.cancel()
            self._future = None
