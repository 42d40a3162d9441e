"""Containerfiles: what is read of them, and what is refused in one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attrs import evolve

from asynccode import containerfile
from asynccode.backends import insides, layers
from asynccode.backends.local import LocalBackend
from asynccode.cli import main
from asynccode.errors import ImageError
from asynccode.images import Commands, Entry, Image, Layer, Manifest, Run

OWNER = os.getuid()


def written(folder: Path, *lines: str, name: str = "Containerfile") -> Path:
    path = folder / name
    path.write_text("\n".join(("FROM debian:bookworm-slim", *lines)))
    return path


def layers_of(folder: Path, *lines: str) -> tuple[Layer, ...]:
    return tuple(containerfile.read(written(folder, *lines)).layers)


@pytest.mark.parametrize("name", containerfile.NAMED)
def test_our_own_are_read_and_stand_beside_their_tasks(name: str) -> None:
    path = containerfile.find(name)
    assert path is not None
    image = containerfile.read(path)
    assert image.base == "debian-12"
    assert [type(layer) for layer in image.layers] == [Run]


def test_from_may_name_the_host_of_a_registry(tmp_path: Path) -> None:
    path = tmp_path / "Containerfile"
    path.write_text("FROM registry.example/library/debian:12-slim\nRUN one")
    assert containerfile.read(path).base == "debian-12"


def test_from_is_a_base_and_run_a_layer_with_what_is_set_until_then(tmp_path: Path) -> None:
    image = containerfile.read(
        written(tmp_path, "RUN one", "ENV A=1 B=$A", "WORKDIR /srv", "RUN two", "ENV A=3")
    )
    assert (image.base, image.workdir, dict(image.env)) == (
        "debian-12",
        "/srv",
        {"A": "3", "B": ""},
    )
    first, folder, second = image.layers
    assert first == Run(line="one", workdir="/")
    assert isinstance(folder, Run)
    assert second == Run(line="two", workdir="/srv", env={"A": "1", "B": ""})


def test_lines_go_on_after_a_backslash_and_comments_between_them_are_left_out(
    tmp_path: Path,
) -> None:
    found = layers_of(tmp_path, "# no", "run a \\", "  # not this", "", "  && b # this", "RUN c")
    assert [layer.line for layer in found if isinstance(layer, Run)] == ["a   && b # this", "c"]


def test_quotes_and_variables_are_read_as_engines_read_them(tmp_path: Path) -> None:
    line = r"""ENV A="x y" B='$A' C=\$A D="\$A\n" PATH=/opt:$PATH E=a\ b"""
    image = containerfile.read(written(tmp_path, "ENV A=old", line, "ENV F=${A}!"))
    assert dict(image.env) == {
        "A": "x y",
        "B": "$A",
        "C": "$A",
        "D": r"$A\n",
        "E": "a b",
        "F": "x y!",
        "PATH": "/opt:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }


def test_copy_puts_files_folders_and_links_where_it_says(tmp_path: Path) -> None:
    (tmp_path / "site/deep").mkdir(parents=True)
    (tmp_path / "site/deep/b").write_text("b")
    (tmp_path / "site/link").symlink_to("/etc/passwd")
    (tmp_path / "run.sh").write_text("#!/bin/sh")
    (tmp_path / "run.sh").chmod(0o750)
    (tmp_path / "site/deep").chmod(0o700)
    found = layers_of(
        tmp_path, "WORKDIR /app", "COPY site /srv", "COPY run.sh bin/", "COPY run.sh x"
    )
    entries = [
        (entry.path, entry.type, entry.mode, entry.content)
        for layer in found
        if isinstance(layer, Manifest)
        for entry in layer.entries
    ]
    assert entries == [
        ("/srv/deep", "directory", 0o700, b""),
        ("/srv/deep/b", "file", (tmp_path / "site/deep/b").stat().st_mode & 0o777, b"b"),
        ("/srv/link", "symlink", 0o777, b"/etc/passwd"),
        ("/app/bin/run.sh", "file", 0o750, b"#!/bin/sh"),
        ("/app/x", "file", 0o750, b"#!/bin/sh"),
    ]


REFUSED = [
    ("FROM ubuntu", "1: FROM ubuntu cannot be had without a registry: use FROM debian:bookworm"),
    ("RUN true", "1: FROM must come first: begin with FROM debian:bookworm-slim."),
    ("FROM debian:12-slim\nFROM debian:12-slim", "2: there is a second FROM: keep one"),
    ("FROM debian:12-slim\nUSER me", "2: USER is not read: leave it out"),
    ("FROM debian:12-slim\nADD x /", "2: ADD is not read: use COPY"),
    ("FROM debian:12-slim\nFOO x", "2: FOO is not read: use FROM, RUN, COPY, ENV and WORKDIR"),
    ("FROM debian:12-slim\nRUN", "2: RUN says nothing"),
    ("FROM debian:12-slim\nRUN --mount=x y", "2: RUN --mount=x is not read"),
    ('FROM debian:12-slim\nRUN ["a"]', "2: RUN has a list: write the command as for a shell."),
    ("FROM debian:12-slim\nRUN cat <<EOF", "2: RUN has a here-document"),
    ("FROM debian:12-slim\nENV a b", "2: ENV has 'a': write ENV NAME=value"),
    ("FROM debian:12-slim\nENV a=${b:-c}", "2: ${b:-c} is not read: write $NAME"),
    ('FROM debian:12-slim\nENV a="b', '2: a quote " is not closed'),
    ("FROM debian:12-slim\nWORKDIR a b", "2: WORKDIR is not one path"),
    ("FROM debian:12-slim\nCOPY --chown=a b c", "2: COPY --chown=a is not read"),
    ("FROM debian:12-slim\nCOPY *.py /", "2: COPY has quotes, variables or wildcards"),
    ("FROM debian:12-slim\nCOPY x", "2: COPY needs what to copy and where to"),
    ("FROM debian:12-slim\nCOPY x y /z", "2: COPY of several goes to /z: end it with a slash"),
    ("FROM debian:12-slim\nCOPY ../x /", "2: ../x does not stand beside the file: put it there"),
    ("FROM debian:12-slim\nCOPY /etc/shadow /", "2: /etc/shadow does not stand beside the file"),
    ("FROM debian:12-slim\nCOPY absent /", "2: there is no absent in "),
    ("FROM debian:12-slim\nCOPY link /", "2: link is a link: copy what it leads to."),
    ("FROM debian:12-slim\nCOPY link/passwd /", "2: link/passwd is a link"),
    ("# escape=`", "1: escape=` is not read: use a backslash."),
    ("# nothing", "Containerfile is empty: begin with FROM debian:bookworm-slim."),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=[line for _, line in REFUSED])
def test_what_is_not_read_is_refused_with_its_line_and_a_remedy(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "Containerfile"
    path.write_text(text)
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(ImageError) as error:
        containerfile.read(path)
    assert str(error.value).startswith(str(path))
    assert sentence in str(error.value)
    assert main(["images", "build", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) <= 2  # that it builds, and why it does not


def test_a_file_that_hides_others_from_engines_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("x")
    (tmp_path / "x").write_text("")
    with pytest.raises(ImageError, match=r"2: \.dockerignore would hide files"):
        layers_of(tmp_path, "COPY x /")


def test_names_of_files_say_what_is_a_containerfile() -> None:
    for name in ("Containerfile", "a/Dockerfile", "Dockerfile.test", "my.dockerfile"):
        assert containerfile.find(name) == Path(name)
    for name in ("host", "debian-12", "/srv/root", "base.tar", "containerfiles"):
        assert containerfile.find(name) is None


def test_an_image_is_named_by_what_its_containerfile_says(tmp_path: Path) -> None:
    path = written(tmp_path, "ENV A=1", "RUN one")
    image = Image(base=str(path), layers=[Commands(lines=["x"])], env={"B": "2"})
    expected = Image(
        base="debian-12",
        layers=[Run(line="one", env={"A": "1"}), Commands(lines=["x"])],
        env={"A": "1", "B": "2"},
    )
    assert image.whole == expected
    assert image.digest == expected.digest
    written(tmp_path, "ENV A=1", "RUN two")
    assert evolve(image).digest != expected.digest


@pytest.mark.anyio
async def test_where_there_is_no_root_to_build_in_it_is_refused(tmp_path: Path) -> None:
    async with LocalBackend() as backend:
        with pytest.raises(ImageError, match="The local backend has no base but the host"):
            await backend.prepare(Image(base=str(written(tmp_path, "RUN one"))))
        with pytest.raises(ImageError, match="The local backend cannot run 'rm -rf /'"):
            await backend.prepare(Image(layers=[Run(line="rm -rf /")]))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A base in which /bin is a link and /run leads out of it, and a place for layers."""
    base = tmp_path / "images/base"
    (base / "usr/bin").mkdir(parents=True)
    (base / "bin").symlink_to("usr/bin")
    (base / "outside").symlink_to(f"{tmp_path}/outside")
    (base / "round").symlink_to("round")
    (tmp_path / "outside").mkdir()
    for path in [*base.rglob("*"), base]:
        os.lchown(path, OWNER, OWNER)
    return tmp_path


def unpacked(tree: Path, *entries: Entry) -> Path:
    """Unpack entries on the base as its next layer."""

    async def no_commands(*_: object) -> None:
        raise AssertionError

    store = layers.Store(tree / "images", OWNER, no_commands)
    target = tree / "images/target"
    target.mkdir()
    store._unpack(Manifest(entries=entries), ["base"], target)
    return target


def test_a_file_goes_where_links_of_the_image_lead(tree: Path) -> None:
    target = unpacked(
        tree,
        Entry(path="/bin/tool", type="file", content=b"tool"),
        Entry(path="/outside/file", type="file", content=b"inside"),
    )
    assert not (target / "bin").exists()
    assert (target / "usr/bin/tool").read_bytes() == b"tool"
    assert (target / f"{tree}/outside/file".lstrip("/")).read_bytes() == b"inside"
    assert list((tree / "outside").iterdir()) == []


def test_a_link_to_a_folder_can_be_put_there_and_be_replaced(tree: Path) -> None:
    target = unpacked(
        tree,
        Entry(path="/bin", type="symlink", content=b"usr", mtime=1.0),
        Entry(path="/latest", type="symlink", content=b"/usr/bin", mtime=1.0),
    )
    assert [os.readlink(target / name) for name in ("bin", "latest")] == ["usr", "/usr/bin"]
    assert (target / "latest").lstat().st_mtime == 1.0


def test_a_link_that_has_just_been_put_there_leads_nowhere_else_either(tree: Path) -> None:
    (tree / "outside/file").write_text("safe")
    (tree / "outside").chmod(0o711)
    target = unpacked(
        tree,
        Entry(path="/a", type="symlink", content=f"{tree}/outside".encode()),
        Entry(path="/a", type="directory", mode=0o700),
        Entry(path="/a/file", type="file", content=b"harm"),
        Entry(path="/b", type="symlink", content=f"{tree}/outside/file".encode()),
        Entry(path="/b", type="file", content=b"harm"),
    )
    assert (tree / "outside/file").read_text() == "safe"
    assert (tree / "outside").stat().st_mode & 0o777 == 0o711
    assert (target / f"{tree}/outside/file".lstrip("/")).read_bytes() == b"harm"
    assert (target / "b").read_bytes() == b"harm"


def test_a_file_does_not_take_a_folder_s_place(tree: Path) -> None:
    with pytest.raises(ImageError, match="/bin is a folder, and a file is to be put there: to put"):
        unpacked(tree, Entry(path="/bin", type="file"))
    assert insides.resolve([tree / "images/base"], "/bin/../x").path == "usr/x"
    with pytest.raises(ImageError, match="lead round in a circle"):
        insides.resolve([tree / "images/base"], "/round/x")
