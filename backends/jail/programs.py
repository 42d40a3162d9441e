"""Programs of a jail beside its shells, which the warden starts."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress

import anyio

from asynccode.backends.jail import seccomp
from asynccode.backends.warden.client import END_SECONDS, Warden
from asynccode.errors import BackendError, SandboxLost
from asynccode.outcomes import Window
from asynccode.shell.hub import Hub
from asynccode.shell.program import ChannelProgram, Streams, check_command

GONE_SECONDS, LOOK_SECONDS = 2.0, 0.005
_numbers = itertools.count(1)


def new_number() -> int:
    """Give a number that no other program of this process's wardens has."""
    return next(_numbers)


class JailProgram(ChannelProgram):
    """A program of a jail."""

    def __init__(self, hub: Hub, fds: Sequence[int], warden: Warden, jail: int, pid: int) -> None:
        super().__init__(hub, fds, self._kill)
        self._warden, self._jail, self._pid = warden, jail, pid

    async def _kill(self) -> None:
        with suppress(SandboxLost, OSError):  # then it is gone with its jail
            reply = await self._warden.ask("end", jail=self._jail, pid=self._pid)
            await self.ended()
            # The dying count, against the limit on processes too.
            with anyio.move_on_after(GONE_SECONDS):
                while any(os.path.exists(f"/proc/{pid}") for pid in reply["pids"]):
                    await anyio.sleep(LOOK_SECONDS)

    def on_end(self, status: int, failure: str) -> None:
        """Take note of how it ended; `failure` says why it never was what was asked for."""
        if failure:
            self.lose(f"The program could not be started: {failure}")
        else:
            self.settle(status)


class JailPrograms:
    """The programs of one jail."""

    def __init__(self, hub: Hub, warden: Warden, jail: int) -> None:
        self._hub, self._warden, self._jail = hub, warden, jail
        self._open: set[JailProgram] = set()

    @property
    def running(self) -> int:
        """How many there are, as far as we know, not counting what they have started."""
        return sum(not program.has_ended for program in self._open)

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        window: Window | None,
    ) -> JailProgram:
        """Start a program; see `Sandbox.start`."""
        check_command(argv, env)
        try:
            streams = Streams.open(1 if window else 3)
        except OSError as error:
            raise BackendError(f"There are no descriptors for a program: {error}") from error
        number = new_number()
        early: list[tuple[int, str]] = []
        self._warden.programs[number] = lambda *how: early.append(how)
        try:
            # A program once asked for is there, and somebody must own it.
            with anyio.CancelScope(shield=True), anyio.fail_after(END_SECONDS):
                reply = await self._warden.ask(
                    "start",
                    fds=streams.theirs,
                    streams=len(streams.theirs),
                    jail=self._jail,
                    program=number,
                    argv=list(argv),
                    cwd=cwd,
                    env=dict(env),
                    window=window and (window.rows, window.columns),
                    capabilities=seccomp.capabilities(),
                    filter=seccomp.program().hex(),
                )
                streams.hand_over()
                fds = [await take_master(streams.take()[0])] if window else streams.take()
        except OSError as error:
            raise BackendError(f"{argv[0]} could not be started: {error}") from error
        finally:
            streams.close()
        program = JailProgram(self._hub, fds, self._warden, self._jail, reply["pid"])
        self._open = {program, *(one for one in self._open if not one.is_closed)}
        if number in self._warden.programs:
            self._warden.programs[number] = program.on_end
        for how in early:
            program.on_end(*how)
        return program

    def abandon(self, why: str) -> None:
        """Close our ends of all of them: the jail has gone or goes now."""
        while self._open:
            self._open.pop().abandon(why)

    def lose(self, why: str) -> None:
        """Take note that the jail has ended under them."""
        for program in self._open:
            program.lose(why)


async def take_master(link: int) -> int:
    """Take the terminal that a starting program opens; raises `OSError` if it does not."""
    with socket.socket(fileno=link) as sock:
        await anyio.wait_readable(sock)
        _, fds, _, _ = socket.recv_fds(sock, 1, 1)
    if not fds:
        raise OSError(errno.ENOTTY, "it found no terminal")
    os.set_inheritable(fds[0], False)  # `recv_fds` takes no flags, whatever it says
    return fds[0]
