"""A chat server in a process of its own, so that it does not share the loop it is asked from.

    python -m benchmarks.chat_process

reads one line of JSON (`answers`, `after`, `latency`, `trouble`) from standard input, prints
its address, and at the end of the input prints what it counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
from attrs import define, field

from asynccode.machine import raise_file_limit
from asynccode.testing.chat_answers import Recorded
from asynccode.testing.chat_server import Troubles, serve
from benchmarks.scenarios import ROOT

CLOSE_SECONDS = 30


@define
class Server:
    """A server that runs in another process."""

    url: str
    counts: dict[str, Any] = field(factory=dict)
    """What it counted; known at the end."""


@asynccontextmanager
async def chat_server(**settings: Any) -> AsyncIterator[Server]:
    """Run the server while the block runs."""
    process = await anyio.to_thread.run_sync(_start)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        server = Server((await anyio.to_thread.run_sync(process.stdout.readline)).strip())
        yield server
        process.stdin.close()
        server.counts = json.loads(await anyio.to_thread.run_sync(process.stdout.read))
    finally:
        process.kill()
        process.wait(CLOSE_SECONDS)
        process.stdout.close()


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.chat_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


async def _main(settings: Mapping[str, Any]) -> None:
    answering = Recorded(settings.get("answers", {}), after=settings.get("after", "submit"))
    trouble = Troubles(**settings.get("trouble", {}))
    async with serve(answering, trouble=trouble, latency=settings.get("latency", 0.0)) as server:
        print(server.url, flush=True)
        await anyio.to_thread.run_sync(sys.stdin.read)
        counts = {
            "requests": server.requests,
            "connections": server.connections,
            "open_at_once": server.peak,
            "troubles": dict(server.troubles),
        }
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    raise_file_limit()
    anyio.run(_main, json.loads(sys.stdin.readline()))
