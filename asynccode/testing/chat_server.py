"""A server that speaks the chat-completions API: it plays answers back, and misbehaves as told.

    async with serve(Recorded({"Print 7.": ["echo 7", "submit"]})) as server:
        policy = Chat("recorded", base_url=server.url)

Standard library and anyio only. One connection may carry many requests. `server.requests`
counts what was asked, `server.troubles` what was done wrong on purpose.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from attrs import define, field, frozen

from asynccode.escapes import collapsed
from asynccode.testing.chat_answers import Answering, Recorded, completion

__all__ = ["NONSENSE", "ChatServer", "Recorded", "Troubles", "serve"]

NONSENSE = (
    b"<html><body>502 Bad Gateway</body></html>",
    b"{",
    b"null",
    b"[]",
    b'{"choices": []}',
    b'{"choices": null, "usage": 7}',
    b'{"choices": [{"index": 0, "message": null, "finish_reason": "stop"}]}',
    b'{"choices": [{"index": 0, "message": {"role": "assistant"}}]}',
    b'{"error": {"message": "overloaded"}}',
    b"\xff\xfe\x00",
    b"",
)
"""Bodies that come with status 200 and are no completion."""


@frozen(kw_only=True)
class Troubles:
    """How often each thing goes wrong, as a share of requests; what is left goes well."""

    slow: float = 0.0
    """Answered well, after `slow_seconds`."""
    drop: float = 0.0
    """The connection is closed without an answer."""
    cut: float = 0.0
    """The connection is closed in the middle of the answer."""
    busy: float = 0.0
    """429 with `Retry-After`."""
    broken: float = 0.0
    """500, 502 or 503."""
    nonsense: float = 0.0
    """Status 200, and no completion."""
    overflow: float = 0.0
    """400: the conversation is too long."""
    slow_seconds: float = 0.2
    retry_after: float = 0.05
    """What `Retry-After` says, in seconds."""
    seed: int = 0


@define(eq=False)
class ChatServer:
    """A server that runs; made by `serve`."""

    url: str
    answering: Answering
    trouble: Troubles
    latency: float = 0.0
    requests: int = 0
    troubles: Counter[str] = field(factory=Counter)
    open: int = 0
    """Connections open now."""
    peak: int = 0
    """The most connections open at once."""
    connections: int = 0
    """Connections ever made."""
    bodies: list[Mapping[str, Any]] | None = None
    """The bodies of all requests, where they are kept."""
    headers: Mapping[str, str] = field(factory=dict)
    """Those of the last request, with names in lower case."""
    _random: Random = field(factory=Random)

    def _next_trouble(self) -> str | None:
        value = self._random.random()
        for name in ("slow", "drop", "cut", "busy", "broken", "nonsense", "overflow"):
            value -= getattr(self.trouble, name)
            if value < 0:
                self.troubles[name] += 1
                return name
        return None

    async def _handle(self, stream: SocketStream) -> None:
        self.open += 1
        self.connections += 1
        self.peak = max(self.peak, self.open)
        try:
            async with stream:
                buffered = BufferedByteReceiveStream(stream)
                while await self._one(stream, buffered):
                    pass
        except (anyio.EndOfStream, anyio.IncompleteRead, OSError):
            pass
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        finally:
            self.open -= 1

    async def _one(self, stream: SocketStream, buffered: BufferedByteReceiveStream) -> bool:
        """Answer one request; whether another may follow on the connection."""
        head = (await buffered.receive_until(b"\r\n\r\n", 65536)).decode("latin-1")
        _, *lines = head.split("\r\n")
        self.headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = await buffered.receive_exactly(int(self.headers.get("content-length", 0)))
        self.requests += 1
        request = json.loads(body)
        if self.bodies is not None:
            self.bodies.append(request)
        if self.latency:
            await anyio.sleep(self.latency)
        trouble = self._next_trouble()
        match trouble:
            case "drop":
                return False
            case "slow":
                await anyio.sleep(self.trouble.slow_seconds)
            case "busy":
                after = {"Retry-After": f"{self.trouble.retry_after:g}"}
                await _send(stream, 429, _error("slow down", "rate_limit_exceeded"), after)
                return True
            case "broken":
                status = self._random.choice((500, 502, 503))
                await _send(stream, status, b"oh dear", {"Content-Type": "text/plain"})
                return True
            case "nonsense":
                await _send(stream, 200, self._random.choice(NONSENSE))
                return True
            case "overflow":
                text = "This model's maximum context length is 10 tokens."
                await _send(stream, 400, _error(text, "context_length_exceeded"))
                return True
        answer = self.answering(request)
        status = answer.get("status", 200) if isinstance(answer, Mapping) else 200
        if isinstance(answer, Mapping) and "error" in answer:
            await _send(stream, status, json.dumps({"error": answer["error"]}).encode())
            return True
        reply = json.dumps(completion(answer, request)).encode()
        cut = len(reply) // 2 if trouble == "cut" else None
        await _send(stream, 200, reply, cut=cut)
        return cut is None


def _error(message: str, code: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": code, "code": code}}).encode()


async def _send(
    stream: SocketStream,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    cut: int | None = None,
) -> None:
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    data = f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode("latin-1")
    await stream.send(data + body[:cut])


@asynccontextmanager
async def serve(
    answering: Answering,
    *,
    trouble: Troubles | None = None,
    latency: float = 0.0,
    keep: bool = False,
    port: int = 0,
) -> AsyncIterator[ChatServer]:
    """Serve on the loopback address until the block ends.

    `latency` is waited before each answer, in seconds; `keep` keeps the requests' bodies;
    `port` 0 takes a free one.
    """
    listener = await anyio.create_tcp_listener(
        local_host="127.0.0.1", local_port=port, backlog=4096
    )
    with collapsed():
        async with listener, anyio.create_task_group() as group:
            number = listener.extra(SocketAttribute.local_port)  # noqa: S610 (no Django here)
            trouble = trouble or Troubles()
            server = ChatServer(
                f"http://127.0.0.1:{number}/v1",
                answering,
                trouble,
                latency,
                random=Random(trouble.seed),  # noqa: S311 (no secret)
            )
            server.bodies = [] if keep else None
            group.start_soon(listener.serve, server._handle)  # noqa: SLF001 (its maker)
            yield server
            group.cancel_scope.cancel()
