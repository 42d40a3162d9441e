"""What only nsjail promises: nothing outlives us, images of every kind, limits of the machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from asynccode.backends import layers, owners
from asynccode.backends.nsjail import NsjailBackend
from asynccode.backends.warden import cgroups
from asynccode.errors import BackendError, ImageError, SandboxLost, Unavailable
from asynccode.images import Commands, Entry, Image, Manifest
from asynccode.outcomes import Limits

pytestmark = [pytest.mark.anyio, pytest.mark.nsjail]

BUSY = """
import anyio
from asynccode.backends.nsjail import NsjailBackend
from asynccode.images import Image
from asynccode.outcomes import Limits
async def main():
    async with NsjailBackend() as backend:
        for _ in range(5):
            sandbox = await backend.open(Image(), Limits())
            await (await sandbox.session()).run("sleep {mark} & setsid nohup sleep {mark} &")
        print("up", flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""


def _running(mark: str) -> int:
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it may end while we look
            count += f"sleep\0{mark}\0".encode() in path.read_bytes()
    return count


async def test_nothing_outlives_us_when_we_are_killed(nsjail_backend: NsjailBackend) -> None:
    mark = f"86400.{os.getpid()}"
    code = BUSY.format(mark=mark)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:  # noqa: ASYNC220
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert _running(mark) == 10
        owner = f"{process.pid}."
        process.kill()
    deadline = time.monotonic() + 10
    while _running(mark) and time.monotonic() < deadline:
        await anyio.sleep(0.02)
    assert _running(mark) == 0
    await NsjailBackend.clean()
    left = [group for group in cgroups.ours() if group.name.startswith(cgroups.PREFIX + owner)]
    assert left == []


async def test_a_killed_helper_is_a_harness_error_and_takes_its_jails_along(
    nsjail_backend: NsjailBackend,
) -> None:
    sandbox = await nsjail_backend.open(Image(), Limits())
    session = await sandbox.session()
    os.kill(nsjail_backend.warden._pid, signal.SIGKILL)
    with pytest.raises(SandboxLost):
        await session.run("sleep 30")
    with pytest.raises(SandboxLost):
        await sandbox.changes()
    with pytest.raises(BackendError):
        await nsjail_backend.open(Image(), Limits())
    await sandbox.aclose()
    for group in nsjail_backend.warden.groups.values():
        assert cgroups.remove(group)


async def test_groups_of_a_dead_owner_are_cleaned_and_those_of_the_living_are_not(
    nsjail_backend: NsjailBackend,
) -> None:
    if not nsjail_backend.warden.groups:
        pytest.skip("user: an ordinary user has no control groups here")
    made = cgroups.create("999999999.1")
    removed = await NsjailBackend.clean()
    assert {f"control group {group}" for group in made.values()} <= set(removed)
    assert not any(group.exists() for group in made.values())
    assert all(group.exists() for group in nsjail_backend.warden.groups.values())
    assert owners.me().label in next(iter(nsjail_backend.warden.groups.values())).name


async def test_an_executable_that_is_not_there_is_named() -> None:
    with pytest.raises(Unavailable, match="no-such-nsjail"):
        async with NsjailBackend(executable="no-such-nsjail"):
            pass


def _root_file_system(folder: Path) -> None:
    """Make a small one out of this machine's bash and cat, and what they are linked with."""
    for program in ("/bin/bash", "/bin/cat"):
        linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for path in (program, *re.findall(r"(/[^ ]+) \(0x", linked)):
            place = folder / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(os.path.realpath(path), place)
    os.symlink("bash", folder / "bin/sh")
    (folder / "etc").mkdir()
    (folder / "etc/motd").write_text("a world of its own\n")


@pytest.mark.parametrize("kind", ["folder", "tar"])
async def test_a_root_file_system_is_a_base(
    kind: str, nsjail_backend: NsjailBackend, tmp_path: Path
) -> None:
    base = tmp_path / "root"
    _root_file_system(base)
    if kind == "tar":
        with tarfile.open(tmp_path / "root.tar.gz", "w:gz") as archive:
            archive.add(base, arcname=".")
        base = tmp_path / "root.tar.gz"
    image = Image(base=str(base), workdir="/srv/task")
    async with await nsjail_backend.open(image, Limits()) as sandbox:
        result = await sandbox.exec(["bash", "-c", "cat /etc/motd; pwd; echo x > /etc/motd"])
        assert result.text == "a world of its own\n/srv/task\n"
        (change,) = await sandbox.changes()
        assert change.path == b"/etc/motd"
    assert "a world" in (tmp_path / "root/etc/motd").read_text()


async def test_a_base_that_is_none_is_refused_with_what_there_is(
    nsjail_backend: NsjailBackend, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("not an archive")
    with pytest.raises(ImageError, match="'host'"):
        await nsjail_backend.prepare(Image(base="no-such-base"))
    with pytest.raises(ImageError, match="no bin/sh"):
        await nsjail_backend.prepare(Image(base=str(tmp_path)))
    with pytest.raises(ImageError, match="neither a folder nor a tar"):
        await nsjail_backend.prepare(Image(base=str(tmp_path / "text")))


async def test_layers_stack_and_deletions_in_them_hold(nsjail_backend: NsjailBackend) -> None:
    image = Image(
        layers=[
            Manifest(
                entries=[
                    Entry(path="/work/a/one", type="file", content=b"1"),
                    Entry(path="/work/a/two", type="file", content=b"2"),
                    Entry(path="/tmp/three", type="file", content=b"3"),
                ]
            ),
            Commands(lines=["rm a/one", "rm -r a; mkdir a; echo new > a/three", "test -e /tmp"]),
        ]
    )
    async with await nsjail_backend.open(image, Limits()) as sandbox:
        result = await sandbox.exec(["bash", "-c", "ls a; stat -c %a /tmp; cat /tmp/three"])
        assert result.text == "three\n1777\n3"
        assert await sandbox.changes() == ()
        await sandbox.exec(["bash", "-c", "rm a/three; echo 2 > a/two"])
        found = [(change.path, str(change.kind)) for change in await sandbox.changes()]
        assert found == [(b"/work/a/three", "deleted"), (b"/work/a/two", "added")]


async def test_what_a_dead_builder_left_is_cleaned(
    nsjail_backend: NsjailBackend, tmp_path: Path
) -> None:
    dead = tmp_path / f"{layers.TEMPORARY}999999999.1-abc"
    alive = tmp_path / f"{layers.TEMPORARY}{owners.me().label}-abc"
    for folder in (dead, alive):
        folder.mkdir()
    assert layers.clean(tmp_path) == [f"unfinished image layer {dead.name}"]
    assert alive.exists()
    assert not dead.exists()


async def test_no_thread_and_two_watched_descriptors_for_each_of_many_sandboxes(
    nsjail_backend: NsjailBackend,
) -> None:
    def watched() -> int:
        counts = nsjail_backend.statistics()
        return counts["watched"] - 2 * counts["ahead"]

    await (await nsjail_backend.open(Image(), Limits())).aclose()
    threads, before = len(os.listdir("/proc/self/task")), watched()
    sandboxes = [await nsjail_backend.open(Image(), Limits()) for _ in range(20)]
    assert len(os.listdir("/proc/self/task")) <= threads  # idle workers of others may end
    assert watched() - before == 20 * 2
    for sandbox in sandboxes:
        await sandbox.aclose()
    assert watched() == before
