"""What COPY puts into an image: files and folders that stand beside the Containerfile."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path

from asynccode.containerfile.lines import Instruction
from asynccode.images import Entry, Manifest

_MEANT = set("\"'[]*?$\\")
"""Characters that engines would take for more than a name."""
IGNORED = (".dockerignore", ".containerignore")


def copied(instruction: Instruction, folder: Path, workdir: str) -> Manifest:
    """Read what a COPY names below `folder`. Raises `ImageError` for what it may not name."""
    refuse = instruction.refuse
    names = instruction.rest.split()
    if names and names[0].startswith("--"):
        raise refuse(f"COPY {names[0]} is not read", "leave it out, and use RUN chmod or chown")
    if _MEANT & set(instruction.rest):
        raise refuse("COPY has quotes, variables or wildcards", "name each file or folder as it is")
    if len(names) < 2:
        raise refuse("COPY needs what to copy and where to", "write COPY SOURCE DESTINATION")
    *sources, dest = names
    for name in IGNORED:
        if (folder / name).exists():
            raise refuse(f"{name} would hide files from engines alone", "remove it")
    into = dest.endswith(("/", "/.")) or dest == "."
    if len(sources) > 1 and not into:
        raise refuse(f"COPY of several goes to {dest}", f"end it with a slash, {dest}/")
    place = posixpath.normpath(posixpath.join("/", workdir, dest))
    entries: list[Entry] = []
    for source in sources:
        path = _beside(instruction, folder, source)
        if path.is_dir():
            entries += _folder(instruction, path, place)
        else:
            name = posixpath.join(place, path.name) if into else place
            entries.append(_entry(instruction, path, name))
    return Manifest(entries=entries)


def _beside(instruction: Instruction, folder: Path, source: str) -> Path:
    path = Path(source)
    if path.is_absolute() or ".." in path.parts:
        raise instruction.refuse(
            f"{source} does not stand beside the file", "put it there, and name it from there"
        )
    for part in (path, *path.parents):
        if (folder / part).is_symlink():
            raise instruction.refuse(f"{source} is a link", "copy what it leads to")
    if not (folder / path).exists():
        raise instruction.refuse(f"there is no {source} in {folder}", "put it there")
    return folder / path


def _folder(instruction: Instruction, folder: Path, place: str) -> Iterator[Entry]:
    """Give what a folder holds; the folder itself is not copied."""
    for name in sorted(os.listdir(folder)):
        path = folder / name
        inner = posixpath.join(place, name)
        yield _entry(instruction, path, inner)
        if path.is_dir() and not path.is_symlink():
            yield from _folder(instruction, path, inner)


def _entry(instruction: Instruction, path: Path, place: str) -> Entry:
    info = path.lstat()
    mode = stat.S_IMODE(info.st_mode)
    try:
        if stat.S_ISLNK(info.st_mode):
            target = os.readlink(os.fsencode(path))
            return Entry(path=place, type="symlink", mode=0o777, content=target)
        if stat.S_ISDIR(info.st_mode):
            return Entry(path=place, type="directory", mode=mode)
        if stat.S_ISREG(info.st_mode):
            return Entry(path=place, type="file", mode=mode, content=path.read_bytes())
    except OSError as error:
        raise instruction.refuse(f"{path}: {error.strerror}", "make it readable") from error
    raise instruction.refuse(f"{path} is neither file, folder nor link", "remove it")
