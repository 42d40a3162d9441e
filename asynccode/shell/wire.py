"""What a slot speaks through: how a step goes out, and how its output and its end come back."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Protocol

import anyio

from asynccode.shell import framing, script
from asynccode.shell.hub import Hub
from asynccode.shell.streams import Streams

LINE = 4096
"""What is kept of a line that does not end."""


class Listener(Protocol):
    """Who is told what comes through a wire."""

    def on_reply(self, reply: framing.Reply) -> None:
        """Take a reply; all output written before it has been gathered."""
        ...

    def on_full(self) -> None:
        """Take note that a step has written more than is kept."""
        ...

    def on_end(self) -> None:
        """Take note that nothing more will come."""
        ...


class Wire(Protocol):
    """One shell's end on the host, of whatever kind."""

    def open(self, limit: int, listener: Listener) -> None:
        """Begin to listen; of a step's output `limit` bytes are kept."""
        ...

    async def start(self) -> None:
        """Let the keeper start a shell; raises `OSError` if the wire is dead."""
        ...

    async def send(self, code: str, token: str, *, split: bool) -> None:
        """Send a step, and read its output from now on; raises `OSError` if the wire is dead."""
        ...

    def finish(self) -> tuple[bytes, bytes, bytes]:
        """Give what was written (merged, output, errors); no step runs from now on."""
        ...

    def close(self) -> None:
        """Close it; safe to call twice."""
        ...


class DescriptorWire:
    """A control socket and two pipes, which the wire owns."""

    def __init__(self, hub: Hub, control: socket.socket, pipes: Iterable[int]) -> None:
        self._hub, self._control, self._pipes = hub, control, tuple(pipes)
        self._lines = bytearray()

    def open(self, limit: int, listener: Listener) -> None:
        """Watch the descriptors."""
        self._listener = listener
        self._streams = Streams(self._hub, self._pipes, limit, listener.on_full)
        self._control.setblocking(False)
        self._hub.watch(self._control.fileno(), self._on_control)

    async def start(self) -> None:
        """Tell the keeper, and give the shell its boot lines."""
        await self._write(script.START + script.BOOT.encode())

    async def send(self, code: str, token: str, *, split: bool) -> None:
        """Send a step over the control socket."""
        self._streams.begin()
        await self._write(framing.request(code, token, split=split))

    def finish(self) -> tuple[bytes, bytes, bytes]:
        """Take what was written."""
        self._streams.end()
        return self._streams.take()

    def close(self) -> None:
        """Close the descriptors."""
        if self._control.fileno() >= 0:
            self._hub.forget(self._control.fileno())
            self._control.close()
            self._streams.close()

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._control.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._control)

    def _on_control(self, _events: int) -> None:
        try:
            data = self._control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hub.forget(self._control.fileno())
            self._listener.on_end()
            return
        self._lines += data
        *lines, rest = self._lines.split(b"\n")
        self._lines = rest[-LINE:]
        for line in lines:
            if reply := framing.parse(bytes(line)):
                if reply.kind != "ready":
                    self._streams.drain()
                self._listener.on_reply(reply)
