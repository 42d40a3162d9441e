"""The warden's loop: one socket, one wake-up for ended children."""

from __future__ import annotations

import errno
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from asynccode.backends import processes
from asynccode.backends.warden import cgroups, files, launch, outpost, spawn
from asynccode.backends.warden.answers import LENGTH, Do, attempt, packed
from asynccode.backends.warden.asides import Asides
from asynccode.backends.warden.held import Jail, last_words
from asynccode.backends.warden.looking import SECONDS, TooLongError
from asynccode.backends.warden.stops import Stops
from asynccode.backends.warden.syscalls import die_with_parent
from asynccode.backends.warden.worlds import Worlds

FDS, LOG = 7, 6
"""How many descriptors come with a jail (three for each of two shells, and nsjail's orders), and
the place among them of the log, which is ours."""
RESERVED = 32


class Server(Stops, Worlds):
    """Serves one client until its socket ends."""

    def __init__(self, link: socket.socket, owner: int, groups: dict[str, Path]) -> None:
        self.link, self.owner, self.groups = link, owner, groups
        self.jails: dict[int, Jail] = {}
        self.programs: dict[int, tuple[int, int]] = {}
        """By process id: the client's number for it, and where it says why it cannot run."""
        self.runners: dict[int, int] = {}
        """The jail of each runner, by process id."""
        self.poll = select.poll()
        self.asides = Asides(self.poll, self.post)
        self.emptied: list[Path] = []
        """Groups of ended jails; the kernel may need a moment to let one go."""
        self.inbox = bytearray()
        self.fds: list[int] = []

    def serve(self) -> None:
        """Serve requests and report ended jails, until the other end is gone."""
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for end in (self.link, wake):
            self.poll.register(end, select.POLLIN)
        try:
            while True:
                for fd, _ in self.poll.poll():
                    if fd in self.asides:
                        self.pass_on(fd)
                    elif fd == wake.fileno():
                        with suppress(BlockingIOError):
                            wake.recv(4096)
                        self.reap()
                    elif not self.receive():
                        return
        finally:
            signal.set_wakeup_fd(-1)

    def receive(self) -> bool:
        """Read what has come and answer it; False when the client is gone."""
        try:
            data, fds, _, _ = socket.recv_fds(self.link, 1 << 18, FDS)
        except ConnectionResetError:  # it went without reading our last words
            return False
        for (
            fd
        ) in fds:  # for the jail it came with only; `recv_fds` takes no flags, whatever it says
            os.set_inheritable(fd, False)
        self.fds += fds
        self.inbox += data
        while len(self.inbox) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self.inbox)
            end = LENGTH.size + length
            if len(self.inbox) < end:
                break
            request = json.loads(self.inbox[LENGTH.size : end])
            del self.inbox[:end]
            self.answer(request)
        return bool(data)

    def answer(self, request: dict[str, Any]) -> None:
        """Do what is asked, or have it done by a child if it takes its time."""
        number = request.pop("request")
        do = partial(getattr(self, f"do_{request.pop('do')}"), number=number, **request)
        try:
            reply = attempt(do)
        except TooLongError:
            self.asides.begin(number, request["jail"], lambda: self.look_longer(number, do))
        else:
            if reply is not None:
                self.send({"request": number, **reply})

    def look_longer(self, number: int, do: Do) -> bytes:
        """Do what takes its time: in a child, for which nobody waits."""
        self.patience = SECONDS
        try:
            return packed({"request": number, **(attempt(do) or {})})
        except TooLongError as error:
            return packed({"request": number, "errno": error.errno, "error": error.strerror})

    def pass_on(self, fd: int) -> None:
        """Hear what a child says; one that was ended with its jail has nothing to say."""
        number = self.asides.hear(fd)
        if number is not None:
            text = "The jail has ended before all was seen."
            self.send({"request": number, "errno": errno.ESRCH, "error": text})

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self.post(packed(message))

    def post(self, message: bytes) -> None:
        """Send a packed message, if there is anybody left to read it."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.link.sendall(message)

    def reap(self) -> None:
        """Take note of the children that have ended."""
        ended: dict[int, int] = {}
        with suppress(ChildProcessError):
            while (pair := os.waitpid(-1, os.WNOHANG))[0]:
                ended[pair[0]] = pair[1]
        if not ended:
            return
        for pid in ended.keys() & self.programs.keys():
            key, log = self.programs.pop(pid)
            failure = last_words(log)
            number = self.runners.pop(pid, None)
            if number is not None:
                self.jails[number].runner = 0
            if failure or not (os.WIFSIGNALED(ended[pid]) and self.replace(number, key)):
                self.send({"program": key, "status": ended[pid], "failure": failure})
        for key, jail in list(self.jails.items()):
            if jail.pid not in ended:
                continue
            words = jail.last_words()
            del self.jails[key]
            self.dismiss(jail)
            self.emptied += [cgroups.jail(group, key) for group in set(self.groups.values())]
            if jail.closing is None:
                self.send({"ended": key, "words": words})
            else:
                self.send({"request": jail.closing})
        self.emptied = [group for group in self.emptied if not cgroups.remove(group, seconds=0)]

    def replace(self, jail: int | None, program: int) -> bool:
        """Start another runner in the place of one that was killed in a jail that goes on."""
        if jail is None or self.jails[jail].closing is not None:
            return False
        self.jails[jail].say(f"exit {128 + signal.SIGKILL}")
        with suppress(OSError):
            self.man(jail, program, self.jails[jail].streams)
            return True
        return False

    def man(self, jail: int, program: int, fds: list[int]) -> int:
        """Start a runner; gives its process id."""
        held = self.jails[jail]
        enter = partial(cgroups.join, self.groups, jail)
        held.runner = self.hear(
            program, lambda failure: outpost.post(held.pid, fds, failure, enter, held.order)
        )
        self.runners[held.runner] = jail
        return held.runner

    def hear(self, program: int, start: Callable[[int], int]) -> int:
        """Start a process of whose end we are to hear, and why it could not work."""
        log, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            pid = start(writer)
        except BaseException:
            os.close(log)
            raise
        finally:
            os.close(writer)
        self.programs[pid] = program, log
        return pid

    def dismiss(self, jail: Jail) -> None:
        """End the runner of a jail that has ended; nobody asks how."""
        jail.close()
        self.runners.pop(jail.runner, None)
        if (held := self.programs.pop(jail.runner, None)) is not None:
            processes.send(jail.runner, signal.SIGKILL)
            os.waitpid(jail.runner, 0)
            os.close(held[1])

    def do_spawn(
        self, *, number: int, jail: int, argv: list[str], disk: int, network: bool
    ) -> dict[str, Any]:
        """Start nsjail with the descriptors that came along."""
        fds, self.fds = self.fds[:FDS], self.fds[FDS:]
        log, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        placed = [*fds[:LOG], writer, *fds[LOG:]]
        try:
            cgroups.prepare(self.groups, jail)
            pid = spawn.spawn(
                argv,
                placed,
                disk=disk,
                network=network,
                owner=self.owner,
                log=writer,
                enter=lambda: cgroups.join(self.groups, jail),
            )
        finally:
            for fd in placed:
                os.close(fd)
        self.jails[jail] = Jail(pid, log)
        return {"pid": pid}

    def do_start(
        self, *, number: int, jail: int, program: int, streams: int, **order: Any
    ) -> dict[str, Any]:
        """Start a program beside the shells, with the descriptors that came along."""
        fds, self.fds = self.fds[:streams], self.fds[streams:]
        enter = partial(cgroups.join, self.groups, jail)
        try:
            held = self.jails[jail]
            if order["window"] and not held.has_terminals:
                files.inside(held.init, launch.mount_terminals)
                held.has_terminals = True
            begin = partial(launch.launch, held.init, fds, enter=enter, order=order)
            return {"pid": self.hear(program, begin)}
        finally:
            for fd in fds:
                os.close(fd)

    def do_runner(
        self, *, number: int, jail: int, program: int, streams: int, **order: Any
    ) -> dict[str, Any]:
        """Start the first runner of a jail, with the descriptors that came along."""
        fds, self.fds = self.fds[:streams], self.fds[streams:]
        try:
            held = self.jails[jail]
            held.order, held.has_terminals = order, True
            held.streams, fds[: outpost.STREAMS] = fds[: outpost.STREAMS], []
            return {"pid": self.man(jail, program, [*held.streams, *fds])}
        finally:
            for fd in fds:
                os.close(fd)

    def do_close(self, *, number: int, jail: int) -> dict[str, Any] | None:
        """Kill a jail; the answer comes when it has ended."""
        held = self.jails.get(jail)
        if held is None:
            return {}
        held.closing = number
        self.asides.end(jail)
        held.kill()
        return None


def main() -> None:
    """Run as `python -c ... FD CACHE OWNER AHEAD LABEL PARENT`."""
    number, cache, owner, ahead, label, parent = sys.argv[1:]
    link = socket.socket(fileno=int(number))
    os.umask(0o022)  # ours is not a jail's
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    die_with_parent(signal.SIGTERM, int(parent))
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    while null < RESERVED:  # so that no descriptor we receive sits where a jail's must go
        null = os.dup(null)
    groups = cgroups.create(label)
    server = Server(link, int(owner), groups)
    gc.freeze()  # what is forked often should not copy pages to count references in
    gc.disable()
    try:
        spawn.settle(cache, json.loads(ahead))
    except OSError as error:
        server.send({"error": str(error), "errno": error.errno})
        return
    server.send({"groups": {name: str(path) for name, path in groups.items()}})
    try:
        server.serve()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for jail in server.jails.values():
            jail.kill()
        with suppress(ChildProcessError):
            while True:
                os.wait()
        for group in groups.values():
            cgroups.remove(group)
