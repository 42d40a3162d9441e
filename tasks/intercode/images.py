"""What nl2bash's sandboxes start from: the data set's files, Docker's, and a first commit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve

from asynccode.errors import ImageError, TaskDataError
from asynccode.images import Commands, Entry, Image, Layer, Manifest

BASE = "debian-12-intercode"
"""The base that holds the programs of the original's nl2bash image."""
_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
_RESOLVER = "nameserver 10.255.255.53\n"
DOCKER = Manifest(
    entries=[
        Entry(path="/etc/hosts", type="file", content=_HOSTS.encode()),
        Entry(path="/etc/resolv.conf", type="file", content=_RESOLVER.encode()),
    ]
)
"""What Docker puts into every container. The resolver is the one of the reference runs; it
cannot be reached from a sandbox, but the error messages name it."""


def nl2bash_image(folder: Path, number: int, *, base: str | None, compat: bool) -> Image:
    """Describe the image of file system `number` from a folder of data.

    Raises `TaskDataError` if the file system is not there or is another one's.
    """
    layers = list(_filesystem(folder, number))
    if compat:
        layers += [DOCKER, first_commit(filesystem_name(number))]
    shell = "/bin/bash" if compat else None  # what the original's container runs
    return Image(base=base or BASE, layers=layers, workdir="/", shell=shell)


def filesystem_name(number: int) -> str:
    """Give the name that a data set and its file system share."""
    return f"nl2bash_fs_{number}"


def _filesystem(folder: Path, number: int) -> Iterator[Layer]:
    """Give the layers that make file system `number`, from the manifest or the script."""
    manifest = folder / f"filesystems/fs_{number}.json"
    script = folder / f"docker/bash_scripts/setup_nl2b_fs_{number}.sh"
    if manifest.exists():
        yield read_manifest(manifest, number)
    elif script.exists():
        ignored = folder / "docker/docker.gitignore"
        try:
            entries = [
                Entry(path=f"/{script.name}", type="file", mode=0o755, content=script.read_bytes()),
                Entry(path="/.gitignore", type="file", content=ignored.read_bytes()),
            ]
        except OSError as error:
            raise TaskDataError(f"Cannot read {error.filename}: {error.strerror}.") from error
        yield Manifest(entries=entries)
        yield Commands(lines=[f"cd / && /{script.name}"])
    else:
        raise TaskDataError(
            f"{folder} holds neither filesystems/{manifest.name} nor "
            f"docker/bash_scripts/{script.name}: name a full clone of InterCode with --data."
        )


def read_manifest(path: Path, number: int) -> Manifest:
    """Read `filesystems/fs_N.json`; raises `TaskDataError` if it is another file system's."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))["filesystem"]
        if held != filesystem_name(number):
            raise TaskDataError(
                f"The tasks of {filesystem_name(number)} cannot run on {held}: "
                f"{path} describes another file system."
            )
        return Manifest.load(path)
    except ImageError as error:
        raise TaskDataError(str(error)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TaskDataError(f"Cannot read the file system {path}: {error!r}.") from error


def first_commit(filesystem: str, born: int = 0) -> Commands:
    """Give the layer that the original's image ends with, and its first reset.

    The image commits what is at `/` (nl2bash.Dockerfile). The first `git reset --hard;
    git clean -fd` of a container then takes away modes other than +x and all empty folders,
    `/tmp` and `/mnt` among them (bash_env.py:12, :33-37). Without its index git writes all
    files anew, as it does where a container's files are not those that it looked at.

    A tag and a list of what is committed bear the name of the file system: `World.reset`
    needs them. Files have other inodes wherever an image is mounted; git is told not to look
    at those, or it would take every file for changed. The files are from the time `born`.
    """
    listed = f"/.git/{filesystem}"
    return Commands(
        lines=[
            "test -f /.gitignore",  # or this is no image, and what follows would clean the host
            "git config --global user.email asynccode@localhost",
            "git config --global user.name asynccode",
            "cd / && umask 022 && git init -q && git config core.checkStat minimal",
            "cd / && git add -A && git commit -q -m 'initial commit'",
            "cd / && umask 022 && rm .git/index && git reset -q --hard && git clean -fdq",
            f"cd / && git tag {filesystem} && git ls-tree -r -z --name-only HEAD > {listed}",
            f"cd / && xargs -0 -a {listed} touch -h -d @{born}",
            "cd / && git status --short",
        ]
    )


def reborn(image: Image, filesystem: str, born: int) -> Image:
    """Give the image of a compat suite with files from the time `born`."""
    return evolve(image, layers=(*image.layers[:-1], first_commit(filesystem, born)))
