"""A Containerfile as an `Image`."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

from attrs import define, field

from asynccode.containerfile.copying import copied
from asynccode.containerfile.lines import Instruction, instructions
from asynccode.containerfile.words import words
from asynccode.errors import ImageError
from asynccode.images import Image, Layer, Run

BASES = {"debian:bookworm-slim": "debian-12", "debian:12-slim": "debian-12"}
"""What FROM may name, and which base of ours that is."""
_REGISTRY = re.compile(r"[\w.-]+\.\w+/library/")
"""A registry's host, ahead of the name of one of the images that all registries have."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HERE = re.compile(r"(?:^|\s)<<-?\s*[\"']?[A-Za-z_]")
_NAME = re.compile(r"[A-Za-z_]\w*")
REMEDIES = {
    "ADD": "use COPY, or RUN with curl and tar",
    "ARG": "use ENV, or write its value where it is used",
    "CMD": "leave it out, since sandboxes start shells of their own",
    "ENTRYPOINT": "leave it out, since sandboxes start shells of their own",
    "EXPOSE": "leave it out, since sandboxes have no network",
    "LABEL": "leave it out, or make it a comment",
    "SHELL": "leave it out, and write RUN bash -c '...'",
    "USER": "leave it out, since everything runs as root of its own world",
}


@define
class _Reader:
    """What has been read so far."""

    folder: Path
    base: str | None = None
    workdir: str = "/"
    env: dict[str, str] = field(factory=dict)
    layers: list[Layer] = field(factory=list)

    def take(self, instruction: Instruction) -> None:
        """Read one more. Raises `ImageError`."""
        reader = {
            "FROM": self.take_from,
            "RUN": self.take_run,
            "COPY": self.take_copy,
            "ENV": self.take_env,
            "WORKDIR": self.take_workdir,
        }.get(instruction.name)
        if reader is None:
            remedy = REMEDIES.get(instruction.name, "use FROM, RUN, COPY, ENV and WORKDIR alone")
            raise instruction.refuse(f"{instruction.name} is not read", remedy)
        if self.base is None and instruction.name != "FROM":
            raise instruction.refuse("FROM must come first", "begin with FROM debian:bookworm-slim")
        if not instruction.rest:
            raise instruction.refuse(f"{instruction.name} says nothing", "remove it or complete it")
        reader(instruction)

    def take_from(self, instruction: Instruction) -> None:
        if self.base is not None:
            raise instruction.refuse(
                "there is a second FROM", "keep one, and build what it needs in a RUN"
            )
        name = _REGISTRY.sub("", instruction.rest, count=1)
        if name not in BASES:
            raise instruction.refuse(
                f"FROM {instruction.rest} cannot be had without a registry",
                "use FROM debian:bookworm-slim, or export that image from an engine"
                " (`docker export`) and name the archive as --base",
            )
        self.base = BASES[name]

    def take_run(self, instruction: Instruction) -> None:
        line = instruction.rest
        if line.startswith("--"):
            raise instruction.refuse(f"RUN {line.split()[0]} is not read", "leave it out")
        if _HERE.search(line):
            raise instruction.refuse(
                "RUN has a here-document, which engines differ in", "COPY a file in its place"
            )
        if line.startswith("[") and _is_list(line):
            raise instruction.refuse("RUN has a list", "write the command as for a shell")
        self._run(line)

    def take_copy(self, instruction: Instruction) -> None:
        self.layers.append(copied(instruction, self.folder, self.workdir))

    def take_env(self, instruction: Instruction) -> None:
        pairs = [word.partition("=") for word in words(instruction, {"PATH": PATH, **self.env})]
        for name, equals, _ in pairs:
            if not equals or not _NAME.fullmatch(name):
                raise instruction.refuse(f"ENV has {name!r}", "write ENV NAME=value, in quotes")
        self.env.update({name: value for name, _, value in pairs})

    def take_workdir(self, instruction: Instruction) -> None:
        found = words(instruction, self.env)
        if len(found) != 1:
            raise instruction.refuse("WORKDIR is not one path", "quote it")
        self.workdir = posixpath.normpath(posixpath.join(self.workdir, found[0]))
        self.layers.append(Run(line='mkdir -p -- "$FOLDER"', env={"FOLDER": self.workdir}))

    def _run(self, line: str) -> None:
        self.layers.append(Run(line=line, workdir=self.workdir, env=self.env))


def read(path: Path | str) -> Image:
    """Read a Containerfile, and what it copies. Raises `ImageError`."""
    path = Path(path)
    reader = _Reader(folder=path.parent)
    for instruction in instructions(path):
        reader.take(instruction)
    if reader.base is None:
        raise ImageError(f"{path} is empty: begin with FROM debian:bookworm-slim.")
    return Image(base=reader.base, layers=reader.layers, workdir=reader.workdir, env=reader.env)


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False
