"""What only containers promise: whose they are, what becomes of them, and what an engine does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import anyio.to_thread
import pytest

from asynccode.backends.engine import leftovers, spec
from asynccode.backends.engine.attached import Address, Attached, hijack
from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.files import ArchiveWorld, HostWorld, open_inside
from asynccode.errors import BackendError, ImageError, SandboxLost, Unavailable
from asynccode.images import Entry, Image, Manifest
from asynccode.interfaces import Backend
from asynccode.outcomes import Limits, Outcome
from asynccode.registry import backend_class
from asynccode.testing.conformance import CHECKS, check_one

from .engines import anyio_backend, engine, left_of

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]

BUSY = """
import signal
import anyio
from asynccode.images import Image
from asynccode.outcomes import Limits
from asynccode.registry import load_backend
async def main():
    async with load_backend("NAME") as backend:
        async with anyio.create_task_group() as group:
            for number in range(3):
                sandbox = await backend.open(Image(), Limits())
                if number:
                    group.start_soon((await sandbox.session()).run, "sleep 86400")
            await anyio.sleep(0.2)
            print(backend.run, flush=True)
            await anyio.sleep_forever()
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs tests may ignore it
anyio.run(main)
"""


async def test_a_container_removed_mid_step_is_a_harness_error_in_the_engine_s_words(
    engine: EngineBackend,
) -> None:
    async with await engine.open(Image(), Limits()) as sandbox:
        session = await sandbox.session()
        said = []

        async def step() -> None:
            with pytest.raises(SandboxLost) as lost:
                await session.run("sleep 60")
            said.append(str(lost.value))

        async with anyio.create_task_group() as group:
            group.start_soon(step)
            await anyio.sleep(0.2)
            await engine.engine.containers.remove(sandbox.name)
        assert said
        with pytest.raises(SandboxLost, match=r"(?i)is gone: .*no such container"):
            await sandbox.changes()
        assert not sandbox.is_alive
    async with await engine.open(Image(), Limits()) as sandbox:  # the run goes on
        assert (await sandbox.exec(["true"])).outcome is Outcome.OK


async def test_what_a_killed_owner_left_is_removed_and_what_others_own_stays(
    engine: EngineBackend,
) -> None:
    client = engine.engine.containers
    async with await engine.open(Image(), Limits()) as mine:
        inspected = await client.inspect(mine.name)
        image = inspected["Config"]["Image"]
        config = {"Image": image, "Cmd": ["/bin/sh"], "Labels": {"somebody": "else"}}
        foreign = await client.create(f"other-{spec.name()}", config)
        try:
            code = BUSY.replace("NAME", engine.name)
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:  # noqa: ASYNC220
                assert owner.stdout is not None
                run = owner.stdout.readline().decode().strip()
                owner.kill()
            assert len(await left_of(engine.name, run)) == 3
            await leftovers.clean(engine.engine)
            assert await left_of(engine.name, run) == []
            assert (await mine.exec(["echo", "here"])).text == "here\n"
            assert (await client.inspect(foreign))["Config"]["Labels"]["somebody"] == "else"
        finally:
            await client.remove(foreign)


async def test_a_container_whose_owner_is_gone_ends_by_itself(engine: EngineBackend) -> None:
    sandbox = await engine.open(Image(), Limits())
    try:
        sandbox._slots[0].close()  # as when our process ends
        with anyio.fail_after(20):
            while (await engine.engine.containers.inspect(sandbox.name))["State"]["Running"]:
                await anyio.sleep(0.05)
    finally:
        await sandbox.aclose()


def test_labels_tell_the_living_from_the_dead() -> None:
    labels = spec.labels("run")
    assert not spec.is_left(labels)
    assert spec.is_left({**labels, spec.LABEL: "1.1"})
    elsewhere = {**labels, spec.LABEL: "1.1", spec.MACHINE: "another"}
    assert not spec.is_left(elsewhere)
    assert spec.is_left({**elsewhere, spec.EXPIRES: "1"})
    assert not spec.is_left({"asynccode.owner": "nonsense"})


async def test_from_inside_a_container_is_reached_as_well(engine: EngineBackend) -> None:
    far = type(engine)(reach_in=False)
    names = ("After a time-out", "A fork bomb ends", "`kill -9 -1`", "Files are read and written")
    async with far:
        for item in CHECKS:
            if item.name.startswith(names):
                result = await check_one(item, far)
                assert result.ok, f"{item.name}: {result.reason}"
        async with await far.open(Image(), Limits()) as sandbox:
            assert isinstance(sandbox.world, ArchiveWorld)
            await sandbox.exec(["bash", "-c", "echo new > file; chmod 700 ."])
            found = [(change.path, str(change.kind)) for change in await sandbox.changes()]
            assert found == [(b"/work", "modified"), (b"/work/file", "added")]
    assert await left_of(engine.name, far.run) == []


async def test_a_link_leads_nowhere_but_inside(engine: EngineBackend) -> None:
    links = Manifest(
        entries=[
            Entry(path="/work/up", type="symlink", content=b"../../../../etc/hostname"),
            Entry(path="/work/root", type="symlink", content=b"/"),
            Entry(path="/work/self", type="symlink", content=b"/proc/self/root/etc/hostname"),
        ]
    )
    async with await engine.open(Image(layers=[links]), Limits()) as sandbox:
        assert isinstance(sandbox.world, HostWorld)
        assert (await sandbox.read("/work/up")).strip() == b"sandbox"
        await sandbox.write("/work/root/tmp/written", b"inside")
        assert await sandbox.read("/tmp/written") == b"inside"
        assert not os.path.exists("/tmp/written")
        with pytest.raises(OSError, match="self"):
            await sandbox.read("/work/self")


async def test_the_same_image_has_the_same_name_on_every_backend(engine: EngineBackend) -> None:
    image = Image(layers=[Manifest(entries=[Entry(path="/work/a", type="file", content=b"a")])])
    async with cast("Backend", backend_class("nsjail")()) as jails:
        assert await jails.prepare(image) == await engine.prepare(image)


async def test_a_base_of_this_machine_is_not_to_be_had_elsewhere(engine: EngineBackend) -> None:
    engine._store._is_local = False
    try:
        with pytest.raises(ImageError, match="--base debian-12"):
            await engine._store._base("host")
    finally:
        engine._store._is_local = True


async def test_many_containers_at_once_are_all_well(engine: EngineBackend) -> None:
    async def play(number: int) -> None:
        async with await engine.open(Image(), Limits()) as sandbox:
            session = await sandbox.session()
            for turn in range(20):
                assert (await session.run(f"echo {number} {turn}")).text == f"{number} {turn}\n"

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(play, number)


async def test_an_interrupted_run_leaves_no_container(engine: EngineBackend) -> None:
    code = BUSY.replace("NAME", engine.name)
    with subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as owner:
        assert owner.stdout is not None
        run = owner.stdout.readline().decode().strip()
        owner.send_signal(signal.SIGINT)
    assert await left_of(engine.name, run) == []


async def test_who_is_not_there_is_named() -> None:
    with pytest.raises(BackendError, match="cannot be reached"):
        await hijack(Address(path="/no/such/socket"), "containers/x/attach")


async def test_frames_may_come_in_any_pieces() -> None:
    class Ear:
        heard: list[tuple[int, bytes]]
        ended = False

        def feed(self, stream: int, data: bytes) -> None:
            self.heard.append((stream, data))

        def feed_end(self) -> None:
            self.ended = True

    raw = b"\1\0\0\0\0\0\0\3one\2\0\0\0\0\0\0\3two\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\4last"
    head = b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n"
    for size in range(1, len(raw)):
        ear, attached = Ear(), Attached(tty=False)
        ear.heard = []
        whole = head + raw
        for at in range(0, len(whole), size):
            attached.data_received(whole[at : at + size])
        attached.listen(ear)
        attached.connection_lost(None)
        assert b"".join(data for stream, data in ear.heard if stream == 1) == b"onelast"
        assert b"".join(data for stream, data in ear.heard if stream == 2) == b"two"
        assert ear.ended


@pytest.mark.parametrize("name", ["docker", "podman"])
async def test_another_loop_than_asyncio_is_refused_in_one_sentence(name: str) -> None:
    async def enter() -> None:
        with pytest.raises(Unavailable, match="asyncio alone"):
            async with backend_class(name)():
                pass

    await anyio.to_thread.run_sync(partial(anyio.run, enter, backend="trio"))


@pytest.mark.parametrize(
    ("name", "variable", "value", "words"),
    [
        ("docker", "DOCKER_HOST", "unix:///no/such/docker.sock", "no engine answers at"),
        ("podman", "CONTAINER_HOST", "unix:///no/such/podman.sock", "no engine answers at"),
        ("podman", "CONTAINER_HOST", "ssh://host/run/podman.sock", "neither a socket nor a TCP"),
    ],
)
async def test_an_engine_that_is_not_there_is_told_with_a_remedy(
    name: str, variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    health = await backend_class(name).probe()
    assert not health.available
    assert words in (health.reason or "")
    assert variable in (health.remedy or "")


async def test_a_program_of_an_image_with_a_shell_has_what_it_is_given_and_no_other_variables(
    engine: EngineBackend,
) -> None:
    async with await engine.open(Image(shell="/bin/bash", env={"A": "b c"}), Limits()) as sandbox:
        said = await sandbox.exec(["env"], env={"HOSTNAME": "x"})
        assert sorted(said.text.splitlines()) == [
            "A=b c",
            "HOME=/root",
            "HOSTNAME=x",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]


RENAME = """
import os, sys
os.chdir(sys.argv[1])
os.mkdir("one")
while True:
    os.rename("one", "two")
    os.rename("two", "one")
"""


def test_a_way_up_is_found_while_others_rename(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "file").write_text("there")
    root = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    with subprocess.Popen([sys.executable, "-c", RENAME, str(tmp_path)]) as other:
        try:
            while not any((tmp_path / name).exists() for name in ("one", "two")):
                time.sleep(0.01)
            for _ in range(3000):
                os.close(open_inside(root, "deep/../" * 30 + "file", os.O_RDONLY))
        finally:
            other.kill()
            os.close(root)
