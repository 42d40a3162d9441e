"""What is at an engine's address, and answers nothing, or not as an engine does."""

from __future__ import annotations

import asyncio
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
