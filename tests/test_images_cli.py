from __future__ import annotations

import json
import os
import tarfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from asynccode.backends import archives, layers
from asynccode.backends.layers import ROOT_OWNER, Store
from asynccode.cli import images, main
from asynccode.errors import ImageError
from asynccode.images import Image
from asynccode.interfaces import Health

from .conftest import unavailable

FAKE = ["--backend", "asynccode.testing.fakes:FakeBackend"]
OWNER = ROOT_OWNER if os.getuid() == 0 else os.getuid()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of our own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/asynccode/images"


async def run_nothing(*_: object) -> None:
    raise AssertionError("there are no commands")


@pytest.mark.anyio
async def test_the_list_knows_what_the_store_has_built(cache: Path) -> None:
    assert [base["built"] for base in images.listing()["bases"]] == [False] * (len(layers.BASES))
    store = Store(cache, OWNER, run_nothing)
    (folder,) = await store.layers(Image(base="host", workdir="/"))
    await store.layers(Image(base="host", workdir="/elsewhere"))
    found = images.listing()
    host = found["bases"][0]
    assert host == {"name": "host", "built": True, "folder": folder, "bytes": host["bytes"]}
    assert host["bytes"] > 0
    assert len(found["layers"]) == 1
    assert found["cache"] == str(cache)


def test_list_prints_json_or_a_table(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["images", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = [base["name"] for base in found["bases"]]
    assert names == list(layers.BASES)
    assert main(["images", "list"]) == 0
    assert "not built" in capsys.readouterr().out


def test_build_prepares_every_distinct_image_of_a_suite(capsys: pytest.CaptureFixture[str]) -> None:
    suite = ["--json", "images", "build", "asynccode.testing.fakes:FakeSuite", *FAKE]
    assert main([*suite[1:], suite[0]]) == 0
    said = capsys.readouterr()
    built = json.loads(said.out)["built"]
    assert list(built) == ["t0"]  # ten tasks, one image
    assert said.err == "1/1 t0: building on host, unless it is built\n"


def test_a_base_a_path_and_a_task_can_be_named(tmp_path: Path) -> None:
    def named(name: str, **options: Any) -> dict[str, Image]:
        known = {"data": None, "compat": None, "base": None, "task": None}
        return images.images_of(Namespace(name=name, **{**known, **options}))

    assert named("debian-12")["debian-12"].base == "debian-12"
    assert named(f"{tmp_path}/")[f"{tmp_path}/"].base == str(tmp_path)
    assert len(named("bash")) > 1
    ((task, image),) = named("bash", task="config-login-shells").items()
    assert (task, image.base) == ("config-login-shells", "host")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["build"], "`asynccode images build` takes a NAME."),
        (["list", "host"], "`asynccode images list` takes nothing more."),
        (["export", "host"], "`asynccode images export` takes a NAME and a DEST."),
        (["build", "hots"], "bases are host, debian-12, debian-12-intercode, "),
        (["build", "bash", "--task", "none"], "has no task 'none'."),
        (["list", "--backend", "local"], "The backend 'local' keeps no images here"),
        (["export", "bash", "x"], "name one's task with --task"),
        (["export", "host", "x"], "starts from this machine's own system folders"),
        (["export", "debian-12", "/etc"], "/etc exists already"),
        (["mend"], "invalid choice: 'mend'"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["images", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1


@pytest.fixture
def stack(tmp_path: Path) -> list[bytes]:
    """Three layers as an overlay leaves them; made without root, whiteouts aside."""
    base, middle, top = (tmp_path / name for name in ("base", "middle", "top"))
    for folder in (base / "etc/keys", base / "gone", middle / "etc/keys", top / "etc"):
        folder.mkdir(parents=True)
    (base / "etc/os").write_text("old")
    (base / "etc/keys/a").write_text("hidden by an opaque folder")
    (base / "gone/file").write_text("")
    (base / "link").symlink_to("etc/os")
    (middle / "etc/keys/b").write_text("b")
    (middle / "etc/os").write_text("middle")
    (top / "etc/os").write_text("new")
    (top / "etc/os").chmod(0o751)
    (top / "gone").write_text("a file now")
    os.setxattr(middle / "etc/keys", "user.overlay.opaque", b"y")
    for path in [*tmp_path.rglob("*")]:
        os.lchown(path, OWNER, OWNER)
    return [os.fsencode(path) for path in (top, middle, base)]


WHOLE = ["etc", "etc/keys", "etc/keys/b", "etc/os", "gone", "link"]


def test_layers_are_walked_as_one(stack: list[bytes]) -> None:
    found = dict(archives.merged(stack))
    assert [os.fsdecode(name) for name in found] == WHOLE
    assert Path(os.fsdecode(found[b"etc/os"])).read_text(encoding="utf-8") == "new"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a whiteout")
def test_what_was_deleted_stays_deleted(stack: list[bytes]) -> None:
    os.mknod(os.path.join(stack[0], b"etc/keys"), 0o20000)
    os.unlink(os.path.join(stack[0], b"gone"))
    os.mknod(os.path.join(stack[0], b"gone"), 0o20000)
    assert [os.fsdecode(name) for name, _ in archives.merged(stack)] == ["etc", "etc/os", "link"]


def test_export_writes_a_folder(stack: list[bytes], tmp_path: Path) -> None:
    dest = tmp_path / "root"
    assert images.export(stack, dest) == len(WHOLE)
    assert sorted(str(path.relative_to(dest)) for path in dest.rglob("*")) == WHOLE
    assert (dest / "etc/os").read_text() == "new"
    assert (dest / "etc/os").stat().st_mode & 0o7777 == 0o751
    assert (dest / "etc/os").stat().st_uid == os.getuid()
    assert (dest / "link").readlink() == Path("etc/os")


def test_export_writes_an_archive_in_which_root_owns_what_root_owned(
    stack: list[bytes], tmp_path: Path
) -> None:
    dest = tmp_path / "root.tar"
    images.export(stack, dest)
    with tarfile.open(dest) as archive:
        assert [member.name.removeprefix("./") for member in archive] == WHOLE
        assert {(member.uid, member.gid) for member in archive} == {(0, 0)}


def test_an_archive_that_could_not_be_written_is_not_there(
    stack: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "pour", broken)
    with pytest.raises(ImageError, match=r"root\.tar: No space left on device"):
        images.export(stack, tmp_path / "root.tar")
    assert not (tmp_path / "root.tar").exists()


def test_sizes_are_in_words() -> None:
    assert [images.size(count) for count in (None, 2048, 3 << 20)] == ["", "2 KiB", "3.0 MiB"]


@pytest.mark.anyio
@pytest.mark.nsjail
async def test_an_exported_image_holds_what_its_layers_made(
    cache: Path, tmp_path: Path, nsjail_health: Health, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tiny root file system, whose only program is not even run."""
    root = tmp_path / "tiny"
    (root / "bin").mkdir(parents=True)
    (root / "bin/sh").write_text("")
    if not nsjail_health.available:
        unavailable("nsjail", nsjail_health.reason or "")
    known = {"backend": "nsjail", "data": None, "compat": None, "base": None, "task": None}
    args = Namespace(do="export", name=str(root), dest=str(tmp_path / "out"), json=True, **known)
    assert await images.run(args) == 0
    assert (tmp_path / "out/bin/sh").exists()
    assert json.loads(capsys.readouterr().out)["paths"] == 5  # bin, bin/sh, dev, proc, tmp
