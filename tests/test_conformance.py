"""Every backend passes the public conformance suite; known differences are listed, strictly."""

from __future__ import annotations

import pytest

from asynccode.backends.local import LocalBackend
from asynccode.backends.nsjail import NsjailBackend
from asynccode.interfaces import Backend
from asynccode.testing.conformance import CHECKS, RECYCLING, Check, check_one

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
    assert item.needs - {RECYCLING} <= nsjail_backend.isolates
    await _passes(item, nsjail_backend)


@pytest.mark.parametrize("item", CHECKS, ids=NAMES)
async def test_local(item: Check, local_backend: LocalBackend) -> None:
    await _passes(item, local_backend)
