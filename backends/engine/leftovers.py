"""Containers that dead owners left, told from the living by their labels."""

from __future__ import annotations

import anyio

from asynccode.backends.engine import spec
from asynccode.backends.engine.api import Engine
from asynccode.errors import BackendError

PAUSES = (0.05, 0.2, 0.5)
"""How long to wait after each attempt at removing a container that failed, in seconds."""


async def clean(engine: Engine) -> list[str]:
    """Remove what dead owners left in an engine; gives what was removed.

    Only what bears our label is looked at; what a living process owns, here or on another
    machine (until it expires), stays.
    """
    removed = []
    for container, labels in await engine.containers.listed(spec.LABEL):
        if spec.is_left(labels) and await remove(engine, container):
            removed.append(f"container {container[:12]} of {labels[spec.LABEL]}")
    return removed


async def remove(engine: Engine, container: str) -> bool:
    """Remove a container that may be ending, or removed by somebody else; whether it is gone."""
    for pause in PAUSES:
        try:
            await engine.containers.remove(container)
        except BackendError:
            await anyio.sleep(pause)
        else:
            return True
    return False  # with its engine, or left to the next who cleans
