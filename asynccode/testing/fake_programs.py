"""Programs of the fake backend: the tiny language, spoken to line by line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from asynccode.errors import InputError
from asynccode.interfaces import Program
from asynccode.outcomes import ExecResult, Window

Interpret = Callable[[str], Awaitable[ExecResult]]


class FakeProgram(Program):
    """One line of the tiny language, or one of two programs that read their input.

    `cat` gives back what it is sent; `shell` runs the lines that it is sent. Both end with
    their input. There is no task: whoever receives or waits makes it go on.
    """

    def __init__(self, words: str, window: Window | None, interpret: Interpret) -> None:
        self.window = window
        self._words, self._interpret = words, interpret
        self._lines = [] if words in ("cat", "shell") else [words]
        self._input, self._output = bytearray(), bytearray()
        self._input_ended = words not in ("cat", "shell")
        self._status: int | None = None
        self._closed = False
        self._news = anyio.Event()
        self._running = anyio.Lock()

    async def send(self, data: bytes) -> None:
        """Take input; a line counts when it is whole."""
        if self._closed or (self._input_ended and self._words in ("cat", "shell")):
            raise anyio.ClosedResourceError
        if self._status is not None:
            raise anyio.BrokenResourceError
        if self._words == "cat":
            self._output += data
        else:
            *lines, rest = bytes(self._input + data).split(b"\n")
            self._lines += [line.decode("utf-8", "surrogateescape") for line in lines]
            self._input = bytearray(rest)
        self._tell()

    async def send_eof(self) -> None:
        """End the input."""
        self._input_ended = True
        self._tell()

    async def receive(self, *, errors: bool = False, max_bytes: int = 65536) -> bytes:
        """Give what was written; there are no errors."""
        while not (self._output or self._status is not None):
            await self._go_on()
        if self._closed:
            raise anyio.ClosedResourceError
        if errors:
            return b""
        data = bytes(self._output[:max_bytes])
        del self._output[:max_bytes]
        return data

    async def wait(self) -> int:
        """Wait for the end."""
        while self._status is None:
            await self._go_on()
        return self._status

    async def resize(self, window: Window) -> None:
        """Remember the size."""
        if self.window is None:
            raise InputError("This program has no terminal: start it with a window.")
        self.window = window

    async def aclose(self) -> None:
        """End it."""
        self._closed = True
        self._status = 137 if self._status is None else self._status
        self._tell()

    def _tell(self) -> None:
        self._news.set()

    async def _go_on(self) -> None:
        """Run what is there to run, or wait for news."""
        async with self._running:
            while self._lines and self._status is None:
                result = await self._interpret(self._lines.pop(0))
                self._output += result.output
                if result.exit_code != 0:
                    self._status = self._status or result.exit_code
            if self._status is None and self._input_ended:
                self._status = 0
        if self._status is None and not self._output:
            self._news = anyio.Event()
            await self._news.wait()
        else:
            await anyio.lowlevel.checkpoint()
