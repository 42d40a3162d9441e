r"""A program on a terminal, driven step by step: send, expect, interrupt, resize.

    async with await Terminal.open(sandbox, ["python3", "-q"]) as terminal:
        await terminal.expect(">>> ")
        await terminal.send("6 * 7\n")
        reply = await terminal.expect(">>> ", seconds=5)
        print(reply.text)

There is no task behind it: while nobody expects anything the program waits to be read. Any
number may be open beside the session and each other. What one types is echoed, as on any terminal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

import anyio
from attrs import frozen

from asynccode.interfaces import Program, Programs, Scope
from asynccode.outcomes import MiB, Window

INTERRUPT = b"\x03"
KEPT = MiB // 4
"""Bytes kept of what has not been taken by `expect` yet; of more, the latest."""
SHORT = 1024
"""Bytes that a terminal takes without being read in between."""

_CODES = (
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, movements
    rb"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"  # strings: titles, links
    rb"|\x1b[ -/]*[0-~]"
    rb"|[\x00\x07\x0e\x0f\x7f]"
)
_ESCAPE = re.compile(_CODES, re.DOTALL)
_UNSEEN = re.compile(_CODES + rb"|\r", re.DOTALL)
"""What a pattern does not see: carriage returns too, so that lines end with a newline alone."""


class Ending(StrEnum):
    """Why `expect` stopped."""

    MATCHED = "matched"
    QUIET = "quiet"
    TIMEOUT = "timeout"
    ENDED = "ended"


@frozen(kw_only=True)
class Reply:
    """What the program wrote up to the end of what was expected, or since the last reply."""

    ending: Ending
    output: bytes
    """Exactly as it was written, escape codes and all."""
    match: re.Match[str] | None = None
    """In the output without escape codes and carriage returns."""
    truncated: bool = False
    """Whether the beginning was dropped, since it was more than is kept."""

    @property
    def text(self) -> str:
        """What one would read: without escape codes, with plain line ends, as overwritten."""
        return plain(self.output)


def plain(output: bytes | bytearray) -> str:
    """Give what is left to be read of what a terminal was sent.

    Carriage returns and backspaces move within their line; bytes that are not UTF-8 become
    U+FFFD. Movements to other lines are not followed: this is no screen.
    """
    text = _ESCAPE.sub(b"", output).decode("utf-8", "replace")
    return "\n".join(map(_overwritten, re.sub("\r+\n", "\n", text).split("\n")))


def _overwritten(line: str) -> str:
    if "\r" not in line and "\b" not in line:
        return line
    cells: list[str] = []
    at = 0
    for character in line:
        if character == "\r":
            at = 0
        elif character == "\b":
            at = max(0, at - 1)
        else:
            cells[at : at + 1] = [character]
            at += 1
    return "".join(cells)


def _raw_length(output: bytes | bytearray, seen: int) -> int:
    """Give how many bytes of `output` make the first `seen` bytes that a pattern sees of it."""
    at = 0
    for unseen in _UNSEEN.finditer(output):
        if unseen.start() - at >= seen:
            break
        seen -= unseen.start() - at
        at = unseen.end()
    return at + seen


class Terminal(Scope):
    """One program on a terminal."""

    def __init__(self, program: Program, *, kept: int = KEPT) -> None:
        self._program, self._kept = program, kept
        self._output = bytearray()
        self._truncated = self._ended = False

    @classmethod
    async def open(
        cls,
        sandbox: Programs,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        window: Window | None = None,
        kept: int = KEPT,
    ) -> Terminal:
        """Start a program on a terminal; raises what `Sandbox.start` raises."""
        window = window or Window()
        return cls(await sandbox.start(argv, cwd=cwd, env=env, window=window), kept=kept)

    async def send(self, data: str | bytes, *, seconds: float = 10.0) -> bool:
        """Type `data`, line ends and all; gives whether it was all taken in that time.

        What a program that has ended is sent is lost; `expect` says that it has ended.
        """
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        with anyio.move_on_after(seconds) as clock:
            try:
                if len(raw) <= SHORT:
                    await self._program.send(raw)
                else:
                    await self._send_and_read(raw)
            except anyio.BrokenResourceError:
                return False
        return not clock.cancelled_caught

    async def interrupt(self) -> None:
        """Type ^C: stop what runs in the foreground."""
        await self.send(INTERRUPT)

    async def expect(
        self,
        pattern: str | re.Pattern[str] | None = None,
        *,
        seconds: float = 10.0,
        quiet: float | None = None,
    ) -> Reply:
        """Read until `pattern` comes: a text, or a regular expression, in the output.

        Escape codes and carriage returns are not seen, so `$` and `^` do what one would think.

        Stops after `seconds` in all, or once there was no output for `quiet` seconds, or at the
        end. Without a pattern, reads on until then. What follows the match is for the next call.
        """
        if isinstance(pattern, str):
            pattern = re.compile(re.escape(pattern))
        deadline = anyio.current_time() + seconds
        while True:
            if pattern and (match := pattern.search(self._seen())):
                length = len(match.string[: match.end()].encode("utf-8", "surrogateescape"))
                return self._take(Ending.MATCHED, _raw_length(self._output, length), match)
            if self._ended:
                return self._take(Ending.ENDED, len(self._output))
            left = deadline - anyio.current_time()
            is_quiet = quiet is not None and quiet < left
            with anyio.move_on_after(quiet if is_quiet else left) as clock:
                await self._read()
            if clock.cancelled_caught:
                return self._take(Ending.QUIET if is_quiet else Ending.TIMEOUT, len(self._output))

    async def end_input(self) -> None:
        """Type ^D: the end of input, at the beginning of a line."""
        await self._program.send_eof()

    async def resize(self, window: Window) -> None:
        """Change its size; what runs in the foreground is told."""
        await self._program.resize(window)

    async def wait(self) -> int:
        """Wait for its end and give its exit status; what it writes meanwhile is kept."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._pump)
            status = await self._program.wait()
            group.cancel_scope.cancel()
        return status

    async def aclose(self) -> None:
        """End the program and all it started."""
        await self._program.aclose()

    def _seen(self) -> str:
        return _UNSEEN.sub(b"", self._output).decode("utf-8", "surrogateescape")

    def _take(self, ending: Ending, length: int, match: re.Match[str] | None = None) -> Reply:
        output = bytes(self._output[:length])
        del self._output[:length]
        truncated, self._truncated = self._truncated, False
        return Reply(ending=ending, output=output, match=match, truncated=truncated)

    async def _read(self) -> None:
        chunk = await self._program.receive()
        self._ended = not chunk
        self._output += chunk
        if (excess := len(self._output) - self._kept) > 0:
            del self._output[:excess]
            self._truncated = True

    async def _pump(self) -> None:
        while not self._ended:
            await self._read()

    async def _send_and_read(self, data: bytes) -> None:
        """Read what is echoed meanwhile: a terminal that is not read takes no more."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._pump)
            await self._program.send(data)
            group.cancel_scope.cancel()
