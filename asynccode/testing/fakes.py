"""Fakes that are real backends, suites and policies: in memory, scripted, and breakable.

`FakeBackend` runs a tiny language instead of Bash, one command a line:

    echo TEXT           write TEXT
    set NAME TEXT       set a variable of the session; `get NAME` writes it
    write PATH TEXT     put TEXT into a file; `cat PATH` writes it; `rm PATH` removes it
    sleep SECONDS       wait
    hang                wait for ever
    exit NUMBER         end the step with that status
    fail                the sandbox is lost: `SandboxLost`

Each phase (`prepare open session run exec start changes close`) can be made slow or made to fail,
so that cancellation and faults can be tried anywhere; `statistics()["open"]` tells leaks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import ClassVar

import anyio

from asynccode.errors import InputError, SandboxLost
from asynccode.images import Image
from asynccode.interfaces import (
    Backend,
    Health,
    Program,
    Sandbox,
    Session,
)
from asynccode.outcomes import Change, ChangeKind, ExecResult, Limits, Outcome, Window
from asynccode.testing.fake_programs import FakeProgram
from asynccode.testing.fake_suite import FakeEnvironment, FakeSuite, fake_tasks
from asynccode.testing.faults import Faults

__all__ = [
    "FakeBackend",
    "FakeEnvironment",
    "FakeProgram",
    "FakeSandbox",
    "FakeSession",
    "FakeSuite",
    "Faults",
    "fake_tasks",
]


class FakeSession(Session):
    """A session of the tiny language."""

    def __init__(self, sandbox: FakeSandbox) -> None:
        self._sandbox = sandbox
        self.variables: dict[str, str] = {}

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Run lines of the tiny language."""
        await self._sandbox.faults.at("run")
        limit = self._sandbox.limits.step_seconds if seconds is None else seconds
        return await self._sandbox.interpret(code, self.variables, limit, split)

    async def aclose(self) -> None:
        """End the session."""
        self._sandbox.has_session = False


class FakeSandbox(Sandbox):
    """Files in a dictionary."""

    def __init__(self, backend: FakeBackend, image: Image, limits: Limits) -> None:
        self.backend = backend
        self.image = image
        self.limits = limits
        self.faults = backend.faults
        self.files: dict[str, bytes] = {}
        self.programs: list[FakeProgram] = []
        self.has_session = False
        self.alive = True

    @property
    def is_alive(self) -> bool:
        """Whether it is open and was not told to fail."""
        return self.alive

    async def session(self) -> Session:
        """Open the one session."""
        await self.faults.at("session")
        self._check()
        if self.has_session:
            raise InputError("The sandbox has a session open already.")
        self.has_session = True
        return FakeSession(self)

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
        split: bool = False,
    ) -> ExecResult:
        """Run one line of the tiny language with variables of its own."""
        await self.faults.at("exec")
        limit = self.limits.step_seconds if seconds is None else seconds
        return await self.interpret(" ".join(argv), dict(env or {}), limit, split)

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        window: Window | None = None,
    ) -> Program:
        """Start `cat`, `shell` or one line of the tiny language."""
        await self.faults.at("start")
        self._check()
        variables = dict(env or {})
        program = FakeProgram(
            " ".join(argv), window, lambda line: self.interpret(line, variables, 1e9, False)
        )
        self.programs.append(program)
        return program

    async def read(self, path: str | bytes, *, max_bytes: int = 16 * 1024 * 1024) -> bytes:
        """Give a file."""
        self._check()
        name = path.decode() if isinstance(path, bytes) else path
        if name not in self.files:
            raise FileNotFoundError(name)
        if len(self.files[name]) > max_bytes:
            raise InputError(f"{name} is longer than {max_bytes} bytes.")
        return self.files[name]

    async def write(self, path: str | bytes, data: bytes, *, mode: int = 0o644) -> None:
        """Put a file."""
        self._check()
        self.files[path.decode() if isinstance(path, bytes) else path] = data

    async def changes(self, *, hashes: bool = False) -> tuple[Change, ...]:
        """Give every file: a fake image is empty."""
        await self.faults.at("changes")
        self._check()
        return tuple(
            Change(
                path=name.encode(),
                kind=ChangeKind.ADDED,
                type="file",
                mode=0o644,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest() if hashes else None,
            )
            for name, data in sorted(self.files.items())
        )

    async def aclose(self) -> None:
        """Close once; what is slow or fails here does so before the sandbox is gone."""
        if self not in self.backend.sandboxes:
            return
        try:
            with anyio.CancelScope(shield=True):
                await self.faults.at("close")
        finally:
            self.alive = False
            for program in self.programs:
                await program.aclose()
            self.backend.sandboxes.discard(self)

    def _check(self) -> None:
        if not self.alive:
            raise SandboxLost("The fake sandbox is gone.")

    async def interpret(
        self, code: str, variables: dict[str, str], limit: float, split: bool
    ) -> ExecResult:
        """Run lines of the tiny language."""
        self._check()
        if "\0" in code:
            return ExecResult(outcome=Outcome.REFUSED, exit_code=None, output=b"")
        before = perf_counter()
        output: list[str] = []
        status = 0
        with anyio.move_on_after(limit) as clock:
            for line in code.splitlines():
                status, leave = await self._line(line, variables, output)
                if leave:
                    break
        outcome = Outcome.OK if status == 0 else Outcome.NONZERO
        if clock.cancelled_caught:
            outcome, status = Outcome.TIMEOUT, 124
        data = "".join(output).encode("utf-8", "surrogateescape")
        kept = data[: self.limits.output_bytes]
        if len(kept) < len(data):
            outcome = Outcome.OUTPUT_LIMIT
        return ExecResult(
            outcome=outcome,
            exit_code=status,
            output=kept,
            stdout=kept if split else None,
            stderr=b"" if split else None,
            seconds=perf_counter() - before,
            truncated=len(kept) < len(data),
        )

    async def _line(
        self, line: str, variables: dict[str, str], output: list[str]
    ) -> tuple[int, bool]:
        """Run one line; give its status, and whether it ends the step."""
        word, _, rest = line.strip().partition(" ")
        name, _, value = rest.partition(" ")
        match word:
            case "" | "true":
                return 0, False
            case "echo":
                output.append(rest + "\n")
            case "set":
                variables[name] = value
            case "get":
                output.append(variables.get(name, "") + "\n")
            case "write":
                self.files[name] = value.encode()
            case "cat" if name in self.files:
                output.append(self.files[name].decode() + "\n")
            case "rm" if name in self.files:
                del self.files[name]
            case "cat" | "rm":
                output.append(f"{word}: {name}: No such file or directory\n")
                return 1, False
            case "sleep":
                await anyio.sleep(float(rest))
            case "hang":
                await anyio.sleep_forever()
            case "exit":
                return int(rest or 0), True
            case "fail":
                self.alive = False
                raise SandboxLost("The fake sandbox was told to fail.")
            case _:
                output.append(f"{word}: command not found\n")
                return 127, False
        return 0, False


class FakeBackend(Backend):
    """Sandboxes in memory."""

    name: ClassVar[str] = "fake"
    isolates: frozenset[str] = frozenset({"files"})

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.sandboxes: set[FakeSandbox] = set()
        self.opened = 0
        self.peak = 0
        """The most sandboxes that were open at once."""

    async def prepare(self, image: Image) -> str:
        """Build nothing."""
        await self.faults.at("prepare")
        return image.digest

    async def open(self, image: Image, limits: Limits) -> Sandbox:
        """Open a sandbox."""
        await self.faults.at("open")
        sandbox = FakeSandbox(self, image, limits)
        self.sandboxes.add(sandbox)
        self.opened += 1
        self.peak = max(self.peak, len(self.sandboxes))
        return sandbox

    @classmethod
    async def probe(cls) -> Health:
        """Always there."""
        return Health(available=True, version="0", reason="nothing is isolated: it is a fake")

    def statistics(self) -> Mapping[str, int]:
        """Count what is open, what was, and the most at once."""
        return {"open": len(self.sandboxes), "opened": self.opened, "peak": self.peak}

    async def aclose(self) -> None:
        """Forget what is left."""
        self.sandboxes.clear()
