"""What every backend must do: the sentences of `asynccode.interfaces`, as checks.

    async for result in check(MyBackend):
        print(result.name, result.ok, result.reason)

A check that needs an isolation which the backend does not claim in `isolates` is skipped, so
a backend is held to what it says of itself. So is one of sandboxes that are used again, where
`recycles` says that none are. pytest runs the same checks (`CHECKS`).
"""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import anyio

from asynccode.interfaces import Backend, Technology
from asynccode.testing.checks import CHECKS, DATABASE_CHECKS, Check

REASON = 300
"""Characters of a reason."""
RECYCLING = "recycling"
SECONDS = 60.0
"""No check may take longer."""


class Result(NamedTuple):
    """What one check said; `ok` is None if it was skipped."""

    name: str
    ok: bool | None
    reason: str | None


async def check(open_backend: Callable[[], Technology]) -> AsyncIterator[Result]:
    """Run every check on a backend, each in sandboxes of its own."""
    async with open_backend() as backend:
        for item in CHECKS if isinstance(backend, Backend) else DATABASE_CHECKS:
            yield await check_one(item, backend)


async def check_one(item: Check, backend: Technology) -> Result:
    """Run one check; a failure is a result, not an exception."""
    if RECYCLING in item.needs and not backend.recycles:
        return Result(item.name, None, f"{backend.name} uses each sandbox once")
    missing = sorted(item.needs - backend.isolates - {RECYCLING})
    if missing:
        return Result(item.name, None, f"{backend.name} does not isolate {', '.join(missing)}")
    try:
        with anyio.fail_after(SECONDS):
            await item.run(backend)
    except TimeoutError:
        return Result(item.name, False, f"it took longer than {SECONDS:.0f} s")
    except Exception as error:  # noqa: BLE001 - whatever a backend raises is its check's failure
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        return Result(item.name, False, f"{kind}{str(error) or _line_of(error)}"[:REASON])
    return Result(item.name, True, None)


def _line_of(error: Exception) -> str:
    """Give the line that raised an error which says nothing itself."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.line} ({frame.name}, line {frame.lineno})"


__all__ = ["CHECKS", "DATABASE_CHECKS", "Check", "Result", "check", "check_one"]
