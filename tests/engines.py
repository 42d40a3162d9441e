"""Fixtures for tests of Docker and Podman: one backend of each for all tests of a file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import cast

import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.registry import backend_class, load_backend

from .conftest import unavailable

ENGINES = ("docker", "podman")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The engines' client runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="module", params=ENGINES)
async def engine(
    request: pytest.FixtureRequest, anyio_backend: str
) -> AsyncIterator[EngineBackend]:
    """A backend; its containers and our descriptors are gone when its tests are over."""
    health = await backend_class(request.param).probe()
    if not health.available:
        unavailable(request.param, health.reason or "")
    before = _descriptors()
    async with cast("EngineBackend", load_backend(request.param)) as backend:
        yield backend
        assert backend.statistics()["open"] == 0
    assert _descriptors() - before == set(), _descriptors() - before
    assert await left_of(request.param, backend.run) == []


def _descriptors() -> set[str]:
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add(f"{fd}:{os.readlink(f'/proc/self/fd/{fd}')}")
    return {name for name in found if "/proc/" not in name}


async def left_of(name: str, run: str) -> list[str]:
    """Give the containers of a run that are there, running or not."""
    client = cast("type[EngineBackend]", backend_class(name)).connect()
    try:
        await client.about()
        return [
            container for container, _ in await client.containers.listed(f"asynccode.run={run}")
        ]
    finally:
        await client.aclose()
