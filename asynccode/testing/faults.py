"""What is slow and what fails in a fake backend, by phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import anyio

from asynccode.errors import BackendError


class Faults:
    """What is slow and what fails, by phase; shared by a backend and all it opens."""

    def __init__(
        self,
        *,
        slow: Mapping[str, float] | None = None,
        fail: Mapping[str, int] | None = None,
        error: type[BackendError] = BackendError,
        text: str = "a fault was asked for",
    ) -> None:
        """Take `slow` in seconds, and in `fail` how often each phase is to fail."""
        self.slow = dict(slow or {})
        self.fail = dict(fail or {})
        self.error = error
        self.text = text
        self.entered: Counter[str] = Counter()
        """How often each phase was entered."""
        self.reached: dict[str, anyio.Event] = {}
        """Events to set when a phase is entered, for tests that wait for it."""

    async def at(self, phase: str) -> None:
        """Enter a phase: wait and fail as told."""
        self.entered[phase] += 1
        if phase in self.reached:
            self.reached[phase].set()
        if phase in self.slow:
            await anyio.sleep(self.slow[phase])
        if self.fail.get(phase, 0) > 0:
            self.fail[phase] -= 1
            raise self.error(f"{phase}: {self.text}")
