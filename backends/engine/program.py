"""A program in a container that is spoken to while it runs: one attached exec."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from asynccode.backends.engine import spec
from asynccode.backends.engine.api import Engine, NotThereError
from asynccode.backends.engine.attached import OUTPUT, Attached
from asynccode.backends.engine.finishing import finish
from asynccode.errors import BackendError, InputError, SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Program
from asynccode.outcomes import Window
from asynccode.shell.program import spelled

if TYPE_CHECKING:
    from asynccode.backends.engine.ward import Ward

CHUNK = 65536
AHEAD, SLOW = 1 << 20, 0.01
"""Bytes read ahead before it goes slowly; then how long to wait between two chunks, in seconds."""
START_SECONDS = 30.0
CLOSE_SECONDS = 10.0
POLLS = (0.01, 0.02, 0.05, 0.1, 0.25)
"""How long to wait between two questions whether it has ended, in seconds; the last repeats."""
_WRAPPER = """
echo $$; cd -- "$1" || exit 126
[ -z "$2" ] || stty rows "$2" cols "$3" 2>/dev/null
shift 3; exec "$@"
"""
"""Tells its number, goes to its folder, and gives its terminal a size before it becomes a program
that may ask for it: an engine is told the size when the program already runs."""


class EngineProgram(Program):
    """One process, its streams over one connection; whatever is in its POSIX session is its own.

    An engine puts output and errors on one connection. So that errors are found, output on the
    way to them is read ahead: `AHEAD` bytes at once, then slowly.
    """

    def __init__(self, engine: Engine, execution: str, attached: Attached, ward: Ward) -> None:
        self._engine, self._execution, self._attached = engine, execution, attached
        self._ward = ward
        self._leader = 0
        self._buffers = {1: bytearray(), 2: bytearray()}
        self._news = {1: asyncio.Event(), 2: asyncio.Event()}
        self._busy: set[int] = set()
        self._ended = self._closed = self._input_ended = self._paused = False
        self._lost = ""
        self._status: int | None = None
        self.tty = False
        self.on_close: Callable[[EngineProgram], None] = lambda _: None
        attached.listen(self)

    @classmethod
    async def launch(
        cls,
        engine: Engine,
        container: str,
        image: Image,
        ward: Ward,
        argv: Sequence[str],
        cwd: str,
        env: Mapping[str, str],
        window: Window | None,
        ahead: Sequence[str],
    ) -> EngineProgram:
        """Start a program; if we are cancelled meanwhile, it is ended as soon as it is there."""
        variables = {**spec.environment(image), **env}
        size = [str(window.rows), str(window.columns)] if window else ["", ""]
        words = ["bash", "-c", _WRAPPER, "asynccode", cwd, *size, *spelled(argv, variables)]
        config = spec.execution(image, [*ahead, *words], tty=window is not None)

        async def start() -> EngineProgram:
            execution, attached = await engine.streams.execute(container, config)
            program = cls(engine, execution, attached, ward)
            await program._begin(window)
            return program

        return await finish(start, cls.aclose)

    async def _begin(self, window: Window | None) -> None:
        """Hear the number it has inside, which it writes first."""
        self.tty = window is not None
        try:
            with anyio.fail_after(START_SECONDS):
                while b"\n" not in self._buffers[OUTPUT]:
                    if self._ended:
                        raise BackendError("The program did not start.")
                    await self._wait_for(OUTPUT)
            line, _, rest = bytes(self._buffers[OUTPUT]).partition(b"\n")
            self._buffers[OUTPUT][:] = rest
            self._leader = int(line)
            self._ward.leaders.add(self._leader)
            if window is not None:  # once more, for an image without stty
                await self.resize(window)
        except BaseException as error:
            await self.aclose()
            if isinstance(error, ValueError | TimeoutError):
                raise BackendError("The program did not start.") from error
            raise

    async def send(self, data: bytes) -> None:
        """Write to its input."""
        if self._closed or self._input_ended:
            raise anyio.ClosedResourceError
        for at in range(0, len(data), CHUNK):
            try:
                self._attached.write(data[at : at + CHUNK])
                await self._attached.drained()
            except OSError as error:
                raise anyio.BrokenResourceError from error
        if self._closed:
            raise anyio.ClosedResourceError

    async def send_eof(self) -> None:
        """End its input."""
        if self.tty:
            await self.send(b"\x04")
        elif not self._input_ended:
            self._input_ended = True
            self._attached.write_eof()

    async def receive(self, *, errors: bool = False, max_bytes: int = 65536) -> bytes:
        """Give what comes next."""
        stream = 2 if errors else OUTPUT
        if self._closed:
            raise anyio.ClosedResourceError
        if errors and self.tty:
            return b""
        if stream in self._busy:
            raise anyio.BusyResourceError("receiving from")
        self._busy.add(stream)
        buffer = self._buffers[stream]
        try:
            while not buffer and not self._ended:
                self._flow(paused=False)
                await self._wait_for(stream)
                if self._closed:
                    raise anyio.ClosedResourceError
        finally:
            self._busy.discard(stream)
        data = bytes(buffer[:max_bytes])
        del buffer[:max_bytes]
        return data

    async def wait(self) -> int:
        """Ask the engine until it has ended."""
        polls = iter(POLLS)
        while self._status is None:
            if self._lost:
                raise SandboxLost(self._lost)
            try:
                found = await self._engine.streams.executed(self._execution)
            except NotThereError as error:
                raise SandboxLost(self._lost or f"The program is gone: {error}") from error
            if not found["Running"] and found["ExitCode"] is not None:
                self._status = int(found["ExitCode"])
                break
            await anyio.sleep(next(polls, POLLS[-1]))
        return self._status

    async def resize(self, window: Window) -> None:
        """Change its terminal's size."""
        if not self.tty:
            raise InputError("This program has no terminal: start it with a window.")
        # Podman's answer comes before it is done.
        hand = self._ward.hand
        if hand is None or not await hand.resize(self._leader, window):
            await self._engine.streams.resize(self._execution, window.rows, window.columns)

    async def aclose(self) -> None:
        """Kill all of its POSIX session."""
        if self._closed:
            return
        self._close()
        self.on_close(self)
        with (
            anyio.CancelScope(shield=True),
            anyio.move_on_after(CLOSE_SECONDS),
            suppress(BackendError),
        ):
            if self._leader and not self._lost:
                await self._ward.end(self._leader)
                await self.wait()
        self._attached.close()

    def abandon(self, why: str) -> None:
        """Take note that its sandbox is gone."""
        self._lost = why
        self._close()
        self._attached.close()

    def feed(self, stream: int, data: bytes) -> None:
        """Take what came."""
        self._buffers[stream] += data
        self._news[stream].set()
        ahead = sum(map(len, self._buffers.values()))
        if ahead < CHUNK:
            return
        if all(self._buffers[other] for other in self._busy):
            self._flow(paused=True)
        elif ahead >= AHEAD and not self._paused:
            self._flow(paused=True)
            asyncio.get_running_loop().call_later(SLOW, lambda: self._flow(paused=False))

    def feed_end(self) -> None:
        """Take note that nothing more will come."""
        self._ended = True
        self._ring()

    def _close(self) -> None:
        self._closed = True
        self._ring()

    def _ring(self) -> None:
        for news in self._news.values():
            news.set()

    def _flow(self, *, paused: bool) -> None:
        if self._paused is not paused:
            self._paused = paused
            self._attached.pause(paused=paused)

    async def _wait_for(self, stream: int) -> None:
        self._news[stream].clear()
        await self._news[stream].wait()
