"""What is at an engine's address, and answers nothing, or not as an engine does."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import anyio
import pytest

from asynccode.backends.docker import DockerEngine
from asynccode.backends.engine.calls import ANSWER_SECONDS, call
from asynccode.cli import doctor
from asynccode.errors import BackendError
from asynccode.interfaces import Health
from asynccode.registry import backend_class

from .engines import ENGINES, anyio_backend

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio
VARIABLES = ("DOCKER_HOST", "CONTAINER_HOST")


@asynccontextmanager
async def answering(path: Path, answer: bytes | None) -> AsyncIterator[str]:
    """Give the address of a socket that answers every call alike; None is never."""
    writers = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(OSError):
            while await reader.read(65536):
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield f"unix://{path}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


async def test_an_engine_that_never_answers_is_told_in_one_sentence_and_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Health] = {}

    async def examine(name: str) -> None:
        found[name] = await doctor.examine(name)

    async with answering(tmp_path / "silent", None) as where:
        for variable in VARIABLES:
            monkeypatch.setenv(variable, where)
        started = time.monotonic()
        with anyio.fail_after(3 * ANSWER_SECONDS):
            async with anyio.create_task_group() as group:
                for name in ENGINES:
                    group.start_soon(examine, name)
                    group.start_soon(backend_class(name).clean)  # type: ignore[attr-defined]
        assert time.monotonic() - started < 2 * ANSWER_SECONDS
    for health in found.values():
        assert not health.available
        assert f"did not answer within {ANSWER_SECONDS:g} s" in (health.reason or "")
        assert where in (health.reason or "")


async def test_an_engine_that_falls_silent_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async with answering(tmp_path / "silent", None) as where:
        engine = DockerEngine(where, version="v1.41")
        timeout = aiohttp.ClientTimeout(sock_read=0.2)
        try:
            with anyio.fail_after(10), pytest.raises(BackendError, match=r"within 0\.2 s"):
                async with call(engine._docker, "GET", "x", timeout):
                    pass
        finally:
            await engine.aclose()


def http(body: bytes, kind: str = "application/json", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


NONSENSE = {
    "a page": http(b"<html>hi</html>", "text/html"),
    "an object": http(b"{}"),
    "a list": http(b"[]"),
    "null": http(b"null"),
    "half an object": http(b'{"Version":'),
    "an error that is no object": http(b"oops", status="500 Internal"),
    "bytes": b"\x01\x02garbage" * 30,
    "a service of Podman that says only that it is one": http(b"null").replace(
        b"Content-Type", b"Libpod-API-Version: 5.0.0\r\nContent-Type"
    ),
}


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("said", NONSENSE)
async def test_what_answers_nonsense_is_told_in_one_sentence(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answering(tmp_path / "fake", NONSENSE[said]) as where:
        for variable in VARIABLES:
            monkeypatch.setenv(variable, where)
        health = await doctor.examine(name)
        assert await backend_class(name).clean() == []  # type: ignore[attr-defined]
    assert not health.available
    reason = health.reason or ""
    assert "no engine" in reason or "no service" in reason or "oops" in reason
    assert reason.isprintable()
    assert len(reason) < 300


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        (
            "docker",
            "tcp://[::1]:99999",
            "tcp://[::1]:99999 is no address of an engine: Port out of",
        ),
        (
            "podman",
            "tcp://[::1]:99999",
            "tcp://[::1]:99999 is no address of an engine: Port out of",
        ),
        ("docker", "tcp://[::1", "Invalid IPv6"),
        ("podman", "tcp://[::1", "Invalid IPv6"),
        ("podman", "tcp://", "it names no host"),
        ("docker", "npipe:////x", "npipe:////x: it is no socket and no TCP address"),
        ("docker", "nonsense", "nonsense: Missing protocol"),
        ("podman", "https://localhost:1", "is neither a socket nor a TCP address"),
        ("podman", "tcp://localhost:1", "refused"),
        ("docker", "tcp://localhost:1", "Connect call failed"),
    ],
)
async def test_an_address_that_cannot_be_used_is_named_with_what_is_wrong(
    name: str, address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = dict(zip(ENGINES, VARIABLES, strict=True))[name]
    monkeypatch.setenv(variable, address)
    health = await doctor.examine(name)
    assert not health.available
    assert words in (health.reason or "")
    assert address in (health.reason or "")
    assert variable in (health.remedy or "")
    assert await backend_class(name).clean() == []  # type: ignore[attr-defined]
    gc.collect()  # a client that was made and not closed would warn here
