"""Programs of the local backend: children of ours, each in a POSIX session of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from asynccode.backends import processes
from asynccode.errors import BackendError
from asynccode.outcomes import Window
from asynccode.shell.hub import Hub
from asynccode.shell.program import ChannelProgram, Streams, check_command, set_size, spelled

LOOK_SECONDS = 0.005
RUN = 'umask 022; cd -- "$1" || exit 126; shift; exec "$@"'
"""Run by sh, whose exit statuses and messages for what cannot be run are the usual ones."""


class Child:
    """A running program and what there is of it: its POSIX session, and its descendants.

    It is not reaped before `end`: until then nobody else can get its number, which is its
    session's too.
    """

    def __init__(self, hub: Hub, pid: int, ours: Sequence[int]) -> None:
        self._hub, self._pid = hub, pid
        self.program = ChannelProgram(hub, ours, self.end)
        self._watch = os.pidfd_open(pid)
        hub.watch(self._watch, self._on_end)

    @property
    def is_gone(self) -> bool:
        """Whether it was ended and reaped."""
        return self._watch < 0

    def _on_end(self, _events: int) -> None:
        self._hub.forget(self._watch)
        done = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if done is not None:
            killed = done.si_code != os.CLD_EXITED
            self.program.settle(done.si_status if killed else done.si_status << 8)

    async def end(self) -> None:
        """Kill all of it and reap it."""
        if self._watch < 0:
            return
        self._hub.forget(self._watch)
        os.close(self._watch)
        self._watch = -1
        processes.stop(self._all, (), force=True)
        while not (done := os.waitpid(self._pid, os.WNOHANG))[0]:
            await anyio.sleep(LOOK_SECONDS)
        self.program.settle(done[1])

    def _all(self) -> set[int]:
        return {self._pid, *processes.session(self._pid), *processes.tree(self._pid)}


def start(
    hub: Hub,
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    window: Window | None,
) -> Child:
    """Start a program; raises `InputError` for one that cannot be named, or `BackendError`."""
    check_command(argv, env)
    try:
        return _on_terminal(hub, argv, cwd, env, window) if window else _start(hub, argv, cwd, env)
    except OSError as error:
        raise BackendError(f"{argv[0]} could not be started: {error}") from error


def _start(hub: Hub, argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> Child:
    streams = Streams.open()
    try:
        places = [(os.POSIX_SPAWN_DUP2, fd, i) for i, fd in enumerate(streams.theirs)]
        pid = _spawn(argv, cwd, env, places)
        return Child(hub, pid, streams.take())
    finally:
        streams.close()


def _on_terminal(
    hub: Hub, argv: Sequence[str], cwd: str, env: Mapping[str, str], window: Window
) -> Child:
    master, slave = os.openpty()
    try:
        set_size(master, window)
        # The first terminal that the leader of a session opens is its controlling terminal.
        first = (os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0)
        places = [(os.POSIX_SPAWN_DUP2, 0, i) for i in (1, 2)]
        pid = _spawn(argv, cwd, env, [first, *places])
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return Child(hub, pid, [master])


def _spawn(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], places: Sequence[tuple[Any, ...]]
) -> int:
    return processes.spawn(["/bin/sh", "-c", RUN, "sh", cwd, *spelled(argv, env)], {}, places)
