"""What a sandbox tells of all that was done in it, and whether it can be used once more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Traces(ABC):
    """What a sandbox tells of all that was ever written in it."""

    async def fingerprint(self) -> str | None:
        """Give a digest of every trace of writing, times included; None where none is kept.

        If two are equal, nothing was written in between: not even what was undone, or a time
        that was set. It costs a look at each path that was ever written, but no content is read.
        """
        return None

    async def renew(self) -> Self | None:
        """Close it; give another in its place that cannot be told from a new one, or None.

        Only where that is shown by a look from outside, out of reach of whoever was inside:
        nothing was written, nobody runs, nothing is left. Never where that cannot be known.
        """
        await self.aclose()
        return None

    @abstractmethod
    async def aclose(self) -> None:
        """Close it."""
