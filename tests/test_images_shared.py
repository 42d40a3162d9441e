"""One image, three backends: what an engine gives away is what nsjail starts from."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import tarfile
from argparse import Namespace
from pathlib import Path

import anyio.to_thread
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.nsjail import NsjailBackend
from asynccode.cli import images
from asynccode.images import Entry, Image, Manifest
from asynccode.interfaces import Health
from asynccode.outcomes import Limits, Outcome

from .conftest import unavailable
from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine, pytest.mark.nsjail]

MOUNTED = {"dev", "proc", "sys", "tmp", "work", "etc"}
"""Folders that one backend or the other makes for what is mounted there."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tiny root file system, whose only program is never run."""
    root = tmp_path / "tiny"
    (root / "bin").mkdir(parents=True)
    (root / "bin/sh").write_text("#!")
    (root / "bin/sh").chmod(0o4755)
    (root / "bin/link").symlink_to("sh")
    (root / ("long-" * 30)).write_bytes(bytes(range(256)))
    os.link(root / "bin/sh", root / "bin/twin")
    os.chown(root / "bin/link", 7, 8, follow_symlinks=False)
    return root


LAYER = Manifest(
    entries=[
        Entry(path="/etc/hosts", type="file", content=b"127.0.0.1 localhost\n"),
        Entry(path="/data/a b/é", type="file", mode=0o640, content=b"x" * 70000),
        Entry(path="/bin/link", type="file", mode=0o755, content=b"no link any more"),
        Entry(path="/data/there", type="symlink", content=b"/etc/hosts"),
    ]
)


def contents(archive: Path) -> dict[str, tuple[object, ...]]:
    """Give what a root file system holds: kind, permissions, owner, and bytes or target."""
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isdir():
                if name not in MOUNTED:
                    found[name] = ("folder", member.mode)
                continue
            content: object = member.linkname
            if not member.issym():
                file = tar.extractfile(member)  # of a hard link, the file's
                content = file.read() if file else None
            mode = 0 if member.issym() else stat.S_IMODE(member.mode)
            found[name] = ("link" if member.issym() else "file", mode, member.uid, content)
    return found


async def test_an_engine_and_nsjail_export_the_same_image(
    engine: EngineBackend, root: Path, tmp_path: Path, nsjail_health: Health
) -> None:
    if not nsjail_health.available:
        unavailable("nsjail", nsjail_health.reason or "")
    image = Image(base=str(root), layers=[LAYER], workdir="/")
    ours, theirs = tmp_path / "nsjail.tar", tmp_path / "engine.tar"
    async with NsjailBackend() as jails:
        digest = await jails.prepare(image)
        images.export(images.stack_of(digest), ours)
    await engine.export(image, theirs)
    assert await engine.prepare(image) == digest
    expected, found = contents(ours), contents(theirs)
    assert expected["etc/hosts"][-1] == b"127.0.0.1 localhost\n"
    if engine.name == "docker":
        # It mounts a file of its own there, in whatever container: what is put there is not kept.
        assert found.pop("etc/hosts", None) is None
        del expected["etc/hosts"]
    assert found == expected


async def test_what_an_engine_exports_nsjail_starts_from(
    engine: EngineBackend, tmp_path: Path, nsjail_health: Health, capsys: pytest.CaptureFixture[str]
) -> None:
    if not nsjail_health.available:
        unavailable("nsjail", nsjail_health.reason or "")
    base, dest = tmp_path / "base", tmp_path / "exported"
    for program in map(shutil.which, ("bash", "sleep", "cat", "env", "nice")):
        assert program
        await anyio.to_thread.run_sync(furnish, base, Path(program))
    (base / "bin").symlink_to("usr/bin")
    (base / "usr/bin/sh").symlink_to("bash")
    (base / "usr/message").write_text("from the engine")
    known = {"data": None, "compat": None, "base": None, "task": None}
    words = {"do": "export", "name": str(base), "dest": str(dest), "json": True}
    assert await images.run(Namespace(backend=engine.name, **words, **known)) == 0
    assert json.loads(capsys.readouterr().out)["paths"] > 10
    async with (
        NsjailBackend() as jails,
        await jails.open(Image(base=str(dest), workdir="/"), Limits()) as sandbox,
    ):
        result = await sandbox.exec(["cat", "/usr/message"])
        assert (result.outcome, result.text) == (Outcome.OK, "from the engine")


def furnish(base: Path, program: Path) -> None:
    """Put a program and the libraries that it needs into a root file system."""
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
    for path in (str(program), *re.findall(r"(/\S+) \(0x", said.stdout)):
        place = base / (f"usr/bin/{program.name}" if path == str(program) else path[1:])
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
