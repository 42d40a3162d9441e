"""Docker, through aiodocker: containers of an engine on this machine or elsewhere."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import aiodocker
import aiohttp
import anyio
from yarl import URL

from asynccode.backends.engine import addresses, spec
from asynccode.backends.engine.api import About, Containers, Files, Images, NotThereError, Streams
from asynccode.backends.engine.attached import Address, Attached, hijack
from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.calls import (
    ANSWER_SECONDS,
    LASTING,
    LASTING_SECONDS,
    NONSENSE,
    ORDINARY,
    call,
    translated,
)
from asynccode.errors import BackendError, Unavailable

REMEDY = "start one (as root: `dockerd &`, or `systemctl start docker`) or name it in DOCKER_HOST"
LIMITED = {"memory": "MemoryLimit", "process_count": "PidsLimit"}
"""What an engine says that it can limit, and what it calls that."""
STAT = "X-Docker-Container-Path-Stat"


def _archive(container: str, path: str) -> str:
    """Give the call for a path of any bytes, of which a mapping of parameters takes text alone."""
    return f"containers/{container}/archive?path={quote(os.fsencode(path))}"


class DockerEngine:
    """Answers `Engine` (and its four parts) through one aiodocker client."""

    containers: Containers
    streams: Streams
    files: Files
    images: Images

    def __init__(
        self, url: str | None = None, *, remedy: str = REMEDY, version: str = "auto"
    ) -> None:
        """Connect to `url`, or where aiodocker finds an engine."""
        context = addresses.tls() if not (url or "").startswith("unix:") else None
        try:
            self._docker = aiodocker.Docker(
                url, ssl_context=context, api_version=version, timeout=ORDINARY
            )
        except (aiodocker.DockerError, *NONSENSE, OSError) as error:
            raise Unavailable(
                f"no engine was found{addresses.why_none(url, error)}", remedy
            ) from error
        try:
            addresses.check(self._docker.docker_host, remedy)
        except Unavailable:
            self._docker.session.detach()  # nobody is there to wait until it is closed
            raise
        self._remedy = remedy
        self._version: Mapping[str, Any] | None = None
        self._tls = context or self._tls_of_context()
        if self._tls is not None:  # aiodocker would speak in the clear with what it is given
            secure = re.sub("^(tcp|http)://", "https://", self._docker.docker_host)
            self._docker.docker_host = secure
        self.containers = self.streams = self.files = self.images = self

    async def aclose(self) -> None:
        """Close the client."""
        await self._docker.close()

    def _tls_of_context(self) -> ssl.SSLContext | None:
        """Give what aiodocker has found in the docker context for its own connections."""
        found = getattr(self._docker.connector, "_ssl", None)
        return found if isinstance(found, ssl.SSLContext) else None

    @property
    def where(self) -> str:
        """The engine's address."""
        connector = self._docker.connector
        if isinstance(connector, aiohttp.UnixConnector):
            return f"unix://{connector.path}"
        return self._docker.docker_host

    async def about(self) -> About:
        """Ask for version and storage."""
        try:
            version = await self._meet()
            with translated():
                info = await self._docker.system.info()
                return About(
                    product=str(version["Version"]),
                    where=self.where,
                    is_local=self._address().is_local,
                    limits={name for name, said in LIMITED.items() if info.get(said, True)},
                    security=tuple(info.get("SecurityOptions") or ()),
                )
        except BackendError as error:
            raise Unavailable(
                f"no engine answers at {self.where}: {error}", self._remedy
            ) from error

    async def _meet(self) -> Mapping[str, Any]:
        """Ask for the version, which takes an engine no time; whoever is asked first asks this."""
        if self._version is None:
            with translated(ANSWER_SECONDS):
                async with asyncio.timeout(ANSWER_SECONDS):
                    self._version = await self._docker.version()
        return self._version

    async def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container."""
        with translated():
            return str((await self._docker.containers.create(dict(config), name=name)).id)

    async def start(self, container: str) -> None:
        """Start it."""
        with translated():
            await self._docker.containers.container(container).start()

    async def inspect(self, container: str) -> Mapping[str, Any]:
        """Inspect it."""
        with translated():
            return await self._docker.containers.container(container).show()

    async def remove(self, container: str) -> None:
        """Kill and remove it."""
        try:
            with translated():
                await self._docker.containers.container(container).delete(
                    force=True, v=True, timeout=ORDINARY
                )
        except NotThereError:
            pass
        except BackendError as error:
            if "already in progress" not in str(error):
                raise

    async def listed(self, label: str) -> Sequence[tuple[str, Mapping[str, str]]]:
        """List containers by label."""
        filters = json.dumps({"label": [label]})
        await self._meet()
        with translated():
            found = await self._docker.containers.list(all=1, filters=filters)
            return [(item.id, item["Labels"]) for item in found]

    async def attach(self, container: str, *, tty: bool) -> Attached:
        """Attach to the first process."""
        query = "stream=1&stdin=1&stdout=1&stderr=1"
        return await hijack(self._address(), f"containers/{container}/attach?{query}", tty=tty)

    async def execute(self, container: str, config: Mapping[str, Any]) -> tuple[str, Attached]:
        """Create and start an exec."""
        tty = bool(config["Tty"])
        path = f"containers/{container}/exec"
        with translated():
            execution = str((await self._json("POST", path, json=dict(config)))["Id"])
        body = {"Detach": False, "Tty": tty}
        return execution, await hijack(self._address(), f"exec/{execution}/start", body, tty=tty)

    async def executed(self, execution: str) -> Mapping[str, Any]:
        """Inspect an exec."""
        with translated():
            return await self._docker.containers.exec(execution).inspect()

    async def resize(self, execution: str, rows: int, columns: int) -> None:
        """Resize an exec's terminal."""
        with translated():
            await self._docker.containers.exec(execution).resize(h=rows, w=columns)

    async def most(self, container: str) -> int | None:
        """Look at the label that says so."""
        with translated():
            found = (await self.inspect(container))["Config"]["Labels"].get(spec.MOST)
            return None if found is None else int(found)

    async def put(self, container: str, archive: bytes) -> None:
        """Unpack an archive at the root."""
        where = f"containers/{container}/archive"
        async with self._call("PUT", where, params={"path": "/"}, data=io.BytesIO(archive)):
            pass

    async def get(self, container: str, path: str) -> bytes:
        """Get a path as an archive."""
        async with self._call("GET", _archive(container, path)) as got:
            return await got.read()

    async def look(self, container: str, path: str) -> Mapping[str, Any]:
        """Look at a path; Podman says 404 of a dangling link, and what it is all the same."""
        where = _archive(container, path)
        async with self._call("HEAD", where, refuse=False) as got:
            if STAT in got.headers:  # Podman writes - and _ for + and /
                found: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(got.headers[STAT]))
                return found
            status = got.status
        if status != 404:  # there are no words in the answer to a HEAD
            await self.get(container, path)
        raise NotThereError(f"There is no {path!r} in the container.")

    async def changes(self, container: str) -> Sequence[tuple[str, int]]:
        """Let the engine compare; Docker walks the whole image for it."""
        with translated():
            found = await self._json("GET", f"containers/{container}/changes")
            return [(item["Path"], item["Kind"]) for item in found or ()]

    async def identify(self, name: str) -> str | None:
        """Give an image's id."""
        try:
            with translated():
                return str((await self._docker.images.inspect(name))["Id"])
        except NotThereError:
            return None

    async def load(self, name: str, archive: Path) -> None:
        """Import a root file system."""
        repository, _, tag = name.partition(":")
        params = {"fromSrc": "-", "repo": repository, "tag": tag}
        async with await anyio.open_file(archive, "rb") as file:  # which aiohttp reads in threads
            arguments = {"params": params, "data": file.wrapped, "timeout": LASTING}
            async with self._call("POST", "images/create", **arguments) as got:
                said = await got.text()
        if '"error"' in said:
            raise BackendError(f"The image could not be imported: {said.strip()[-300:]}")

    async def commit(self, container: str, name: str) -> None:
        """Commit a container."""
        repository, _, tag = name.partition(":")
        with translated(LASTING_SECONDS):
            await self._docker.containers.container(container).commit(
                repository=repository, tag=tag, pause=False, timeout=LASTING
            )

    async def export(self, container: str) -> AsyncIterator[bytes]:
        """Export a container's files."""
        where = f"containers/{container}/export"
        async with self._call("GET", where, timeout=LASTING) as got:
            async for piece in got.content.iter_chunked(1 << 20):
                yield piece

    def _address(self) -> Address:
        version = self._docker.api_version
        connector = self._docker.connector
        if isinstance(connector, aiohttp.UnixConnector):
            return Address(path=connector.path, version=version)
        url = URL(self._docker.docker_host)
        return Address(
            host=url.host or "localhost", port=url.port or 2375, tls=self._tls, version=version
        )

    def _call(
        self, method: str, path: str, **arguments: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return call(self._docker, method, path, **arguments)

    async def _json(self, method: str, path: str, **arguments: Any) -> Any:
        async with self._call(method, path, **arguments) as got:
            return await got.json()


class DockerBackend(EngineBackend):
    """Opens containers of a Docker engine."""

    name: ClassVar[str] = "docker"

    @classmethod
    def connect(cls) -> DockerEngine:
        """Connect to DOCKER_HOST, the docker context's engine, or the usual socket."""
        return DockerEngine()
