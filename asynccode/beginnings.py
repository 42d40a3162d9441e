"""Whether a run's episodes begin: when a world is given up, and when the run is."""

from __future__ import annotations

from time import perf_counter

import anyio
from attrs import define

from asynccode.attempt import START_SECONDS, Running
from asynccode.errors import BackendError
from asynccode.pool import Pool
from asynccode.statistics import Statistics

BROKEN_AFTER = 20
"""Worlds in a row that could not be made before the run is given up."""


@define(eq=False)
class Beginnings:
    """Looks on while the episodes of one run get their worlds."""

    statistics: Statistics
    pool: Pool
    patience: float = START_SECONDS
    """How long an episode waits since any world became ready, in seconds."""
    failures: int = 0
    """Worlds that could not be made since one could; a faulty task says nothing of worlds."""
    _failing: float = 0.0
    """When the first of them failed."""

    def note(self, ended: Running, error: str | None) -> None:
        """Take note of an episode that has ended; raises `BackendError` if the run is broken."""
        if ended.ready is not None:
            self.failures = 0
            return
        if ended.faulty:
            return
        # Those that wait together fail together: what began meanwhile need not have ended.
        others = self.statistics.running.values()
        if any(other.ready is not None and other.ready > self._failing for other in others):
            self.failures = 0
        if self.failures == 0:
            self._failing = perf_counter()
        self.failures += 1
        if self.failures >= BROKEN_AFTER:
            raise BackendError(
                f"The run was stopped: {self.failures} worlds in a row could not be made;"
                f" the last error was: {error}"
            )

    async def watch(self) -> None:
        """Give up worlds that are not ready when none has become ready for so long.

        On a busy machine each waits for many others: that is no failure while they get on.
        """
        seen, since = -1, 0.0
        while True:
            now = perf_counter()
            if self.pool.handed_out != seen:
                seen, since = self.pool.handed_out, now
            for running in list(self.statistics.running.values()):
                if running.start is None or running.ready is not None:
                    continue
                if now - max(since, running.since) > self.patience:
                    running.start.cancel()
            await anyio.sleep(self.patience / 10)
