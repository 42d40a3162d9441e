"""Files of containers, reached from the host and through the engine's archives alike."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import AsyncIterator

import anyio
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.files import ArchiveWorld, HostWorld
from asynccode.backends.engine.sandbox import EngineSandbox
from asynccode.images import Image
from asynccode.outcomes import Limits, MiB, Outcome

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


NAMES = ("???", "a>>>~~~", "a b?#%41&=é", "b\\s", "a[b]c", "-n", "new\nline")
SOCKET = "import socket; socket.socket(socket.AF_UNIX).bind('/work/socket')"


async def test_ordinary_names_and_kinds_of_files_are_told_and_read(sandbox: EngineSandbox) -> None:
    for name in NAMES:
        code = 'printf %s "$1" > "/work/$1"'
        assert (await sandbox.exec(["bash", "-c", code, "bash", name])).outcome is Outcome.OK
    code = f'ln -s loop loop; ln -s nowhere dangling; python3 -c "{SOCKET}"'
    assert (await sandbox.exec(["bash", "-c", code])).outcome is Outcome.OK
    found = {change.path.decode(): change for change in await sandbox.changes(hashes=True)}
    for name in NAMES:
        change = found[f"/work/{name}"]
        assert (str(change.kind), change.type) == ("added", "file")
        assert change.sha256 == hashlib.sha256(name.encode()).hexdigest()
        assert (await sandbox.read(f"/work/{name}")).decode() == name
    assert found["/work/socket"].type == "socket"
    assert found["/work/loop"].type == "symlink"
    assert (found["/work/dangling"].type, found["/work/dangling"].size) == ("symlink", 7)
    assert found["/work/dangling"].sha256 == hashlib.sha256(b"nowhere").hexdigest()


async def test_a_file_that_becomes_a_link_to_nowhere_is_of_another_type(
    sandbox: EngineSandbox,
) -> None:
    code = "ln -sf /no/where /etc/group; readlink /etc/group"
    assert (await sandbox.exec(["bash", "-c", code])).text == "/no/where\n"
    (change,) = [c for c in await sandbox.changes() if c.path == b"/etc/group"]
    assert (str(change.kind), change.type, change.size) == ("type_changed", "symlink", 9)


async def test_what_is_wrong_with_a_path_is_told_as_the_system_tells_it(
    sandbox: EngineSandbox,
) -> None:
    await sandbox.exec(["ln", "-s", "round", "/tmp/round"])
    with pytest.raises(OSError, match="round") as raised:
        await sandbox.read("/tmp/round")
    assert raised.value.errno == errno.ELOOP
    with pytest.raises((NotADirectoryError, FileNotFoundError)):  # the latter: Podman
        await sandbox.read("/etc/passwd/x")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        await sandbox.write("/etc/passwd/x", b"")


async def test_a_path_of_any_bytes_is_not_taken_for_another(sandbox: EngineSandbox) -> None:
    await sandbox.exec(["bash", "-c", r"echo bytes > $'/tmp/\xff'"])
    try:
        assert await sandbox.read(b"/tmp/\xff") == b"bytes\n"
    except FileNotFoundError:  # Docker gives no archive of such a name
        assert isinstance(sandbox.world, ArchiveWorld)
    with pytest.raises(FileNotFoundError):
        await sandbox.read(b"/tmp/\xfe")
    await sandbox.write(b"/tmp/\xfd", b"written")
    assert (await sandbox.exec(["bash", "-c", r"cat $'/tmp/\xfd'"])).text == "written"
