"""`asynccode images`: list, build and export what tasks start from."""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, runtime_checkable

import anyio.to_thread

from asynccode import containerfile, registry
from asynccode.cli.output import emit_json, say, show, table
from asynccode.errors import ImageError, InputError
from asynccode.images import Image

HOST = "host"
# The core knows the backends' rooms by name only.
LAYERS = "asynccode.backends.layers"
ARCHIVES = "asynccode.backends.archives"
OWNER = "asynccode.backends.layers:ROOT_OWNER"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("do", choices=["list", "build", "export"], metavar="list|build|export")
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="a base, a suite, or the path of a Containerfile, a root file system or its archive",
    )
    parser.add_argument("dest", nargs="?", metavar="DEST", help="a new folder, or a .tar file")
    parser.add_argument("--backend", default="nsjail", help="whose images (default: nsjail)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="InterCode data, for its suites")
    parser.add_argument("--compat", choices=["intercode"], help="the suite's images for compat")
    parser.add_argument("--base", metavar="BASE", help="what the suite's images start from")
    parser.add_argument("--task", metavar="ID", help="of a suite with several images, which one's")


async def run(args: argparse.Namespace) -> int:
    """Do it; raises `InputError` for what cannot be."""
    wanted = {"list": 0, "build": 1, "export": 2}[args.do]
    if sum(word is not None for word in (args.name, args.dest)) != wanted:
        usage = {"list": "nothing more", "build": "a NAME", "export": "a NAME and a DEST"}
        raise InputError(f"`asynccode images {args.do}` takes {usage[args.do]}.")
    if args.do == "list" and args.backend != "nsjail":
        raise InputError(f"The backend {args.backend!r} keeps no images here; use nsjail.")
    return await {"list": _list, "build": _build, "export": _export}[args.do](args)


async def _list(args: argparse.Namespace) -> int:
    found = await anyio.to_thread.run_sync(listing)
    if args.json:
        emit_json(found)
        return 0
    rows = [
        (base["name"], "built" if base["built"] else "not built", size(base["bytes"]))
        for base in found["bases"]
    ]
    layers = found["layers"]
    rows.append(("layers on top", str(len(layers)), size(sum(layer["bytes"] for layer in layers))))
    print(f"{found['cache']}: {size(found['bytes'])}")
    show(table("", ("base", "", "size"), rows))
    return 0


def listing() -> dict[str, Any]:
    """Give what the cache holds: the known bases, and the layers made on top of them."""
    cache: Path = registry.resolve(f"{LAYERS}:cache")()
    held = {path.name: disk_usage(path) for path in cache.iterdir() if path.name[0] != "."}
    bases: list[dict[str, Any]] = []
    for name, folders in base_folders().items():
        built = folders[0] in held
        sizes = [held.pop(folder) for folder in folders if folder in held]
        bases.append(
            {
                "name": name,
                "built": built,
                "folder": folders[0],
                "bytes": sum(sizes) if built else None,
            }
        )
    layers = [{"folder": name, "bytes": held[name]} for name in sorted(held)]
    total = sum(base["bytes"] or 0 for base in bases) + sum(held.values())
    return {"cache": str(cache), "bytes": total, "bases": bases, "layers": layers}


def base_folders() -> dict[str, tuple[str, ...]]:
    """Give the bases known by name, and the folders that each adds to those before it."""
    names_of = registry.resolve(f"{LAYERS}:names")
    found: dict[str, tuple[str, ...]] = {}
    for base in known_bases():
        shared = {folder for folders in found.values() for folder in folders}
        found[base] = tuple(folder for folder in names_of(base) if folder not in shared)
    return found


def known_bases() -> tuple[str, ...]:
    """Give the bases known by name."""
    found: tuple[str, ...] = registry.resolve(f"{LAYERS}:BASES")
    return found


async def _build(args: argparse.Namespace) -> int:
    built = {}
    images = images_of(args)
    async with registry.load_backend(args.backend) as backend:
        for number, (name, image) in enumerate(images.items(), 1):
            say(f"{number}/{len(images)} {name}: building on {image.base}, unless it is built")
            built[name] = await backend.prepare(image)
    if args.json:
        emit_json({"name": args.name, "backend": args.backend, "built": built})
    else:
        show(table(f"{len(built)} built", ("image", "made of"), built.items()))
    return 0


def images_of(args: argparse.Namespace) -> dict[str, Image]:
    """Give the distinct images that a name stands for, by base or by their first task."""
    if args.name in known_bases():
        return {args.name: Image(base=args.name, workdir="/")}
    if args.name.startswith(("/", "./", "../")) or containerfile.find(args.name):
        return {args.name: Image(base=os.path.abspath(args.name), workdir="/")}
    try:
        suite = registry.load_suite(args.name, data=args.data, compat=args.compat, base=args.base)
    except InputError as error:
        bases = ", ".join(known_bases())
        raise type(error)(f"{str(error).rstrip('.')}; bases are {bases}.") from error
    tasks = [task for task in suite.tasks if args.task in (None, task.id)]
    if not tasks:
        raise InputError(f"The suite {suite.name!r} has no task {args.task!r}.")
    found: dict[str, tuple[str, Image]] = {}
    for task in tasks:
        found.setdefault(task.image.digest, (task.id, task.image))
    return dict(found.values())


async def _export(args: argparse.Namespace) -> int:
    images = images_of(args)
    if len(images) > 1:
        raise InputError(
            f"The suite {args.name!r} has {len(images)} images: name one's task with --task,"
            f" such as {', '.join(list(images)[:3])}."
        )
    ((name, image),) = images.items()
    if image.whole.base == HOST:
        raise InputError(
            f"{name} starts from this machine's own system folders, which are not copied:"
            " export one that starts from a root file system, such as debian-12."
        )
    dest = Path(args.dest)
    if dest.exists() and not (dest.is_dir() and not any(dest.iterdir())):
        raise InputError(f"{dest} exists already: name a new folder or .tar file.")
    say(f"{name}: building on {image.base}, unless it is built")
    async with registry.load_backend(args.backend) as backend:
        digest = await backend.prepare(image)
        say(f"Writing {dest}")
        if backend.name == "nsjail":
            count = await anyio.to_thread.run_sync(export, stack_of(digest), dest)
        elif isinstance(backend, Exporting):
            count = await _export_from(backend, image, dest)
        else:
            raise InputError(f"The backend {args.backend!r} keeps no images; use nsjail.")
    if args.json:
        emit_json({"name": name, "dest": str(dest), "paths": count})
    else:
        print(f"{dest}: {count} paths")
    return 0


@runtime_checkable
class Exporting(Protocol):
    """What a backend with an image store of its own has."""

    async def export(self, image: Image, dest: Path) -> int:
        """Write an image to a new tar archive; gives how many paths."""
        ...


async def _export_from(backend: Exporting, image: Image, dest: Path) -> int:
    if dest.suffix == ".tar":
        return await backend.export(image, dest)
    dest.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".asynccode-", dir=dest.parent) as scratch:
        archive = Path(scratch, "root.tar")
        count = await backend.export(image, archive)
        await anyio.to_thread.run_sync(unpack, archive, dest)
        return count


def unpack(archive: Path, dest: Path) -> None:
    """Unpack a root file system to a folder; an ordinary user's belongs to the user."""
    dest.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*_tar(dest), str(archive)], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise ImageError(f"Unpacking to {dest} failed: {said[-300:]}")


def _tar(dest: Path) -> list[str]:
    keep = ["--numeric-owner"] if os.getuid() == 0 else ["--no-same-owner"]
    return ["tar", "-x", "-p", *keep, "-C", str(dest), "-f"]


def stack_of(digest: str) -> list[bytes]:
    """Give the folders that `prepare` has built, topmost first, from what it said."""
    cache: Path = registry.resolve(f"{LAYERS}:cache")()
    found: list[bytes] = []
    for name in digest.split("+"):
        (folder,) = cache.glob(f"{name}*")
        found.append(os.fsencode(folder))
    return found


def export(stack: Sequence[bytes], dest: Path) -> int:
    """Write layers as one root file system, a folder or a tar archive; gives how many paths.

    What root of a jail owns is root's there; an ordinary user's folder is the user's own.
    """
    owner = registry.resolve(OWNER) if os.getuid() == 0 else os.getuid()
    try:
        if dest.suffix == ".tar":
            return int(registry.resolve(f"{ARCHIVES}:write")(stack, dest, owner))
        dest.mkdir(parents=True, exist_ok=True)
        with subprocess.Popen(
            [*_tar(dest), "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        ) as tar:
            assert tar.stdin is not None
            assert tar.stderr is not None
            with suppress(BrokenPipeError):
                count = int(registry.resolve(f"{ARCHIVES}:pour")(stack, tar.stdin, owner))
                tar.stdin.close()
            said = tar.stderr.read().decode("utf-8", "replace").strip()
        if tar.returncode:
            raise ImageError(f"Unpacking to {dest} failed: {said[-300:]}")
        return count
    except OSError as error:
        raise ImageError(f"Cannot write {dest}: {error.strerror}.") from error


def disk_usage(folder: Path) -> int:
    """Give the bytes that a folder takes on disk."""
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
    return total


def size(count: int | None) -> str:
    """Put bytes into words."""
    if count is None:
        return ""
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"
