"""What a slot speaks through: how a step goes out, and how its output and its end come back."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Iterable
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

    grace: float
    """Seconds that the news of a step's end may take once everything it started is dead."""
    take_note: str | None
    """A step that makes the shell take note of dead jobs, if it remembers any."""

    def open(self, limit: int, listener: Listener) -> None:
        """Begin to listen; of a step's output `limit` bytes are kept."""
        ...

    def turn(self) -> Awaitable[None] | None:
        """Give what to await before a step is begun, if others are first."""
        ...

    def start(self, token: str) -> bool:
        """Let the keeper start a shell, whose first step has `token`; see `send`."""
        ...

    def send(self, code: str, following: str, *, split: bool, status: int) -> bool:
        """Send a step, and read its output from now on. `status` is what `$?` is to be.

        The token of a step is sent ahead of it, so this sends that of the `following` one.
        Whether all of it has left; if not, `flush`. Raises `OSError` if the wire is dead.
        """
        ...

    async def flush(self) -> None:
        """Wait until all that was sent has left; raises `OSError` if the wire is dead."""
        ...

    def finish(self) -> tuple[bytes, bytes, bytes]:
        """Give what was written (merged, output, errors); no step runs from now on."""
        ...

    def close(self) -> None:
        """Close it; safe to call twice."""
        ...


class DescriptorWire:
    """A control socket and two pipes, which the wire owns."""

    grace = 0.25
    take_note: str | None = script.TAKE_NOTE

    def __init__(self, hub: Hub, control: socket.socket, pipes: Iterable[int]) -> None:
        self._hub, self._control, self._pipes = hub, control, tuple(pipes)
        self._unsent = bytearray()
        self._lines = b""

    def open(self, limit: int, listener: Listener) -> None:
        """Watch the descriptors."""
        self._listener = listener
        self._streams = Streams(self._hub, self._pipes, limit, listener.on_full)
        self._control.setblocking(False)
        self._hub.watch(self._control.fileno(), self._on_control)

    def turn(self) -> Awaitable[None] | None:
        """Give what to await if a crowd of others begins a step at once."""
        return self._hub.turn()

    def start(self, token: str) -> bool:
        """Tell the keeper, and give the shell its boot lines."""
        return self._write(script.START + (script.BOOT + script.wait(token)).encode())

    def send(self, code: str, following: str, *, split: bool, status: int) -> bool:
        """Send a step over the control socket."""
        self._streams.begin(split=split)
        request = framing.request(code, split=split, status=status)
        return self._write(request + script.wait(following).encode())

    async def flush(self) -> None:
        """Wait until the control socket has taken everything."""
        while not self._write(b""):
            await anyio.wait_writable(self._control)

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

    def _write(self, data: bytes) -> bool:
        self._unsent += data
        try:
            while self._unsent:
                del self._unsent[: self._control.send(self._unsent)]
        except BlockingIOError:
            return False
        return True

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
        if self._lines:
            data = self._lines + data
        *lines, rest = data.split(b"\n")
        self._lines = rest[-LINE:]
        for line in lines:
            if reply := framing.parse(line):
                if reply.kind != "ready":
                    self._streams.drain()
                self._listener.on_reply(reply)
