"""Our end of the warden: requests, replies, news of jails that ended."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from attrs import define, field

import asynccode
from asynccode.backends import processes
from asynccode.backends.owners import me
from asynccode.backends.warden.answers import LENGTH, packed
from asynccode.errors import SandboxLost, Unavailable
from asynccode.shell.hub import Hub

ABOVE = 3
START_SECONDS = 30.0
END_SECONDS = 10.0
BUSY_SECONDS = 60.0
"""How long the helper may take nothing: it closes a thousand jails one after the other."""
PROGRAM = """
import sys, types
# The packages' own __init__ would bring in half the world, and the helper is forked for each jail.
for name, folder in (("asynccode", {root!r}), ("asynccode.backends", {root!r} + "/backends")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from asynccode.backends.warden.server import main
main()
"""


_wardens = itertools.count(1)
"""Each has control groups of its own: the end of one must not be the end of the others' jails."""


@define(eq=False)
class _Call:
    answered: anyio.Event = field(factory=anyio.Event)
    reply: dict[str, Any] | None = None


class Warden:
    """A running warden. `start` it, `ask` it, `aclose` it."""

    def __init__(self, hub: Hub, on_end: Callable[[int, str], None]) -> None:
        self._hub, self._on_end = hub, on_end
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._inbox = bytearray()
        self._sending = anyio.Lock()
        self._hello = _Call()
        self._gone: str | None = None
        self._pid = 0
        self._link: socket.socket | None = None
        self.programs: dict[int, Callable[[int, str], None]] = {}
        """Whom to tell how a program ended, by the number it was started under: the status as
        `os.waitpid` gives it, and what kept it from running."""
        self.groups: dict[str, Path] = {}
        """Control groups below which each jail has its own; see `cgroups`."""

    async def start(self, cache: Path, owner: int, ahead: Mapping[str, str]) -> None:
        """Start the process; raises `Unavailable` if it cannot make its namespaces.

        `owner` owns the worlds; `ahead` is for the files of `spawn.AHEAD`.
        """
        self._link, theirs = socket.socketpair()
        root = str(Path(asynccode.__file__).parent)
        fd = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, ABOVE + 1)
        try:
            argv = [sys.executable, "-IS", "-c", PROGRAM.format(root=root), str(ABOVE), str(cache)]
            argv += [
                str(owner),
                json.dumps(ahead),
                f"{me().label}-{next(_wardens)}",
                str(os.getpid()),
            ]
            actions = [
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, fd, ABOVE),
            ]
            self._pid = processes.spawn(argv, os.environ, actions)
        finally:
            os.close(fd)
            theirs.close()
        self._link.setblocking(False)
        self._hub.watch(self._link.fileno(), self._on_readable)
        with anyio.move_on_after(START_SECONDS):
            await self._hello.answered.wait()
        hello = self._hello.reply
        if hello is None or "groups" not in hello:
            reason = hello["error"] if hello else self._gone or "it does not answer"
            raise Unavailable(
                f"nsjail's helper could not make its namespaces: {reason}",
                "allow user namespaces (sysctl user.max_user_namespaces, "
                "kernel.apparmor_restrict_unprivileged_userns) or run as root",
            )
        self.groups = {name: Path(path) for name, path in hello["groups"].items()}

    async def ask(self, do: str, *, fds: Sequence[int] = (), **arguments: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer.

        Raises the `OSError` the warden met, `SandboxLost` if it or the jail is gone.
        """
        number = next(self._numbers)
        call = self._calls[number] = _Call()
        try:
            message = packed({"request": number, "do": do, **arguments})
            # A message half sent would end the conversation: finish it whatever happens.
            with anyio.move_on_after(BUSY_SECONDS, shield=True) as clock:
                await self._send(message, fds)
            if clock.cancelled_caught:
                self._lose(f"nsjail's helper has taken nothing for {BUSY_SECONDS:g} s.")
            await call.answered.wait()
        finally:
            self._calls.pop(number, None)
        if call.reply is None:
            raise SandboxLost(self._gone or "nsjail's helper is gone.")
        if "error" in call.reply:
            if call.reply["errno"] is None:
                raise SandboxLost(f"nsjail's helper failed: {call.reply['error']}")
            raise OSError(call.reply["errno"], call.reply["error"])
        return call.reply

    async def aclose(self) -> None:
        """End the warden and with it every jail."""
        link, self._link = self._link, None
        if link is None:
            return
        self._hub.forget(link.fileno())
        link.close()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(END_SECONDS):
                while not self._reaped():
                    await anyio.sleep(0.005)
            if self._pid:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        self._lose("nsjail's helper has been closed.")

    def _reaped(self) -> bool:
        if self._pid and os.waitpid(self._pid, os.WNOHANG)[0]:
            self._pid = 0
        return not self._pid

    async def _send(self, data: bytes, fds: Sequence[int]) -> None:
        async with self._sending:
            view = memoryview(data)
            while view:
                if self._link is None or self._gone:
                    raise SandboxLost(self._gone or "nsjail's helper has been closed.")
                try:
                    sent = socket.send_fds(self._link, [view], fds)
                except BlockingIOError:
                    await anyio.wait_writable(self._link)
                    continue
                except OSError as error:
                    raise SandboxLost(f"nsjail's helper is gone: {error}") from error
                view, fds = view[sent:], ()

    def _on_readable(self, _events: int) -> None:
        if self._link is None:
            return
        try:
            data = self._link.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hub.forget(self._link.fileno())
            self._lose("nsjail's helper ended unexpectedly.")
            return
        self._inbox += data
        while len(self._inbox) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._inbox)
            end = LENGTH.size + length
            if len(self._inbox) < end:
                break
            message = json.loads(self._inbox[LENGTH.size : end])
            del self._inbox[:end]
            self._on_message(message)

    def _on_message(self, message: dict[str, Any]) -> None:
        if "ended" in message:
            self._on_end(message["ended"], message["words"])
            return
        if "program" in message:
            if on_end := self.programs.pop(message["program"], None):
                on_end(message["status"], message["failure"])
            return
        call = self._calls.get(message["request"]) if "request" in message else self._hello
        if call is not None:
            call.reply = message
            call.answered.set()

    def _lose(self, why: str) -> None:
        self._gone = self._gone or why
        for call in (*self._calls.values(), self._hello):
            call.answered.set()
