"""What is asked of an engine. Ids are the engine's; every call raises `BackendError` in its words.

`NotThereError` is raised for a container, an image or a path that does not exist.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from asynccode.backends.engine.attached import Attached
from asynccode.errors import BackendError


class NotThereError(BackendError):
    """The engine knows no such container, image or path."""


@frozen(kw_only=True)
class About:
    """What an engine says of itself."""

    product: str
    """`Docker` or `Podman`, and the version."""
    where: str
    """The address it was found at."""
    is_local: bool
    """Whether its containers may be processes of this machine."""
    limits: Collection[str] = frozenset({"memory", "process_count"})
    """What it can limit for a container as a whole: what its control groups are for."""
    keeps_ulimits: bool = True
    """Whether it sets the limits of processes that a container is made with."""
    security: Sequence[str] = ()
    """What it says of its security: `rootless`, `name=userns`, ..."""

    @property
    def maps_users(self) -> bool:
        """Whether root of a container is nobody's root outside."""
        return any("userns" in word or "rootless" in word for word in self.security)


class Containers(Protocol):
    """Making and removing containers."""

    async def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create one and give its id."""
        ...

    async def start(self, container: str) -> None:
        """Start its first process."""
        ...

    async def inspect(self, container: str) -> Mapping[str, Any]:
        """Give what the engine knows of it."""
        ...

    async def remove(self, container: str) -> None:
        """Kill and remove it; one that is not there is removed."""
        ...

    async def listed(self, label: str) -> Sequence[tuple[str, Mapping[str, str]]]:
        """Give ids and labels of all that have `label`, running or not."""
        ...


class Streams(Protocol):
    """Processes that we talk to."""

    async def attach(self, container: str, *, tty: bool) -> Attached:
        """Give the streams of a container's first process; `tty` if it has a terminal."""
        ...

    async def execute(self, container: str, config: Mapping[str, Any]) -> tuple[str, Attached]:
        """Start a process in a container; give its id and its streams."""
        ...

    async def executed(self, execution: str) -> Mapping[str, Any]:
        """Give what is known of a started process: `Running`, `ExitCode`, `Pid`."""
        ...

    async def resize(self, execution: str, rows: int, columns: int) -> None:
        """Tell a process's terminal its size."""
        ...


class Files(Protocol):
    """Files of a container, running or not, as tar archives."""

    async def most(self, container: str) -> int | None:
        """Give how many bytes a file may have; None if nothing limits it."""
        ...

    async def put(self, container: str, archive: bytes) -> None:
        """Unpack an archive at the root."""
        ...

    async def get(self, container: str, path: str) -> bytes:
        """Give an archive of a path; a link is given as a link."""
        ...

    async def look(self, container: str, path: str) -> Mapping[str, Any]:
        """Give `name`, `size`, `mode` (as Go has it), `linkTarget` of a path."""
        ...

    async def changes(self, container: str) -> Sequence[tuple[str, int]]:
        """Give changed paths and how (0 modified, 1 added, 2 deleted), as the engine sees it."""
        ...


class Images(Protocol):
    """Images by name, `repository:tag`."""

    async def identify(self, name: str) -> str | None:
        """Give an image's id, None if it is not there."""
        ...

    async def load(self, name: str, archive: Path) -> None:
        """Make an image of a root file system's archive, a tar file."""
        ...

    async def commit(self, container: str, name: str) -> None:
        """Make an image of a container as it is."""
        ...

    def export(self, container: str) -> AsyncIterator[bytes]:
        """Give a container's whole root file system as an archive."""
        ...


class Engine(Protocol):
    """One engine we are connected to."""

    containers: Containers
    streams: Streams
    files: Files
    images: Images

    async def about(self) -> About:
        """Ask who it is."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...
