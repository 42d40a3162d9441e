"""Every backend passes the public conformance suite; known differences are listed, strictly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.local import LocalBackend
from asynccode.backends.nsjail import NsjailBackend
from asynccode.interfaces import Backend
from asynccode.testing.conformance import CHECKS, Check, check_one

NAMES = [item.name for item in CHECKS]
pytestmark = pytest.mark.anyio


async def _passes(item: Check, backend: Backend) -> None:
    result = await check_one(item, backend)
    if result.ok is None:
        assert item.needs - backend.isolates
        return
    assert result.ok, result.reason


@pytest.mark.nsjail
@pytest.mark.parametrize("item", CHECKS, ids=NAMES)
async def test_nsjail(item: Check, nsjail_backend: NsjailBackend) -> None:
    assert item.needs <= nsjail_backend.isolates
    await _passes(item, nsjail_backend)


DIFFERENCES = {
    "Root of the sandbox is nobody outside it, and can do little inside": (
        "root of a container is root outside, unless the engine maps users"
    ),
}
"""What an engine does not do, and says so in `isolates`."""


def _of_engines() -> Iterator[Any]:
    for item in CHECKS:
        reason = DIFFERENCES.get(item.name)
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        yield pytest.param(item, id=item.name, marks=marks)


@pytest.mark.engine
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("item", list(_of_engines()))
async def test_engines(item: Check, engine_backend: EngineBackend) -> None:
    if engine_backend.about.maps_users and item.name in DIFFERENCES:
        pytest.xfail("this engine maps users")
    # Of what an engine does not claim, it does what the checks ask for (a limit on each file).
    result = await check_one(evolve(item, needs=frozenset()), engine_backend)
    assert result.ok, result.reason


def test_every_difference_is_that_of_a_check() -> None:
    assert set(DIFFERENCES) <= set(NAMES)


@pytest.mark.parametrize("item", CHECKS, ids=NAMES)
async def test_local(item: Check, local_backend: LocalBackend) -> None:
    await _passes(item, local_backend)
