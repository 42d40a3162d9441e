"""A wire over one stream of bytes each way: the end of a step follows its output.

Where only standard input, output and errors of a process can be had (an attached container),
there is no control socket: what the keeper and the shell say is in the output, each line led by
a word that was random before it was used: the step's token, or the mark of the shell's start.
Both are on the stream that carries the output, so the order is right without any clock.
"""

from __future__ import annotations

from typing import Protocol

from asynccode.shell import framing, script
from asynccode.shell.streams import CHUNK
from asynccode.shell.wire import Listener

OUTPUT, ERRORS = 1, 2


class Link(Protocol):
    """The streams of one process; calls `InbandWire.feed` with what comes."""

    def write(self, data: bytes) -> None:
        """Send to its standard input; raises `OSError` if nobody reads it any more."""
        ...

    def pause(self, *, paused: bool) -> None:
        """Stop (or go on) reading what it writes."""
        ...

    def close(self) -> None:
        """Close the streams; safe to call twice."""
        ...


class Absent:
    """A link before there is one, or when it is somebody else's."""

    def write(self, data: bytes) -> None:
        """Fail."""
        raise OSError("There is nobody at the other end.")

    def pause(self, *, paused: bool) -> None:
        """Nothing to pause."""

    def close(self) -> None:
        """Nothing to close."""


class InbandWire:
    """What a slot speaks through when all there is are a process's standard streams."""

    grace = 5.0
    """All that was written comes before it, through the buffers of a perhaps busy engine."""
    take_note: str | None = script.TAKE_NOTE

    def __init__(self, link: Link) -> None:
        self._link = link
        self._mark = self._token = b""
        self._following = ""
        self._awaited: set[int] = set()
        self._held = {OUTPUT: b"", ERRORS: b""}
        self._buffers = {OUTPUT: bytearray(), ERRORS: bytearray()}
        self._merged = bytearray()
        self._reply: framing.Reply | None = None
        self._paused = self._wanted = False

    def open(self, limit: int, listener: Listener) -> None:
        """Begin to listen."""
        self._limit, self._listener = limit, listener

    def turn(self) -> None:
        """Nothing to wait for: the link sends when it can."""

    def start(self, token: str) -> bool:
        """Tell the keeper, and give the shell its boot lines."""
        mark = framing.token()
        self._mark = mark.encode()
        self._resume()
        boot = script.inband_boot(mark) + self._wait(token)
        self._link.write(f"start {mark}\n{boot}".encode())
        return True

    def send(self, code: str, following: str, *, split: bool, status: int) -> bool:
        """Send a step; the link keeps what does not leave at once."""
        self._token = self._following.encode()
        self._awaited = {OUTPUT, ERRORS} if split else {OUTPUT}
        self._wanted = True
        self._resume()
        request = framing.request(code, split=split, status=status, inband=True)
        self._link.write(request + self._wait(following).encode())
        return True

    def _wait(self, token: str) -> str:
        self._following = token
        return script.wait(token, script.INBAND_TELL)

    async def flush(self) -> None:
        """Nothing to wait for: the link keeps what does not leave at once."""

    def finish(self) -> tuple[bytes, bytes, bytes]:
        """Take what was written."""
        self._token, self._wanted = b"", False
        buffers = (self._merged, self._buffers[OUTPUT], self._buffers[ERRORS])
        merged, output, errors = (bytes(buffer[: self._limit]) for buffer in buffers)
        for buffer in buffers:
            buffer.clear()
        return merged, output, errors

    def close(self) -> None:
        """Close the link."""
        self._link.close()

    def part(self) -> bool:
        """Give the link to another wire; whether nothing was left unread on it."""
        self._link = Absent()
        return not self._paused

    def feed(self, stream: int, data: bytes) -> None:
        """Take what came on `OUTPUT` or `ERRORS`."""
        data = self._held[stream] + data
        while data:
            at, word = self._find(stream, data)
            if at < 0:
                break
            end = data.find(b"\n", at)
            if end < 0:
                self._gather(stream, data[:at])
                self._held[stream] = data[at:]
                if len(data) - at > CHUNK:  # no line of ours
                    self._gather(stream, data[at:])
                    self._held[stream] = b""
                return
            self._gather(stream, data[:at])
            line, data = data[at:end], data[end + 1 :]
            self._on_line(stream, word, line)
        kept = self._beginning(stream, data)
        self._held[stream] = data[len(data) - kept :]
        self._gather(stream, data[: len(data) - kept])

    def feed_end(self) -> None:
        """Take note that nothing more will come."""
        self._listener.on_end()

    def _words(self, stream: int) -> list[bytes]:
        """Give what may begin a line of ours on a stream."""
        words = [self._token] if self._token and stream in self._awaited else []
        return [*words, self._mark] if stream == OUTPUT and self._mark else words

    def _find(self, stream: int, data: bytes) -> tuple[int, bytes]:
        found = [(at, word) for word in self._words(stream) if (at := data.find(word)) >= 0]
        return min(found, default=(-1, b""))

    def _beginning(self, stream: int, data: bytes) -> int:
        """Give how many bytes at the end may be the beginning of a line of ours."""
        if not data or data.endswith(b"\n"):
            return 0
        for size in range(min(framing.TOKEN - 1, len(data)), 0, -1):
            if any(word.startswith(data[-size:]) for word in self._words(stream)):
                return size
        return 0

    def _on_line(self, stream: int, word: bytes, line: bytes) -> None:
        if word == self._mark:
            reply = framing.parse(line[len(word) + 1 :])
        else:
            reply = framing.parse(line)
            if stream == OUTPUT:  # which has the status
                self._reply = reply
            self._awaited.discard(stream)
            if self._awaited:  # the other stream has not come to its end
                return
            reply = self._reply
        if reply is None or (reply.kind == "done") is (word == self._mark):
            self._gather(stream, line + b"\n")
        else:
            self._listener.on_reply(reply)

    def _gather(self, stream: int, data: bytes) -> None:
        if len(self._merged) <= self._limit:
            self._buffers[stream] += data
            self._merged += data
        if self._wanted and len(self._merged) > self._limit:
            self._listener.on_full()
        elif not self._wanted and not self._paused and len(self._merged) >= CHUNK:
            # Left behind by an earlier step: let it wait, rather than read for ever.
            self._paused = True
            self._link.pause(paused=True)

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._link.pause(paused=False)
