"""Engines that are reached over TCP, with TLS and without, as if they were on another machine."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.errors import BackendError
from asynccode.images import Image
from asynccode.outcomes import Limits, Outcome
from asynccode.registry import backend_class

from .engines import anyio_backend, engine
from .test_images_shared import furnish

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]


@asynccontextmanager
async def forwarded(path: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Forward connections to a port of this machine to an engine's socket; gives the port."""
    writers: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection(path)
        writers.update((writer, engine_writer))
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(pump, reader, engine_writer)
                await pump(engine_reader, writer)
                group.cancel_scope.cancel()
        finally:
            for each in (writer, engine_writer):
                each.close()
                writers.discard(each)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in list(writers):
            writer.close()
        await asyncio.sleep(0.1)


def socket_of(engine: EngineBackend) -> str:
    if not engine.about.where.startswith("unix://"):
        pytest.skip(f"the engine is at {engine.about.where} already")
    return engine.about.where.removeprefix("unix://")


async def openssl(folder: Path, *words: str) -> None:
    command: Sequence[str] = ["openssl", *words]
    await anyio.run_process(command, cwd=folder)


async def certificates(folder: Path) -> ssl.SSLContext:
    """Make an authority, a server's and a client's certificate, named as docker names them."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    await openssl(
        folder, "req", "-x509", *key, "-subj", "/CN=ca", "-keyout", "ca-key.pem", "-out", "ca.pem"
    )
    for name, file in (("server", "server"), ("client", "")):
        prefix = f"{file}-" if file else ""
        request = ("-subj", f"/CN={name}", "-keyout", f"{prefix}key.pem", "-out", f"{name}.csr")
        await openssl(folder, "req", *key[:-2], *request)
        (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1")
        signed = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2")
        extended = ("-extfile", "extensions", "-out", f"{prefix}cert.pem")
        await openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, *extended)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
    return context


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A root file system that an engine elsewhere can be sent."""
    base = tmp_path / "base"
    for program in map(shutil.which, ("bash", "sleep", "cat", "env", "nice", "mkdir", "stty")):
        assert program
        furnish(base, Path(program))
    (base / "bin").symlink_to("usr/bin")
    (base / "usr/bin/sh").symlink_to("bash")
    (base / "tmp").mkdir()
    return base


async def it_works(name: str, base: Path, where: str, *, tls: bool = False) -> None:
    health = await backend_class(name).probe()
    assert health.available, health.reason
    assert "the engine is on another machine" in (health.reason or "")
    assert where in (health.version or "")
    backend = backend_class(name)()
    assert isinstance(backend, EngineBackend)
    async with backend:
        assert not backend.reaches_in
        async with await backend.open(Image(base=str(base), workdir="/"), Limits()) as sandbox:
            session = await sandbox.session()
            assert (await session.run("x=6; echo $((x * 7))")).text == "42\n"
            await sandbox.write("/tmp/file", b"written")
            assert (await session.run("cat /tmp/file; echo $x >/tmp/new")).text == "written"
            assert await sandbox.read("/tmp/new") == b"6\n"
            changed = {change.path for change in await sandbox.changes()}
            assert {b"/tmp/file", b"/tmp/new"} <= changed
            slow = await session.run("sleep 60", seconds=0.5)
            assert slow.outcome is Outcome.TIMEOUT
            async with await sandbox.start(["cat"]) as program:
                await program.send(b"to and fro")
                assert await program.receive() == b"to and fro"
                if tls:
                    with pytest.raises(BackendError, match="Over TLS"):
                        await program.send_eof()
                else:
                    await program.send_eof()
                    assert await program.wait() == 0


async def test_an_engine_over_tcp_does_what_one_here_does(
    engine: EngineBackend, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = {"docker": "DOCKER_HOST", "podman": "CONTAINER_HOST"}[engine.name]
    async with forwarded(socket_of(engine)) as port:
        monkeypatch.setenv(variable, f"tcp://127.0.0.1:{port}")
        await it_works(engine.name, base, f"127.0.0.1:{port}")


async def test_an_engine_over_tls_is_trusted_by_certificate(
    engine: EngineBackend, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.name != "docker":
        pytest.skip("Podman's own service speaks no TLS")
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make certificates with")
    folder = tmp_path / "certificates"
    folder.mkdir()
    context = await certificates(folder)
    async with forwarded(socket_of(engine), context) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(folder))
        await it_works("docker", base, f"127.0.0.1:{port}", tls=True)

        stranger = tmp_path / "stranger"
        stranger.mkdir()
        await certificates(stranger)
        monkeypatch.setenv("DOCKER_CERT_PATH", str(stranger))
        health = await backend_class("docker").probe()
        assert not health.available
        assert "certificate" in (health.reason or "").lower()
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "nothing"))
        health = await backend_class("docker").probe()
        assert not health.available
        assert "DOCKER_CERT_PATH" in (health.remedy or "")
