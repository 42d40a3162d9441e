"""What every container of a machine has in common, and none may change."""

from __future__ import annotations

import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.images import Image
from asynccode.outcomes import Limits

from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]

GIVEN_AWAY = """
for path in /proc/[a-z]*; do
  [ -L $path ] || ! chown --reference=$path $path 2>/dev/null || echo $path
done"""
"""Tells whose owner could be changed; it is changed to what it is."""


async def test_what_is_the_machine_s_can_be_read_and_not_given_away(
    engine: EngineBackend,
) -> None:
    if engine.name == "podman":
        pytest.skip("Podman 4 does not listen to what is to be read-only")
    async with await engine.open(Image(), Limits()) as sandbox:
        session = await sandbox.session()
        # What the engine hides is a device of the container's own.
        hidden = await session.run(
            "for path in /proc/[a-z]*; do [ ! -c $path ] || echo $path; done"
        )
        assert (await session.run(GIVEN_AWAY)).text == hidden.text
        assert (await session.run("cat /proc/filesystems /proc/stat | grep -c .")).exit_code == 0
