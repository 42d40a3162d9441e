"""The sandbox: two shells or a runner, files, changes, limits."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anyio

from asynccode.backends import processes
from asynccode.backends.jail import config
from asynccode.backends.jail.blank import Blank
from asynccode.backends.jail.programs import JailPrograms
from asynccode.backends.warden import cgroups, spawn
from asynccode.errors import BackendError, InputError, SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Program, Sandbox, Session
from asynccode.outcomes import Change, ChangeKind, ExecResult, Limits, Outcome, Window
from asynccode.shell.errands import Errands
from asynccode.shell.session import Shells

if TYPE_CHECKING:
    from asynccode.backends.nsjail import NsjailBackend

CLOSE_SECONDS = 10.0
LAST_WORDS_SECONDS = 1.0
"""What nsjail is given to say why it ended, once its descriptors are closed."""
GROWTH_LOOKS, QUIET_LOOKS, GROWTH_SECONDS = 30, 2, 0.01
"""How often to look at processes that a step left behind, or that do not grow; how long apart."""


class NsjailSandbox(Sandbox):
    """One jail: a process tree that nsjail supervises and the warden holds."""

    def __init__(
        self, backend: NsjailBackend, blank: Blank, image: Image, limits: Limits, stack: list[str]
    ) -> None:
        self._backend, self._number, self._pid = backend, blank.number, blank.pid
        self._image, self._limits, self._stack = image, limits, stack
        self._slots, self._outpost = blank.slots, blank.outpost
        for slot in self._slots:
            slot.hand_to(self)
        self._shells: Shells | Errands
        if self._outpost is None:
            self._shells = Shells(self._slots[0], self._slots[1], image.workdir)
        else:
            self._shells = Errands(self._slots[0], image.workdir, config.bare(image))
        self._at_rest = self._settled = self._kills = self._forks = 0
        self._counter = blank.counter
        self._programs = JailPrograms(backend.hub, backend.warden, blank.number)
        self._older: set[int] = set()
        self._words: str | None = None
        self._ended = anyio.Event()
        self._closed = False

    async def boot(self) -> None:
        """Wait for the first shell of the jail, or its runner."""
        try:
            if self._outpost is not None:
                await self._outpost.open(self._image.shell or "")
            await self._shells.start()
        except SandboxLost:
            with anyio.move_on_after(LAST_WORDS_SECONDS):
                await self._ended.wait()
            raise BackendError(f"The jail did not start. {self.obituary()}") from None
        self._at_rest = self._processes()
        if self._backend.nice:  # not before: it had to start quickly
            for leader in self._roots:
                with suppress(OSError):
                    os.setpriority(os.PRIO_PGRP, leader, self._backend.nice)

    @cached_property
    def _init(self) -> int:
        """The jail's first process, by its number outside; not asked for before it is needed."""
        return next(iter(processes.children(self._pid)), 0)

    @property
    def is_alive(self) -> bool:
        """Whether nsjail is still there."""
        failed = self._outpost is not None and self._outpost.failure
        return not self._closed and self._words is None and not failed

    async def session(self) -> Session:
        """Open the session."""
        self._check()
        return self._shells.session()

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
        split: bool = False,
    ) -> ExecResult:
        """Run a program."""
        return await self._shells.exec(argv, cwd, env, seconds, split=split)

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        window: Window | None = None,
    ) -> Program:
        """Start a program beside the shells."""
        self._check()
        return await self._programs.start(
            argv,
            cwd=os.path.join(self._image.workdir, cwd or ""),
            env={**config.variables(self._image, window), **(env or {})},
            window=window,
        )

    async def read(self, path: str | bytes, *, max_bytes: int = 16 * 1024 * 1024) -> bytes:
        """Read a file as the jail's root."""
        try:
            reply = await self._ask("read", path=self._absolute(path), max_bytes=max_bytes)
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise InputError(f"{path!r} is longer than max_bytes={max_bytes}.") from error
            raise
        return bytes.fromhex(reply["data"])

    async def write(self, path: str | bytes, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file as the jail's root."""
        await self._ask("write", path=self._absolute(path), data=data.hex(), mode=mode)

    async def fingerprint(self) -> str:
        """Digest what the overlay's upper layer holds."""
        return str((await self._ask("fingerprint"))["digest"])

    async def changes(self, *, hashes: bool = False) -> tuple[Change, ...]:
        """Read the overlay's upper layer."""
        lowers = [f"{spawn.IMAGES}/{name}" for name in self._stack]
        reply = await self._ask("changes", lowers=lowers, hashes=hashes)
        return tuple(
            Change(
                path=os.fsencode(path),
                kind=ChangeKind(kind),
                type=type_,
                mode=mode,
                size=size,
                sha256=sha256,
            )
            for path, kind, type_, mode, size, sha256 in reply["rows"]
        )

    async def commit(self, name: str) -> None:
        """Copy what was changed to the image cache as folder `name`."""
        await self._ask("commit", target=f"{spawn.IMAGES}/{name}")

    async def aclose(self) -> None:
        """Kill everything in the jail; its world vanishes with it."""
        if self._closed:
            return
        self._closed = True
        self._programs.abandon(self.obituary())
        for slot in self._slots:
            slot.close()
        if self._outpost is not None:
            self._outpost.leave()
        if self._counter is not None:
            os.close(self._counter)
            self._counter = None
        with anyio.move_on_after(CLOSE_SECONDS, shield=True), suppress(SandboxLost):
            await self._backend.warden.ask("close", jail=self._number)
        self._backend.forget(self._number)

    async def stop(self, shell: int, *, everything: bool, force: bool) -> None:
        """Abort the shell's step and signal what it started (see `Custody`)."""
        shells = [slot.shell for slot in self._slots if slot.shell]
        spare = [] if everything else list(self._older)
        with suppress(ProcessLookupError):
            await self._ask("stop", shell=shell, shells=shells, spare=spare, force=force)
        if force:  # the dying count, and what failed to fork meanwhile is no news
            for _ in range(GROWTH_LOOKS):
                if self._processes() <= self._idle:
                    break
                await anyio.sleep(GROWTH_SECONDS)
            self._forks_failed(0)

    async def kill(self, shell: int) -> None:
        """Kill the shell itself."""
        with suppress(ProcessLookupError):
            await self._ask("kill", shell=shell)

    def holds(self, shell: int) -> bool:
        """Whether a shell is still there."""
        for pid in processes.tree(self._init):
            with suppress(OSError):
                if processes.inner_pid(pid) == shell:
                    return True
        return False

    async def breach(self, status: int | None) -> Outcome | None:
        """Ask the kernel which limit was met since the last step."""
        if status and self._outpost is not None and not processes.command(self._init):
            # What a program ends with whose world ends is no status of its own.
            with anyio.move_on_after(LAST_WORDS_SECONDS):
                await self._ended.wait()
            raise SandboxLost(self.obituary())
        count = self._processes()
        # Left in the background, a fork bomb needs a moment to go off, on a busy machine more
        # than one. Look on while it grows.
        quiet = 0
        for look in range(GROWTH_LOOKS if count > max(self._idle, self._settled) else 0):
            if self._forks_failed(count, growing=look > 0 and not quiet):
                return Outcome.PROCESS_LIMIT
            await anyio.sleep(GROWTH_SECONDS)
            earlier, count = count, self._processes()
            busy = any(map(processes.is_runnable, self._descendants()))
            quiet = 0 if count > earlier or busy else quiet + 1
            if quiet == QUIET_LOOKS or count <= self._idle:
                break
        self._settled = count
        if status is not None:
            self._older = set(self._descendants()) if count > self._idle else set()
        if status == 0:
            return None
        if self._forks_failed(count):
            return Outcome.PROCESS_LIMIT
        kills = cgroups.oom_kills(self._backend.warden.groups, self._number)
        if kills > self._kills:
            self._kills = kills
            return Outcome.MEMORY_LIMIT
        return Outcome.DISK_LIMIT if status and self._disk_is_full() else None

    @property
    def _idle(self) -> int:
        beside = self._programs.running if self._counter is not None else 0
        return self._at_rest + sum(bool(slot.shell) for slot in self._slots[1:]) + beside

    @property
    def _roots(self) -> tuple[int, ...]:
        """The first process, and the runner: all others are below them."""
        return (self._init, self._outpost.pid) if self._outpost else (self._init,)

    def _descendants(self) -> Iterator[int]:
        for root in self._roots:
            yield from processes.tree(root)

    def _processes(self) -> int:
        """Count the jail's processes: the kernel's figure where there is one."""
        if self._counter is not None:
            with suppress(OSError, ValueError):
                return int(os.pread(self._counter, 20, 0))
        return 1 + sum(1 for _ in self._descendants())

    def _forks_failed(self, count: int, *, growing: bool = False) -> bool:
        """Whether the limit on processes was met.

        Without control groups nobody counts failures: then it is being close to the limit, or
        on the way there with processes that multiply after their step has ended.
        """
        groups = self._backend.warden.groups
        if "pids" not in groups:
            return count >= self._limits.processes * (0.25 if growing else 0.75)
        before, self._forks = self._forks, cgroups.fork_failures(groups, self._number)
        return self._forks > before

    def ended(self, words: str) -> None:
        """Take note that nsjail has ended, with these last words."""
        self._words = words
        self._ended.set()
        self._programs.lose(self.obituary())

    def obituary(self) -> str:
        """Say why the sandbox is gone."""
        if self._closed:
            return "The sandbox has been closed."
        if not self._ended.is_set():
            failure = self._outpost.failure if self._outpost else None
            return failure or "The jail goes on, but its shell cannot be reached."
        # nsjail tells a failure from the inside out: the first line is the cause.
        words = (self._words or "").splitlines()
        return f"The jail has ended{': ' + words[0] if words else '.'}"

    def _disk_is_full(self) -> bool:
        with suppress(OSError):
            world = os.statvfs(f"/proc/{self._pid}/root{spawn.WORLD}")
            return world.f_bavail == 0 or world.f_favail == 0
        return False

    def _check(self) -> None:
        if not self.is_alive:
            raise SandboxLost(self.obituary())

    async def _ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self._check()
        return await self._backend.warden.ask(do, jail=self._number, **arguments)

    def _absolute(self, path: str | bytes) -> str:
        return os.path.join(self._image.workdir, os.fsdecode(path))
