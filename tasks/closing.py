"""The end of an episode's things, each in its time, whatever became of the others."""

from __future__ import annotations

import anyio

from asynccode.scope import Scope

CLOSE_SECONDS = 30.0
"""How long each may take to close."""


async def close(*things: Scope | None) -> None:
    """Close what is there in this order; an error of one is raised when all have been closed."""
    if not things:
        return
    first, *others = things
    try:
        if first is not None:
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await first.aclose()
    finally:
        await close(*others)
