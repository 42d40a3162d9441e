"""Docker and Podman pass the public conformance suite; what they do not do is listed, strictly."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from asynccode.backends.engine.backend import EngineBackend
from asynccode.testing.conformance import CHECKS, RECYCLING, Check, check_one

from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]

DIFFERENCES = {
    "Root of the sandbox is nobody outside it, and can do little inside": (
        "root of a container is root outside, unless the engine maps users"
    ),
    "Nobody else in the sandbox can open what a program is told and heard on": (
        "an engine gives pipes, which the same user can open through /proc"
    ),
    "Python: a step that writes too much to disk meets its limit": (
        "an engine limits each file, which to Python is an error of its own (EFBIG)"
    ),
}
"""What an engine does not do, and says so in `isolates`."""


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name in DIFFERENCES:
        return [pytest.mark.xfail(strict=True, reason=DIFFERENCES[name])]
    return []


def _items() -> list[Any]:
    return [
        pytest.param(
            item,
            id=item.name,
            marks=_marks(item.name),
        )
        for item in CHECKS
    ]


@pytest.mark.parametrize("item", _items())
async def test_engines(item: Check, engine: EngineBackend) -> None:
    if engine.about.maps_users and item.name.startswith("Root of"):
        pytest.xfail("this engine maps users")
    # Of what an engine does not claim, it does what the checks ask for (a limit on each file).
    result = await check_one(evolve(item, needs=item.needs & {RECYCLING}), engine)
    assert result.ok, result.reason


def test_every_difference_is_that_of_a_check() -> None:
    assert set(DIFFERENCES) <= {item.name for item in CHECKS}
