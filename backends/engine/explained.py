"""A session whose errors say in the engine's words what has become of the container."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asynccode.errors import SandboxLost
from asynccode.interfaces import Session
from asynccode.outcomes import ExecResult


class ExplainedSession(Session):
    """The shell only sees its streams end, or nothing come any more: it is the engine that knows.

    It is asked when there is an error, and at no other time.
    """

    def __init__(self, session: Session, explain: Callable[[], Awaitable[SandboxLost]]) -> None:
        self._session, self._explain = session, explain

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Run one step."""
        try:
            return await self._session.run(code, seconds=seconds, split=split)
        except SandboxLost as error:
            raise await self._explain() from error

    async def aclose(self) -> None:
        """Close it."""
        await self._session.aclose()
