"""The interfaces everything meets at: backend, sandbox, session, environment, policy.

The conformance suite in `asynccode.testing` checks every sentence below on every backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from asynccode.errors import InputError
from asynccode.images import Image
from asynccode.outcomes import Change, ExecResult, Limits, Window
from asynccode.outcomes import Health as Health
from asynccode.records import Action, Brief, Invalid, Move, Remark, StepResult, Task, Turn
from asynccode.scope import Scope as Scope
from asynccode.traces import Traces


class Session(Scope):
    """A persistent interpreter in a sandbox."""

    @abstractmethod
    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Run `code` and give what it wrote and how it ended.

        Standard input is empty. With `split`, `stdout` and `stderr` are also given apart
        (then `output` is in order of arrival). `seconds` overrides the limit on wall time.
        A time-out or an output limit stops what the step started and keeps the session's
        variables and directory; where that fails a new session is started and the result
        says `restarted`. Code with a NUL or a lone half of a character is `refused`. One call at a
        time. Raises `SandboxLost` if the sandbox is gone. Cancelling stops the step.
        """


class World(Scope):
    """What an episode acts in, alone: a sandbox, or a database (`asynccode.databases`)."""

    @property
    def is_alive(self) -> bool:
        """Whether it is still there, as far as can be said without asking it."""
        return True

    @abstractmethod
    async def session(self) -> Session:
        """Open its session. Raises `InputError` if one is open, `SandboxLost` if it is gone."""


class Program(Scope):
    """A program that runs in a sandbox and is spoken to while it runs.

    Nothing is read ahead: a program that writes faster than it is received from waits.
    `aclose` kills it with everything that it started and that still belongs to it.
    """

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Write to its standard input; waits while it does not read.

        Raises `anyio.BrokenResourceError` once it reads no more, `anyio.ClosedResourceError`
        after `send_eof` or `aclose`. If cancelled, a part may have been written.
        """

    @abstractmethod
    async def send_eof(self) -> None:
        """End its standard input; on a terminal, type the end-of-file character (^D)."""

    @abstractmethod
    async def receive(self, *, errors: bool = False, max_bytes: int = 65536) -> bytes:
        """Give what it writes next to its output, or with `errors` to its error output.

        Waits for at least one byte; b"" is the end, when nobody holds the stream any more. A
        terminal has all on its output. If cancelled, nothing is lost. One call a stream at a
        time: others raise `anyio.BusyResourceError`; after `aclose`,
        `anyio.ClosedResourceError`.
        """

    @abstractmethod
    async def wait(self) -> int:
        """Wait for its end and give the exit status as the shell does (128 + signal if killed).

        127 if there is no such program, 126 if it cannot be run or there is no `cwd`. Raises
        `SandboxLost` if the sandbox is gone and nobody knows (it may be 137 as well).
        """

    @abstractmethod
    async def resize(self, window: Window) -> None:
        """Change the size of its terminal; raises `InputError` if it has none."""


class Files(ABC):
    """The files of a sandbox."""

    @abstractmethod
    async def read(self, path: str | bytes, *, max_bytes: int = 16 * 1024 * 1024) -> bytes:
        """Give a regular file's content, links followed inside the sandbox only.

        Raises `FileNotFoundError`, `IsADirectoryError`, `PermissionError` (anything that is
        not a regular file) or `InputError` (longer than `max_bytes`).
        """

    @abstractmethod
    async def write(self, path: str | bytes, data: bytes, *, mode: int = 0o644) -> None:
        """Create or replace a file, making missing folders; all of it or nothing.

        Raises `IsADirectoryError`, or `OSError` (ENOSPC when the disk limit is met).
        """

    @abstractmethod
    async def changes(self, *, hashes: bool = False) -> tuple[Change, ...]:
        """Give every path that differs from the image, sorted by path.

        A path whose type, content, permissions and owner are the image's own is no change,
        whatever its times. A deleted folder is one change; so is each path in an added one.
        """


class Programs(ABC):
    """The programs of a sandbox: the session, one at a time, or as many as you like."""

    @abstractmethod
    async def session(self) -> Session:
        """Open the persistent Bash session; it starts in the image's `workdir`.

        Raises `InputError` if one is open already, `SandboxLost` if the sandbox is gone.
        """

    @abstractmethod
    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
        split: bool = False,
    ) -> ExecResult:
        """Run one program to its end in a process of its own, beside any session.

        `cwd` defaults to `workdir`. A program that cannot be found ends with 127, one that
        cannot be run with 126, a missing `cwd` with 126 and a message. Calls queue: one at
        a time. Raises `SandboxLost` if the sandbox is gone.
        """

    @abstractmethod
    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        window: Window | None = None,
    ) -> Program:
        """Start a program to speak to; any number may run beside the session and each other.

        `cwd` defaults to `workdir`. With `window` it runs on a terminal of that size. It has the
        sandbox's limits but no time-out. Its streams are out of reach of the rest of the sandbox,
        as far as the backend can: they need not be files that can be opened by name. Raises
        `SandboxLost` if the sandbox is gone.
        """


class Sandbox(Files, Programs, Traces, World):
    """One private world: files and processes."""


class Technology(Scope):
    """Whatever opens private worlds: a backend of sandboxes, or of databases."""

    name: ClassVar[str]
    isolates: frozenset[str]
    """Of `files network processes users memory process_count disk`, what it holds apart here."""
    warms: ClassVar[bool] = True
    """Whether starting a world takes long enough to have some ready ahead."""
    recycles = False
    """Whether that is so long that its sandboxes are to be renewed, and they can be."""

    @abstractmethod
    async def prepare(self, image: Image) -> str:
        """Build `image` if it is not built yet, and give the digest of what was built.

        Safe when several tasks or processes do it at once. Raises `ImageError` if a set-up
        command fails or the base is missing, or if it is not an image of a kind that the
        backend opens; `Unavailable` if the backend cannot work.
        """

    @abstractmethod
    async def open(self, image: Image, limits: Limits) -> World:
        """Open a world (preparing the image if need be); cancelling leaves nothing behind.

        Raises what `prepare` raises, and `BackendError` if the world cannot be started.
        """

    @classmethod
    @abstractmethod
    async def probe(cls) -> Health:
        """Say whether the backend can work here; never raises."""

    @abstractmethod
    def statistics(self) -> Mapping[str, int]:
        """Counts for humans and tests: at least `open` and `opened`."""


class Backend(Technology):
    """One isolation technology: a `Technology` whose worlds are sandboxes."""

    @abstractmethod
    async def open(self, image: Image, limits: Limits) -> Sandbox:
        """Open a sandbox, as `Technology.open` says."""


class Worlds(Protocol):
    """Whoever hands out worlds: a backend's pool, or a backend itself."""

    async def open(self, image: Image, limits: Limits) -> World:
        """Open a world, as `Technology.open` does."""


def sandbox_of(world: World) -> Sandbox:
    """Give a world as the sandbox that it is. Raises `InputError` if it is a database."""
    if not isinstance(world, Sandbox):
        raise InputError("These tasks need a sandbox: choose a --backend such as nsjail.")
    return world


class Environment(Scope):
    """The Gym-like face of one task."""

    @abstractmethod
    async def reset(self) -> str:
        """Start the task afresh in a new world and give the first observation: the query."""

    @abstractmethod
    async def step(self, action: Action) -> StepResult:
        """Act. Raises `BackendError` for a harness failure, never turning it into a reward.

        A `Submit` ends it unless the result is neither terminated nor truncated (a wrong guess).
        """

    async def score(self) -> StepResult | None:
        """Say what submitting now would be paid, the episode going on and nothing changing.

        The reward and the info are those of `step(Submit())`. None, as here, where only a
        submission tells. Raises `BackendError` for a harness failure.
        """
        return None

    def brief(self) -> Brief:
        """Say what an agent may be told of the world; asked for once, after `reset`."""
        return Brief()


class Policy(Scope):
    """Whoever acts. One policy object serves all episodes of a run at once."""

    @abstractmethod
    async def act(self, turn: Turn) -> Action | Invalid | Move:
        """Give the next action, alone or with what is to be kept of how it came about.

        Raises `PolicyError` if there is none, `ContextOverflow` if the conversation has become
        too long for the model, `Unavailable` if no episode can be played.
        """

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides how it acts: goes into the manifest of a run, so nothing secret."""
        return {}

    async def aclose(self) -> None:
        """Policies that hold nothing need not override this."""


class Suite(ABC):
    """A named list of tasks, and the environment they are played in."""

    name: str
    tasks: Sequence[Task]
    limits: Limits
    backend: str = "nsjail"
    """Name of the backend that its tasks run on unless told otherwise."""

    @abstractmethod
    def environment(self, task: Task, worlds: Worlds) -> Environment:
        """Give a fresh environment for `task`; it opens its worlds from `worlds`."""

    def variant(self, task: Task, attempt: int) -> Task:
        """Give `task` as it is in one attempt, always the same for the same suite and attempt."""
        return task

    async def remarks(self, task: Task, worlds: Worlds) -> Sequence[Remark]:
        """Say what an audit is to know of `task` besides its rewards."""
        return ()

    @property
    @abstractmethod
    def digest(self) -> str:
        """Hex SHA-256 of everything that decides what an episode is: tasks, golds, images."""
