"""Containers that dead owners left, told from the living by their labels."""

from __future__ import annotations

from contextlib import suppress

from asynccode.backends.engine import spec
from asynccode.backends.engine.api import Engine
from asynccode.errors import BackendError


async def clean(engine: Engine) -> list[str]:
    """Remove what dead owners left in an engine; gives what was removed.

    Only what bears our label is looked at; what a living process owns, here or on another
    machine (until it expires), stays.
    """
    removed = []
    for container, labels in await engine.containers.listed(spec.LABEL):
        if spec.is_left(labels):
            with suppress(BackendError):  # somebody else removes it at the same time
                await engine.containers.remove(container)
                removed.append(f"container {container[:12]} of {labels[spec.LABEL]}")
    return removed
