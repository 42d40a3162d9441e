"""A Containerfile's text as instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from asynccode.errors import ImageError

_CONTINUED = re.compile(r"\\[ \t]*$")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*([^\\\s]\S*)", re.IGNORECASE)


@frozen(kw_only=True)
class Instruction:
    """One instruction, its lines joined."""

    name: str
    """In capitals."""
    rest: str
    place: str
    """File and line, for who is told what is wrong with it."""

    def refuse(self, what: str, remedy: str) -> ImageError:
        """Give the error that says so."""
        return ImageError(f"{self.place}: {what}: {remedy}.")


def instructions(path: Path) -> Iterator[Instruction]:
    """Read a file. Raises `ImageError` if it cannot be read or is not such a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ImageError(f"Cannot read the Containerfile {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ImageError(f"{path} is not UTF-8: save it as that.") from error
    parts: list[str] = []
    begun = 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if found := _ESCAPE.match(bare):
            raise ImageError(f"{path}:{number}: escape={found[1]} is not read: use a backslash.")
        if not bare or bare.startswith("#"):  # in the middle of an instruction, too
            continue
        begun = begun if parts else number
        parts.append(_CONTINUED.sub("", line))
        if not _CONTINUED.search(line):
            yield _instruction(parts, f"{path}:{begun}")
            parts = []
    if parts:
        yield _instruction(parts, f"{path}:{begun}")


def _instruction(parts: list[str], place: str) -> Instruction:
    name, *rest = "".join(parts).strip().split(None, 1)
    return Instruction(name=name.upper(), rest=rest[0] if rest else "", place=place)
