"""One description: what `docker build` and `podman build` make of it, and what we make of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast

import anyio.to_thread
import pytest

from asynccode import containerfile
from asynccode.backends import layers
from asynccode.backends.engine import export
from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.nsjail import NsjailBackend
from asynccode.cli import images
from asynccode.errors import ImageError
from asynccode.images import Image, Run
from asynccode.interfaces import Health
from asynccode.outcomes import Limits, Outcome
from asynccode.registry import backend_class

from .conftest import unavailable
from .engines import ENGINES
from .private_engines import PrivateEngine, can_start, private_engine
from .test_images_shared import contents

pytestmark = [pytest.mark.engine, pytest.mark.nsjail, pytest.mark.debian]

EVERYTHING = """\
# A little of everything that is read.
FROM debian:bookworm-slim

ENV GREETING="good day" \\
    # a comment in the middle
    PLACE=/srv/$NOBODY/app
WORKDIR $PLACE
COPY site /srv/site
COPY greet notes.txt bin/
COPY greet /bin/greet
RUN greet > said \\
    && echo "$GREETING from $PWD" >> said; \\
    rm /etc/issue && ln -s said again
WORKDIR deeper/still
RUN pwd > here && chmod 1750 . && echo mine > /etc/hosts.allow
"""


@pytest.fixture(scope="module")
def cache(debian_base: str) -> Iterator[Path]:
    """A cache that holds Debian and nothing else: what is not there has to be built."""
    folder = Path(mkdtemp(prefix="asynccode-"))
    try:
        folder.chmod(0o755)  # root of a jail walks through it
        with pytest.MonkeyPatch.context() as patch:
            (base,) = layers.names("debian-12")
            built = layers.cache() / base
            patch.setenv("XDG_CACHE_HOME", str(folder))
            subprocess.run(["cp", "-a", str(built), str(layers.cache())], check=True)
            yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def jails_cache(cache: Path) -> Path:
    """Another one, for nsjail: of what is in its own cache an engine would be sent a copy."""
    folder = cache / "jails"
    folder.mkdir()
    subprocess.run(["cp", "-al", *layers.cache().iterdir(), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module", params=ENGINES)
def private(request: pytest.FixtureRequest, cache: Path) -> Iterator[PrivateEngine]:
    """An engine of the test's own, whose debian:bookworm-slim is the one made here."""
    if reason := can_start(request.param):
        unavailable(request.param, reason)
    with (
        private_engine(request.param, Path(mkdtemp(prefix="e-"))) as engine,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in engine.environment.items():
            patch.setenv(name, value)

        async def load() -> str:
            async with backend(engine) as ours:
                return await ours.name_of(Image(base="debian-12", workdir="/"))

        name = anyio.run(load)
        engine.command("tag", name, "debian:bookworm-slim")
        yield engine


def backend(engine: PrivateEngine) -> EngineBackend:
    return cast("EngineBackend", backend_class(engine.name)())


def everything(folder: Path) -> Path:
    (folder / "site/deep").mkdir(parents=True)
    (folder / "site/deep/b").write_text("b")
    (folder / "site/link").symlink_to("deep/b")
    (folder / "site/deep").chmod(0o700)
    (folder / "greet").write_text('#!/bin/sh\necho "$GREETING"\n')
    (folder / "greet").chmod(0o755)
    (folder / "notes.txt").write_text("notes")
    (folder / "notes.txt").chmod(0o640)
    (folder / "Containerfile").write_text(EVERYTHING)
    return folder / "Containerfile"


@pytest.mark.timeout(400)  # Debian's packages are fetched three times
@pytest.mark.parametrize(
    ("private", "which"),
    [("docker", "everything"), ("docker", "debian-12-python"), ("podman", "everything")],
    indirect=["private"],
)
def test_an_engine_s_own_build_and_all_of_ours_hold_the_same(
    private: PrivateEngine, which: str, jails_cache: Path, tmp_path: Path, nsjail_health: Health
) -> None:
    if not nsjail_health.available:
        unavailable("nsjail", nsjail_health.reason or "")
    path = everything(tmp_path) if which == "everything" else containerfile.find(which)
    assert path is not None
    options = ("--network", "host", "--tag", "localhost/theirs", "--file", str(path))
    private.command("build", *options, str(path.parent))
    image = Image(base=str(path), workdir="/")

    async def ours() -> None:
        async with backend(private) as engine:
            async with engine._store.still(image, "localhost/theirs") as container:
                theirs = engine.engine.images.export(container)
                await export.write(theirs, tmp_path / "theirs.tar")
            digest = await engine.prepare(image)
            await engine.export(image, tmp_path / "engine.tar")
        async with NsjailBackend(cache=jails_cache) as jails:
            assert await jails.prepare(image) == digest
            names = digest.split("+")
            stack = [bytes(*jails_cache.glob(f"{name}*")) for name in names]
            await anyio.to_thread.run_sync(images.export, stack, tmp_path / "nsjail.tar")

    anyio.run(ours)
    expected = contents(tmp_path / "theirs.tar")
    assert len(expected) > 5000
    if which == "everything":
        said = b"good day\ngood day from /srv/app\n"
        assert expected["srv/app/said"][-1] == said
        assert expected["usr/bin/greet"][1] == 0o755
    for name in ("engine.tar", "nsjail.tar"):
        assert different(expected, contents(tmp_path / name)) == {}, name


def different(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    names = one.keys() | other.keys()
    return {
        name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)
    }


def test_what_nsjail_has_fetched_an_engine_is_sent(private: PrivateEngine, tmp_path: Path) -> None:
    path = tmp_path / "Containerfile"
    path.write_text("FROM debian:bookworm-slim\nRUN date +%s%N > /fetched")
    image = Image(base=str(path))

    async def both() -> tuple[bytes, bytes]:
        async with NsjailBackend() as jails, await jails.open(image, Limits()) as sandbox:
            first = await sandbox.read("/fetched")
        async with backend(private) as engine, await engine.open(image, Limits()) as container:
            return first, await container.read("/fetched")

    first, second = anyio.run(both)
    assert first == second


@pytest.mark.anyio
async def test_a_run_has_the_network_and_an_episode_has_not(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "Containerfile"
    names = "cat /etc/resolv.conf > /names; cat /proc/net/route > /routes"
    path.write_text(f"FROM debian:bookworm-slim\nENV A=b\nWORKDIR /srv/here\nRUN {names}")
    async with NsjailBackend() as jails:
        image = Image(base=str(path), workdir="/srv")
        async with await jails.open(image, Limits()) as sandbox:
            said = await sandbox.exec(["sh", "-c", "cat /proc/net/route; pwd; echo $A"])
            assert said.text.split("\n")[1:] == ["/srv", "b", ""]
            resolver = await anyio.Path("/etc/resolv.conf").read_bytes()
            assert await sandbox.read("/names") == resolver
            with pytest.raises(FileNotFoundError):
                await sandbox.read("/etc/resolv.conf")
            assert (await sandbox.exec(["rm", "/routes"])).outcome is Outcome.OK
        with pytest.raises(ImageError, match="Set-up command 'nonsense here' ended with nonzero"):
            await jails.prepare(Image(base=image.whole.base, layers=[Run(line="nonsense here")]))
