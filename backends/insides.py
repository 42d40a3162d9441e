"""Where a path of an image leads: through its layers, links followed inside of it alone."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from asynccode.backends.archives import is_opaque
from asynccode.errors import ImageError

MOST_LINKS = 40


@frozen(kw_only=True)
class Place:
    """A path without links, as far as the image has it."""

    path: str
    """Relative to the root."""
    folders: Sequence[Path]
    """What it is made of if it is a folder, topmost first."""


def resolve(stack: Sequence[Path], path: str) -> Place:
    """Follow a path through layers, topmost first; what is not there is what it is called.

    Raises `ImageError` if links lead round in a circle.
    """
    todo = deque(part for part in path.split("/") if part)
    places = [Place(path="", folders=tuple(stack))]
    links = 0
    while todo:
        part = todo.popleft()
        if part in (".", ".."):
            if part == ".." and len(places) > 1:
                places.pop()
            continue
        link, folders = look(places[-1].folders, part)
        if link is None:
            places.append(Place(path=os.path.join(places[-1].path, part), folders=folders))
            continue
        links += 1
        if links > MOST_LINKS:
            raise ImageError(f"Links of {path} lead round in a circle: name what they lead to.")
        if link.startswith("/"):
            del places[1:]
        todo.extendleft(reversed([part for part in link.split("/") if part]))
    return places[-1]


def look(folders: Sequence[Path], name: str) -> tuple[str | None, tuple[Path, ...]]:
    """Give where a name links to, or the folders that it is made of."""
    found: list[Path] = []
    for folder in folders:
        path = folder / name
        try:
            info = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(info.st_mode) and not found:
            return os.readlink(path), ()
        if not stat.S_ISDIR(info.st_mode):  # a file, or something deleted
            break
        found.append(path)
        if is_opaque(os.fsencode(path)):
            break
    return None, tuple(found)
