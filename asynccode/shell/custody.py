"""Who looks after a shell: stops its steps, and knows which limits they met."""

from __future__ import annotations

from typing import Protocol

from asynccode.errors import SandboxLost
from asynccode.outcomes import Outcome


class Custody(Protocol):
    """What a slot needs of the sandbox that its shell is in."""

    async def stop(self, shell: int, *, everything: bool, force: bool) -> None:
        """Abort the shell's step; TERM (or KILL) what it started, or all but the shells."""
        ...

    async def kill(self, shell: int) -> None:
        """Kill the shell itself."""
        ...

    def holds(self, shell: int) -> bool:
        """Whether the shell is still there."""
        ...

    async def breach(self, status: int | None) -> Outcome | None:
        """Give the limit that was met since the last call; `status` is the step's, if ended.

        What runs in the sandbox when a step has ended is no part of the next one.
        """
        ...

    def obituary(self) -> str:
        """Say in one sentence why the sandbox is gone."""
        ...


class NoCustody:
    """Of a shell that is never stopped, and of which nothing meets a limit."""

    def __init__(self, obituary: str) -> None:
        self._obituary = obituary

    async def stop(self, shell: int, *, everything: bool, force: bool) -> None:
        """Give up: a shell that hangs is lost."""
        raise SandboxLost(self._obituary)

    async def kill(self, shell: int) -> None:
        """Give up."""
        raise SandboxLost(self._obituary)

    def holds(self, shell: int) -> bool:
        """Whether the shell is there, as far as is known."""
        return True

    async def breach(self, status: int | None) -> Outcome | None:
        """Give None."""
        return None

    def obituary(self) -> str:
        """Say what is lost."""
        return self._obituary
