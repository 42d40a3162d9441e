"""Every database backend passes the public conformance suite."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import anyio
import pytest

from asynccode.databases import DatabaseBackend
from asynccode.registry import backend_class, load_databases
from asynccode.testing.conformance import DATABASE_CHECKS, Check, check_one
from tests.conftest import unavailable

NAMES = [item.name for item in DATABASE_CHECKS]


def probe(name: str) -> str | None:
    """Say why a backend cannot work here; None if it can."""
    health = anyio.run(backend_class(name).probe)
    return None if health.available else health.reason or "it is not available"


REASONS = {name: probe(name) for name in ("sqlite", "postgres", "mysql")}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[*REASONS])
async def backend(
    request: pytest.FixtureRequest, anyio_backend: str, nothing_leaks: None
) -> AsyncIterator[DatabaseBackend]:
    name = request.param
    if (reason := REASONS[name]) is not None:
        unavailable(name, reason)
    if name != "sqlite" and anyio_backend == "trio":
        pytest.skip("its driver speaks to asyncio alone")
    async with load_databases(name) as made:
        yield made


@pytest.mark.anyio
@pytest.mark.parametrize("item", DATABASE_CHECKS, ids=NAMES)
async def test_conformance(item: Check, backend: DatabaseBackend) -> None:
    result = await check_one(item, backend)
    assert result.ok, result.reason


@pytest.mark.skipif(os.getuid() != 0, reason="servers are started by root in CI")
def test_required_servers_are_named() -> None:
    for name, reason in REASONS.items():
        if reason is not None:
            unavailable(name, reason)
