"""Files of containers, reached from the host and through the engine's archives alike."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator

import anyio
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.files import ArchiveWorld, HostWorld
from asynccode.backends.engine.sandbox import EngineSandbox
from asynccode.images import Image
from asynccode.outcomes import Limits, MiB

from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]


@pytest.fixture(scope="module", params=["near", "far"])
async def sandbox(
    request: pytest.FixtureRequest, engine: EngineBackend
) -> AsyncIterator[EngineSandbox]:
    """A container, reached from the host or as if it were on another machine."""
    limits = Limits(disk_bytes=MiB)
    if request.param == "near":
        async with await engine.open(Image(), limits) as near:
            assert isinstance(near.world, HostWorld)
            yield near
        return
    async with (
        type(engine)(reach_in=False) as elsewhere,
        await elsewhere.open(Image(), limits) as far,
    ):
        assert isinstance(far.world, ArchiveWorld)
        yield far


async def test_writers_of_one_path_are_in_nobody_s_way(sandbox: EngineSandbox) -> None:
    contents = [bytes([number]) * 300_000 for number in range(12)]
    async with anyio.create_task_group() as group:
        for content in contents:
            group.start_soon(sandbox.write, "/tmp/same", content)
    assert await sandbox.read("/tmp/same") in contents
    assert (await sandbox.exec(["ls", "-A", "/tmp"])).text == "same\n"


async def test_a_name_may_be_as_long_as_names_are(sandbox: EngineSandbox) -> None:
    path = "/work/" + "n" * 255
    await sandbox.write(path, b"long")
    assert await sandbox.read(path) == b"long"


async def test_a_path_with_a_nul_is_refused_and_not_cut_short(sandbox: EngineSandbox) -> None:
    with pytest.raises(OSError, match="null byte"):
        await sandbox.read("/etc/passwd\0foo")
    with pytest.raises(OSError, match="null byte"):
        await sandbox.write("/tmp/cut\0foo", b"x")
    with pytest.raises(FileNotFoundError):
        await sandbox.read("/tmp/cut")


async def test_what_is_written_from_outside_meets_the_limit_on_files(
    sandbox: EngineSandbox,
) -> None:
    await sandbox.write("/tmp/full", b"x" * MiB)
    with pytest.raises(OSError, match="full") as raised:
        await sandbox.write("/tmp/full", b"y" * (MiB + 1))
    assert raised.value.errno == errno.ENOSPC
    assert await sandbox.read("/tmp/full") == b"x" * MiB, "not all or nothing"
