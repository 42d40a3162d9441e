"""Images that somebody removes from an engine while they are in use."""

from __future__ import annotations

import secrets
from pathlib import Path

import anyio
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.images import Entry, Image, Manifest
from asynccode.outcomes import Limits

from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]


async def _remove(engine: EngineBackend, image: Image) -> None:
    name = await engine.name_of(image.whole)
    await anyio.run_process([engine.name, "rmi", "--force", name], check=False)
    assert await engine.engine.images.identify(name) is None


async def test_an_image_that_is_removed_during_a_run_is_built_again(
    engine: EngineBackend, tmp_path: Path
) -> None:
    word = secrets.token_bytes(9)
    entry = Entry(path="/work/file", type="file", content=word)
    image = Image(layers=[Manifest(entries=[entry])])
    async with await engine.open(image, Limits()) as sandbox:
        assert await sandbox.read("/work/file") == word

    async def use() -> None:
        async with await engine.open(image, Limits()) as sandbox:
            assert await sandbox.read("/work/file") == word

    try:
        await _remove(engine, image)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(use)
        await _remove(engine, image)
        assert await engine.export(image, tmp_path / "image.tar") > 0
        assert engine.statistics()["open"] == 0
    finally:
        await _remove(engine, image)
