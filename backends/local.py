"""A plain subprocess in a temporary folder: no isolation whatsoever.

For trusted tasks, and to compare with. The image's `workdir` is a private folder; nothing
else of an image's paths can be had, and nothing keeps a step from the rest of the machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import anyio
import anyio.to_thread

from asynccode.backends import children, owners, processes, setup, trees
from asynccode.errors import ImageError, SandboxLost
from asynccode.images import Commands, Image, Manifest, Run
from asynccode.interfaces import Backend, Health, Program, Sandbox, Session
from asynccode.outcomes import Change, ExecResult, Limits, Outcome, Window
from asynccode.shell.hub import Hub
from asynccode.shell.script import KEEPER
from asynccode.shell.session import Shells
from asynccode.shell.wiring import FIRST, Wiring

PREFIX = "asynccode-local"
CLOSE_SECONDS = 5.0
GONE_LOOKS, GONE_SECONDS = 30, 0.01
IDLE = 2
"""Processes below the first keeper at rest: a shell and the second keeper."""


class LocalSandbox(Sandbox):
    """A folder and the processes of one POSIX session."""

    def __init__(self, backend: LocalBackend, image: Image, limits: Limits, folder: Path) -> None:
        self._backend, self._image, self._folder = backend, image, folder
        self._closed = False
        self._older: set[int] = set()
        self._children: list[children.Child] = []
        path = os.environ.get("PATH", os.defpath)
        own = {owners.VARIABLE: owners.me().label}
        self._env = {"PATH": path, "HOME": str(folder), **image.env, **own}
        wiring = Wiring.open()
        try:
            self._pid = processes.spawn(
                ["/bin/sh", "-c", f'umask 022; cd -- "$1" && {KEEPER}', "asynccode", str(folder)],
                self._env,
                [
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                    (os.POSIX_SPAWN_DUP2, 0, 1),
                    (os.POSIX_SPAWN_DUP2, 0, 2),
                    *((os.POSIX_SPAWN_DUP2, fd, FIRST + i) for i, fd in enumerate(wiring.theirs)),
                ],
            )
            wiring.hand_over()
            self._slots = wiring.slots(backend.hub, limits, self)
        finally:
            wiring.close()
        bare = self._env if image.shell else None
        self._shells = Shells(*self._slots, str(folder), bare=bare)
        self._before: trees.Tree = {}

    async def boot(self) -> None:
        """Wait for the shell, build what the image asks for, and remember that."""
        await self._shells.start()
        for layer in self._image.layers:
            if isinstance(layer, Manifest):
                await anyio.to_thread.run_sync(
                    trees.unpack, layer, lambda entry: self._host(entry.path), None
                )
            else:
                await setup.run(self, layer)
        self._before = await anyio.to_thread.run_sync(trees.snapshot, self._folder)

    async def session(self) -> Session:
        """Open the session."""
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
        """Run a program; `cwd` is taken as it stands on this machine unless in `workdir`."""
        where = None if cwd is None else os.fspath(self._host(cwd))
        return await self._shells.exec(argv, where, env, seconds, split=split)

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        window: Window | None = None,
    ) -> Program:
        """Start a program as a child of ours."""
        if self._closed:
            raise SandboxLost(self.obituary())
        terminal = {"TERM": "xterm"} if window else {}
        where = os.fspath(self._folder if cwd is None else self._host(cwd))
        variables = {**terminal, **self._env, **(env or {})}
        child = children.start(self._backend.hub, argv, cwd=where, env=variables, window=window)
        self._children = [child, *(one for one in self._children if not one.is_gone)]
        return child.program

    async def read(self, path: str | bytes, *, max_bytes: int = 16 * 1024 * 1024) -> bytes:
        """Read a file of the folder."""
        return trees.read(self._inside(path), max_bytes)

    async def write(self, path: str | bytes, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file of the folder."""
        trees.write(self._inside(path), data, mode)

    async def changes(self, *, hashes: bool = False) -> tuple[Change, ...]:
        """Compare the folder with what it was at the start."""
        now = await anyio.to_thread.run_sync(trees.snapshot, self._folder)
        return trees.compare(self._before, now, os.fsencode(self._image.workdir), hashes=hashes)

    async def aclose(self) -> None:
        """Kill the whole POSIX session and remove the folder."""
        if self._closed:
            return
        self._closed = True
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
            self._shells.close()
            for child in self._children:
                child.program.abandon(self.obituary())
                await child.end()
            processes.stop(self._processes, (), force=True)
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            await anyio.to_thread.run_sync(_remove, self._folder)
        self._backend.forget(self)

    async def stop(self, shell: int, *, everything: bool, force: bool) -> None:
        """Abort the shell's step and signal what it started (see `Custody`)."""
        keeper = processes.command(self._pid)
        ours = {self._pid, *(slot.shell for slot in self._slots if slot.shell)}
        ours |= {pid for pid in processes.children(self._pid) if processes.command(pid) == keeper}
        for pid in ours:  # a step may have stopped them
            processes.send(pid, signal.SIGCONT)
        spare = ours | (set() if everything else self._older)
        if shell:
            processes.send(shell, signal.SIGRTMAX)
        processes.stop(self._processes, spare, force=force)
        for _ in range(GONE_LOOKS if force else 0):  # Bash says of its dead what it finds, later
            if spare.issuperset(self._processes()):
                break
            await anyio.sleep(GONE_SECONDS)

    async def kill(self, shell: int) -> None:
        """Kill the shell itself."""
        processes.send(shell, signal.SIGKILL)

    async def breach(self, status: int | None) -> Outcome | None:
        """Give None: nothing here is limited but time and output."""
        if status is not None:
            idle = IDLE + bool(self._slots[1].shell)
            busy = sum(1 for _ in processes.tree(self._pid)) > idle
            self._older = set(self._processes()) if busy else set()
        return None

    def holds(self, shell: int) -> bool:
        """Whether a shell is still there."""
        return bool(processes.command(shell))

    def obituary(self) -> str:
        """Say why the sandbox is gone."""
        return "The local shell's keeper has ended."

    def _processes(self) -> Collection[int]:
        return list(processes.session(self._pid))

    def _host(self, path: str) -> Path:
        """Map a path in `workdir` to the folder; others stay what they are."""
        try:
            return self._folder / Path(path).relative_to(self._image.workdir)
        except ValueError:
            return Path(path)

    def _inside(self, path: str | bytes) -> str:
        joined = os.path.join(self._folder, self._host(os.fsdecode(path)))
        real = os.path.realpath(joined)
        if not f"{real}/".startswith(f"{self._folder}/"):
            raise PermissionError(f"{os.fsdecode(path)} is outside the local sandbox's folder")
        return real


class LocalBackend(Backend):
    """Opens sandboxes that isolate nothing."""

    name: ClassVar[str] = "local"
    isolates: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.hub = Hub()
        self._group = anyio.create_task_group()
        self._open: set[LocalSandbox] = set()
        self._opened = 0

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._group.start_soon(self.hub.run)
        return self

    async def aclose(self) -> None:
        """Close every sandbox that is still open."""
        for sandbox in list(self._open):
            await sandbox.aclose()
        self.hub.stop()
        try:
            await self._group.__aexit__(None, None, None)
        finally:
            self.hub.close()

    async def prepare(self, image: Image) -> str:
        """Check that the image can be had without a root of its own."""
        if image.base != "host":
            raise ImageError(
                f"The local backend has no base but the host, not {image.base!r};"
                " use --backend nsjail."
            )
        for layer in image.layers:
            if isinstance(layer, Run):
                raise ImageError(
                    f"The local backend cannot run {layer.line!r}; use --backend nsjail."
                )
            if isinstance(layer, Commands):
                continue
            for entry in layer.entries:
                if not f"{entry.path}/".startswith(f"{image.workdir}/"):
                    raise ImageError(
                        f"The local backend cannot place {entry.path}, which is outside "
                        f"{image.workdir}; use --backend nsjail."
                    )
        return image.digest

    async def open(self, image: Image, limits: Limits) -> LocalSandbox:
        """Open a sandbox."""
        await self.prepare(image)
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-{owners.me().label}-"))
        sandbox = LocalSandbox(self, image, limits, folder)
        self._open.add(sandbox)
        self._opened += 1
        try:
            await sandbox.boot()
        except BaseException:
            await sandbox.aclose()
            raise
        return sandbox

    def forget(self, sandbox: LocalSandbox) -> None:
        """Take note that `sandbox` has been closed."""
        self._open.discard(sandbox)

    @classmethod
    async def probe(cls) -> Health:
        """Say that it is there, and that it isolates nothing."""
        if not shutil.which("bash"):
            return Health(available=False, reason="There is no bash.", remedy="Install bash.")
        return Health(available=True, reason="isolates nothing: for trusted tasks only")

    @classmethod
    async def clean(cls) -> Sequence[str]:
        """Remove the folders and processes of dead owners."""
        removed = []
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*"):
            if owners.Owner.parse(folder.name.removeprefix(f"{PREFIX}-")).is_dead():
                _remove(folder)
                removed.append(f"folder {folder}")
        removed += [f"process {pid}" for pid in owners.kill_orphans()]
        return removed

    def statistics(self) -> Mapping[str, int]:
        """Counts of sandboxes."""
        return {"open": len(self._open), "opened": self._opened, **self.hub.statistics()}


def _remove(folder: Path) -> None:
    """Remove a folder however its permissions were left."""
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        for where, _, _ in os.walk(folder):
            os.chmod(where, 0o700)
        time.sleep(0.01)
