"""Podman: containers and their streams as Docker's, images and inventory through podman-py.

podman-py is synchronous. Its calls (what the engine is, images, commits, what is left behind) are
short and run in threads under a limiter of their own. Containers are made, attached to and removed
through the API that Podman serves for Docker's clients on the same socket (`docker.py`), so no
session holds a thread.
"""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import anyio
import anyio.to_thread
import podman
import podman.errors
import requests

from asynccode.backends.docker import DockerEngine
from asynccode.backends.engine.api import About
from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.calls import (
    ANSWER_SECONDS,
    LASTING_SECONDS,
    NONSENSE,
    ORDINARY_SECONDS,
    late,
    not_understood,
    translated,
)
from asynccode.errors import BackendError, Unavailable

T = TypeVar("T")
THREADS = 4
API = "v1.41"
"""The version of Docker's API that every Podman from 4.0 on serves; asking takes it a second."""
USER_PROCESSES = 4096
VERSION = "Libpod-API-Version"
"""What every answer of a service says in its head."""
LIMITED = {"memory": "memory", "process_count": "pids"}
"""What a controller of control groups limits."""
REMEDY = (
    "start its service (`podman system service --time=0 &`, or"
    " `systemctl [--user] start podman.socket`) or name it in CONTAINER_HOST"
)


def address() -> str:
    """Give CONTAINER_HOST, or the socket of root's or of the user's own service."""
    if named := os.environ.get("CONTAINER_HOST"):
        if named.startswith(("unix://", "tcp://", "http://")):
            return named
        raise Unavailable(
            f"CONTAINER_HOST={named} is neither a socket nor a TCP address (TLS is not spoken)",
            "forward the engine's socket (`ssh -L /tmp/podman.sock:/run/podman/podman.sock HOST`)"
            " and name that: CONTAINER_HOST=unix:///tmp/podman.sock",
        )
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    folders = ["/run"] if os.getuid() == 0 else [folder, "/run"]
    for choice in folders:
        socket = Path(choice, "podman", "podman.sock")
        # Not before: to ask after what is in a folder of somebody else's is an error.
        if os.access(socket, os.R_OK | os.W_OK) and socket.is_socket():
            return f"unix://{socket}"
    raise Unavailable("no service of Podman was found", REMEDY)


def _literal(path: str) -> str:
    """Give the pattern that is a path: Podman takes the path of an archive for one."""
    return re.sub(r"[*?[]", r"[\g<0>]", path.replace("\\", "\\\\"))


def _unreached(error: BaseException) -> BackendError:
    """Say what an error comes from in the end: podman-py says no more than that it failed."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    if isinstance(error, OSError):
        return BackendError(f"The engine cannot be reached: {error}")
    return not_understood(error)


class PodmanEngine(DockerEngine):
    """Answers `Engine` through two clients of one service."""

    def __init__(self, url: str) -> None:
        """Connect to the service at `url`."""
        super().__init__(url, remedy=REMEDY, version=API)
        self._podman = podman.PodmanClient(
            base_url=url.replace("unix://", "http+unix://", 1), timeout=ORDINARY_SECONDS
        )
        self._product: str | None = None
        self._threads = anyio.CapacityLimiter(THREADS)

    async def aclose(self) -> None:
        """Close both clients."""
        try:
            await super().aclose()
        finally:
            self._podman.close()  # type: ignore[no-untyped-call]

    async def about(self) -> About:
        """Ask with a ping: what Podman calls info takes long, and is asked without root alone.

        A socket belongs to whom its service runs as; of a service elsewhere that is not known.
        """
        path = self._address().path
        try:
            product = await self._ping()
            rootless = path is not None and os.stat(path).st_uid != 0
            given = await self._controllers() if rootless else LIMITED.values()
        except (BackendError, OSError) as error:
            reason = f"no engine answers at {self.where}: {error}"
            raise Unavailable(reason, REMEDY) from error
        return About(
            product=product,
            where=self.where,
            is_local=path is not None,
            limits={name for name, controller in LIMITED.items() if controller in given},
            keeps_ulimits=not rootless,  # through the API for Docker's clients
            security=("rootless",) if rootless else (),
        )

    async def _ping(self) -> str:
        """Ask whether it is there; gives its version. Whoever is asked first asks this."""

        def ping() -> Any:
            return self._podman.api.get("/_ping", timeout=ANSWER_SECONDS)

        if self._product is None:
            path = self._address().path
            if path is not None:  # podman-py loses a socket that does not connect
                with translated(ANSWER_SECONDS):
                    await (await anyio.connect_unix(path)).aclose()
            answer = await self._ask(ping, seconds=ANSWER_SECONDS)
            if not answer.ok:
                raise BackendError(answer.text)
            if VERSION not in answer.headers:
                raise BackendError("What answered is no service of Podman.")
            self._product = str(answer.headers[VERSION])
        return self._product

    async def _controllers(self) -> Collection[str]:
        """Give the control groups that a service without root was given: none of version 1."""

        def ask() -> Collection[str]:
            answer = self._podman.api.get("/info")
            answer.raise_for_status()
            return answer.json()["host"].get("cgroupControllers") or ()

        return await self._ask(ask)

    async def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container.

        Podman raises the limit on processes of a user to a figure that a service without
        CAP_SYS_RESOURCE may not set; ours is what this process may set itself.
        """
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        most = USER_PROCESSES if hard == resource.RLIM_INFINITY else min(hard, USER_PROCESSES)
        host = config.get("HostConfig", {})
        ulimits = [*host.get("Ulimits", []), {"Name": "nproc", "Soft": most, "Hard": most}]
        return await super().create(name, {**config, "HostConfig": {**host, "Ulimits": ulimits}})

    async def listed(self, label: str) -> Sequence[tuple[str, Mapping[str, str]]]:
        """List containers by label."""
        await self._ping()
        choice = {"all": True, "sparse": True, "filters": {"label": label}}

        def ask() -> Sequence[tuple[str, Mapping[str, str]]]:
            found = self._podman.containers.list(**choice)
            return [(str(item.id), item.attrs.get("Labels") or {}) for item in found]

        return await self._ask(ask)

    async def get(self, container: str, path: str) -> bytes:
        """Get a path as an archive."""
        return await super().get(container, _literal(path))

    async def look(self, container: str, path: str) -> Mapping[str, Any]:
        """Look at a path."""
        return await super().look(container, _literal(path))

    async def identify(self, name: str) -> str | None:
        """Give an image's id."""
        if not await self._ask(self._podman.images.exists, name):
            return None
        return await self._ask(lambda: str(self._podman.images.get(name).id))

    async def load(self, name: str, archive: Path) -> None:
        """Import a root file system; Docker's call would lose the tag."""

        def post() -> None:
            with open(archive, "rb") as file:
                params, headers = {"reference": name}, {"Content-Type": "application/x-tar"}
                answer = self._podman.api.post(
                    "/images/import",
                    params=params,
                    headers=headers,
                    data=file,
                    timeout=LASTING_SECONDS,
                )
                answer.raise_for_status()

        await self._ask(post, seconds=LASTING_SECONDS)

    async def commit(self, container: str, name: str) -> None:
        """Commit a container."""
        repository, _, tag = name.partition(":")

        params = {"container": container, "repo": repository, "tag": tag, "pause": False}

        def post() -> None:
            answer = self._podman.api.post("/commit", params=params, timeout=LASTING_SECONDS)
            answer.raise_for_status()

        await self._ask(post, seconds=LASTING_SECONDS)

    async def _ask(
        self,
        function: Callable[..., T],
        *arguments: Any,
        seconds: float = ORDINARY_SECONDS,
        **options: Any,
    ) -> T:
        """Call in a thread; `seconds` is how long the engine may be silent."""

        def call() -> T:
            try:
                return function(*arguments, **options)
            except podman.errors.APIError as error:
                if isinstance(error.__cause__, requests.Timeout):
                    raise late(seconds) from error
                if error.response is None:
                    raise _unreached(error) from error
                raise BackendError(str(error.explanation or error)) from error
            except NONSENSE as error:
                raise not_understood(error) from error
            except (podman.errors.PodmanError, requests.RequestException, OSError) as error:
                raise BackendError(f"The engine cannot be reached: {error}") from error

        # A call under way is not to be left behind: what it makes would have no owner.
        return await anyio.to_thread.run_sync(call, limiter=self._threads)


class PodmanBackend(EngineBackend):
    """Opens containers of a Podman service."""

    name: ClassVar[str] = "podman"

    @classmethod
    def connect(cls) -> PodmanEngine:
        """Connect to CONTAINER_HOST, or the usual sockets."""
        return PodmanEngine(address())
