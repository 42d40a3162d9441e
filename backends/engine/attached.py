"""The streams of a process in a container, over a connection that the engine gave up to us.

Docker's framing (Engine API, "Attach to a container"): before each piece of output eight bytes,
of which the first is the stream (1 output, 2 errors) and the last four the length, big-endian.
With a terminal there are no frames. Podman speaks the same on its socket.
"""

from __future__ import annotations

import asyncio
import errno
import json
import re
import ssl
import struct
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import frozen

from asynccode.errors import BackendError

HEADER = struct.Struct(">BxxxL")
OUTPUT = 1
UPGRADED = (b"HTTP/1.1 101", b"HTTP/1.1 200")
CONNECT_SECONDS = 60.0


class Receiver(Protocol):
    """Who gets what a process writes."""

    def feed(self, stream: int, data: bytes) -> None:
        """Take what came on a stream (1 output, 2 errors)."""
        ...

    def feed_end(self) -> None:
        """Take note that nothing more will come."""
        ...


@frozen(kw_only=True)
class Address:
    """Where an engine listens: a socket's path, or a host and a port (with TLS or not)."""

    path: str | None = None
    host: str = "localhost"
    port: int = 0
    tls: ssl.SSLContext | None = None
    version: str = "v1.41"
    """What leads the path of every call."""

    @property
    def is_local(self) -> bool:
        """Whether it is a socket of this machine."""
        return self.path is not None


class Attached(asyncio.Protocol):
    """Standard input, output and errors of one process: what `InbandWire` calls a link."""

    def __init__(self, *, tty: bool) -> None:
        self._tty = tty
        self._head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._buffer = bytearray()
        self._stream, self._left = OUTPUT, 0
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._early: list[tuple[int, bytes]] = []
        self._drain = asyncio.Event()
        self._full = self._ended = False

    def listen(self, receiver: Receiver) -> None:
        """Pass what comes, and what has come, on to `receiver`."""
        self._receiver = receiver
        early, self._early = self._early, []
        for stream, data in early:
            receiver.feed(stream, data)
        if self._ended:
            receiver.feed_end()

    def write(self, data: bytes) -> None:
        """Send to standard input; raises `OSError` if the connection is gone."""
        if self._transport is None or self._transport.is_closing():
            raise OSError(errno.EPIPE, "The engine has closed the stream.")
        self._transport.write(data)

    async def drained(self) -> None:
        """Wait while more than a little has not left us; raises `OSError` if it never will."""
        while self._full and not self._ended:
            self._drain.clear()
            await self._drain.wait()
        if self._ended:
            raise OSError(errno.EPIPE, "The engine has closed the stream.")

    def write_eof(self) -> None:
        """End standard input; raises `BackendError` over TLS, which asyncio ends both ways only."""
        if self._transport is None or self._transport.is_closing():
            return
        if not self._transport.can_write_eof():
            raise BackendError("Over TLS the end of a program's input cannot be told.")
        self._transport.write_eof()

    def pause(self, *, paused: bool) -> None:
        """Stop (or go on) reading."""
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def head(self) -> bytes:
        """Wait for the engine's answer to the call; gives its head and what follows."""
        return await self._head

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection (asyncio calls this)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take the engine's answer, then frames (asyncio calls this)."""
        if not self._head.done():
            self._buffer += data
            head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            upgraded = head.startswith(UPGRADED)
            if not found or not (upgraded or len(rest) >= _length(head)):
                return
            self._buffer.clear()
            self._head.set_result(head if upgraded else head + found + rest)
            if not upgraded or not rest:
                return
            data = rest
        if self._tty:
            self._pass_on(OUTPUT, data)
            return
        if self._buffer:
            data = bytes(self._buffer) + data
            self._buffer.clear()
        at = 0
        while at < len(data):
            if self._left == 0:
                if len(data) - at < HEADER.size:
                    self._buffer += data[at:]
                    return
                self._stream, self._left = HEADER.unpack_from(data, at)
                at += HEADER.size
                continue
            piece = data[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            self._pass_on(self._stream, piece)

    def pause_writing(self) -> None:
        """Note that what is sent does not leave at once (asyncio calls this)."""
        self._full = True

    def resume_writing(self) -> None:
        """Note that it has left (asyncio calls this)."""
        self._full = False
        self._drain.set()

    def eof_received(self) -> bool:
        """Close when the engine does (asyncio calls this)."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits (asyncio calls this)."""
        self._ended = True
        self._drain.set()
        if not self._head.done():
            self._head.set_exception(ConnectionError("The engine closed the connection."))
            self._head.exception()  # whoever has gone away need not look
        if self._receiver is not None:
            self._receiver.feed_end()

    def _pass_on(self, stream: int, data: bytes) -> None:
        if self._receiver is None:
            self._early.append((stream, data))
        else:
            self._receiver.feed(stream, data)


async def hijack(
    address: Address, path: str, body: Mapping[str, Any] | None = None, *, tty: bool = False
) -> Attached:
    """Make a call whose connection becomes the streams of a process.

    Raises `BackendError` with the engine's words, or with the system's if it cannot be reached.
    """
    content = b"" if body is None else json.dumps(body).encode()
    call = (
        f"POST /{address.version}/{path} HTTP/1.1\r\nHost: {address.host}\r\n"
        "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    attached: Attached | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if address.path is not None:
                _, attached = await loop.create_unix_connection(
                    lambda: Attached(tty=tty), address.path
                )
            else:
                _, attached = await loop.create_connection(
                    lambda: Attached(tty=tty), address.host, address.port, ssl=address.tls
                )
            attached.write(call.encode() + content)
            answer = await attached.head()
    except BaseException as error:
        if attached is not None:
            attached.close()
        if isinstance(error, TimeoutError):
            raise BackendError(f"The engine did not answer in {CONNECT_SECONDS:g} s.") from error
        if isinstance(error, OSError):
            raise BackendError(f"The engine cannot be reached: {error}") from error
        raise
    head, _, rest = answer.partition(b"\r\n\r\n")
    if head.startswith(UPGRADED):
        return attached
    attached.close()
    raise BackendError(_words(head, rest))


def _length(head: bytes) -> int:
    """Give the length of an answer's body, 0 if the answer does not say."""
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(found[1]) if found else 0


def _words(head: bytes, body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return f"The engine said {head.partition(b' ')[2][:200].decode(errors='replace')!r}."
