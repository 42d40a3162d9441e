"""What a sandbox starts from: a base and set-up layers, named by content."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from attrs import asdict, evolve, field, frozen, validators

from asynccode.errors import ImageError


def _absolute(_: object, attribute: Any, value: str) -> None:
    if not value.startswith("/") or ".." in value.split("/"):
        raise ImageError(f"{attribute.name} {value!r} must be an absolute path without '..'.")


def _sorted(variables: Mapping[str, str]) -> Mapping[str, str]:
    return dict(sorted(variables.items()))


@frozen(kw_only=True)
class Entry:
    """One path that a manifest layer puts into the image."""

    path: str = field(validator=_absolute)
    type: Literal["file", "directory", "symlink"] = field(
        validator=validators.in_(("file", "directory", "symlink"))
    )
    mode: int = 0o644
    """Permission bits."""
    content: bytes = b""
    """A file's bytes, or a symlink's target."""
    mtime: float | None = None
    """Modification time in seconds since the epoch; None leaves the time of unpacking."""

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> Entry:
        """Read one entry of a `filesystems/fs_N.json` manifest.

        Raises `ImageError` if a field is missing or malformed.
        """
        try:
            kind = raw["type"]
            if kind == "symlink":
                content = str(raw["target"]).encode("utf-8", "surrogateescape")
            elif "base64" in raw:
                content = base64.b64decode(raw["base64"], validate=True)
            else:
                content = str(raw.get("text", "")).encode()
            when = raw.get("mtime")
            mtime = None if when is None else datetime.fromisoformat(when).timestamp()
            mode = int(str(raw.get("mode", "755" if kind == "directory" else "644")), 8)
            return cls(path=raw["path"], type=kind, mode=mode, content=content, mtime=mtime)
        except (KeyError, ValueError, TypeError) as error:
            raise ImageError(f"Manifest entry {raw.get('path', raw)!r}: {error}.") from error


@frozen(kw_only=True)
class Manifest:
    """A layer that is a list of files, directories and links."""

    entries: Sequence[Entry] = field(converter=tuple[Entry, ...])

    @classmethod
    def load(cls, source: Path | Sequence[Mapping[str, Any]]) -> Manifest:
        """Read a manifest file (`{"entries": [...]}`) or its list of entries."""
        if not isinstance(source, Path):
            return cls(entries=[Entry.load(raw) for raw in source])
        try:
            entries = json.loads(source.read_text(encoding="utf-8"))["entries"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ImageError(f"Cannot read the manifest {source}: {error}.") from error
        return cls.load(entries)


@frozen(kw_only=True)
class Commands:
    """A layer that is what a list of shell commands leaves behind, each of which must succeed."""

    lines: Sequence[str] = field(converter=tuple[str, ...])


@frozen(kw_only=True)
class Run:
    """A layer that is what a Containerfile's RUN leaves behind: run by sh, with the network."""

    line: str
    workdir: str = field(default="/", validator=_absolute)
    env: Mapping[str, str] = field(default={}, converter=_sorted)


Layer = Manifest | Commands | Run


def layer_digest(layer: Layer) -> str:
    """Hex SHA-256 of a layer's description."""
    text = json.dumps([type(layer).__name__, asdict(layer)], default=bytes.hex)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@frozen(kw_only=True)
class Image:
    """A description of what a sandbox starts from; backends build it once, by `digest`."""

    base: str = "host"
    """`host`, the name of a base that `asynccode images` builds, or the path of a Containerfile,
    a root file system folder or a tar archive."""
    layers: Sequence[Layer] = field(default=(), converter=tuple[Layer, ...])
    workdir: str = field(default="/work", validator=_absolute)
    """Where sessions start. Backends without a root of their own map it to a private folder."""
    env: Mapping[str, str] = field(default={}, converter=_sorted)
    """Environment variables added to the backend's minimal ones."""
    python: str | None = None
    """The Python that will be needed, such as `python3`: ready sandboxes are made ready with
    an interpreter that waits (`asynccode.python`). Changes nothing of what is built."""
    shell: str | None = None
    """Process 1: a shell on a terminal of its own, such as `/bin/bash`, as in a container that
    was started so. What `Sandbox.exec` runs is then what an engine's `exec` runs: nobody's child,
    the leader of a POSIX session, with `PATH`, `HOME`, `env` and no other variables; nothing of
    ours is seen in a list of processes. Such a sandbox has no `session`. None: process 1 is
    ours. Where processes are not held apart (`local`), and in an engine elsewhere, the variables
    are all that is kept to. Changes nothing of what is built."""

    @cached_property
    def whole(self) -> Image:
        """The same image, its base's Containerfile (if it is one) read into layers of its own.

        Its working directory is not the Containerfile's. Raises `ImageError`.
        """
        from asynccode import containerfile  # which makes images

        path = containerfile.find(self.base)
        if path is None:
            return self
        below = containerfile.read(path)
        layers, env = (*below.layers, *self.layers), {**below.env, **self.env}
        return evolve(self, base=below.base, layers=layers, env=env)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the description; equal descriptions have equal digests."""
        if self.whole is not self:
            return self.whole.digest
        layers = [layer_digest(layer) for layer in self.layers]
        described: list[Any] = [self.base, layers, self.workdir, dict(self.env)]
        if self.python or self.shell:
            described.append(self.python)
        if self.shell:
            described.append(self.shell)
        text = json.dumps(described)
        return hashlib.sha256(text.encode()).hexdigest()
