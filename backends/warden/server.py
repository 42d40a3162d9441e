"""The warden's loop: one socket, one wake-up for ended children."""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from asynccode.backends import processes
from asynccode.backends.warden import cgroups, files, launch, overlay, spawn
from asynccode.backends.warden.held import Jail, last_words
from asynccode.backends.warden.syscalls import die_with_parent

LENGTH = struct.Struct("!I")
FDS, LOG = 7, 6
"""How many descriptors come with a jail (three for each of two shells, and nsjail's orders), and
the place among them of the log, which is ours."""
RESERVED = 32
CLOEXEC = 0x40000000
"""MSG_CMSG_CLOEXEC: what we receive is for the jail it came with only."""


class Server:
    """Serves one client until its socket ends."""

    def __init__(self, link: socket.socket, owner: int, groups: dict[str, Path]) -> None:
        self.link, self.owner, self.groups = link, owner, groups
        self.jails: dict[int, Jail] = {}
        self.programs: dict[int, tuple[int, int]] = {}
        """By process id: the client's number for it, and where it says why it cannot run."""
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
        poll = select.poll()
        for end in (self.link, wake):
            poll.register(end, select.POLLIN)
        try:
            while True:
                for fd, _ in poll.poll():
                    if fd == wake.fileno():
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
            data, fds, _, _ = socket.recv_fds(self.link, 1 << 18, FDS, CLOEXEC)
        except ConnectionResetError:  # it went without reading our last words
            return False
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
        """Do what is asked. An `OSError` is an answer; a bug here must be one too."""
        number = request.pop("request")
        try:
            reply = getattr(self, f"do_{request.pop('do')}")(number=number, **request)
        except OSError as error:
            reply = {"errno": error.errno, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - one jail's trouble must not end all others
            reply = {"errno": None, "error": f"{type(error).__name__}: {error}"}
        if reply is not None:
            self.send({"request": number, **reply})

    def send(self, message: dict[str, Any]) -> None:
        """Send one message, if there is anybody left to read it."""
        body = json.dumps(message).encode()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.link.sendall(LENGTH.pack(len(body)) + body)

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
            self.send({"program": key, "status": ended[pid], "failure": last_words(log)})
        for key, jail in list(self.jails.items()):
            if jail.pid not in ended:
                continue
            words = jail.last_words()
            del self.jails[key]
            self.emptied += [cgroups.jail(group, key) for group in set(self.groups.values())]
            if jail.closing is None:
                self.send({"ended": key, "words": words})
            else:
                self.send({"request": jail.closing})
        self.emptied = [group for group in self.emptied if not cgroups.remove(group, seconds=0)]

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
        log, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            held = self.jails[jail]
            if order["window"] and not held.has_terminals:
                files.inside(held.init, launch.mount_terminals)
                held.has_terminals = True
            enter = partial(cgroups.join, self.groups, jail)
            pid = launch.launch(held.init, fds, writer, enter, order)
        except BaseException:
            os.close(log)
            raise
        finally:
            for fd in (*fds, writer):
                os.close(fd)
        self.programs[pid] = program, log
        return {"pid": pid}

    def do_end(self, *, number: int, jail: int, pid: int) -> dict[str, Any]:
        """Kill a program and what it started: its descendants, and its POSIX session."""
        return {"pids": launch.end(self.jails[jail].init, pid, alive=pid in self.programs)}

    def do_close(self, *, number: int, jail: int) -> dict[str, Any] | None:
        """Kill a jail; the answer comes when it has ended."""
        held = self.jails.get(jail)
        if held is None:
            return {}
        held.closing = number
        held.kill()
        return None

    def do_stop(
        self,
        *,
        number: int,
        jail: int,
        shell: int,
        shells: list[int],
        spare: list[int],
        force: bool,
    ) -> dict[str, Any]:
        """Abort the step of `shell`; signal all but the keepers, the `shells` and `spare`.

        Shells are numbered as in the jail, processes to spare as on the host.
        """
        init = self.jails[jail].init
        keeper = processes.command(init)
        keepers = [pid for pid in processes.children(init) if processes.command(pid) == keeper]
        spared = {init, *keepers, *spare}
        for pid in list(processes.tree(init)):
            with suppress(OSError):
                inner = processes.inner_pid(pid)
                if inner in shells:
                    spared.add(pid)
                if inner == shell:
                    processes.send(pid, signal.SIGRTMAX)
        count = processes.stop(lambda: list(processes.tree(init)), spared, force=force)
        return {"count": count}

    def do_kill(self, *, number: int, jail: int, shell: int) -> dict[str, Any]:
        """Kill one process, by the jail's own number."""
        for pid in list(processes.tree(self.jails[jail].init)):
            with suppress(OSError):
                if processes.inner_pid(pid) == shell:
                    processes.send(pid, signal.SIGKILL)
        return {}

    def _upper(self, jail: int) -> str:
        return f"/proc/{self.jails[jail].pid}/root{spawn.UPPER}"

    def do_changes(
        self, *, number: int, jail: int, lowers: list[str], hashes: bool
    ) -> dict[str, Any]:
        """Read the state diff."""
        rows = overlay.changes(
            os.fsencode(self._upper(jail)), [os.fsencode(path) for path in lowers], hashes=hashes
        )
        return {"rows": sorted(rows, key=lambda row: os.fsencode(row.path))}

    def do_fingerprint(self, *, number: int, jail: int) -> dict[str, Any]:
        """Digest what the upper layer holds."""
        return {"digest": overlay.fingerprint(self._upper(jail))}

    def do_read(self, *, number: int, jail: int, path: str, max_bytes: int) -> dict[str, Any]:
        """Read a file."""
        data = files.inside(self.jails[jail].init, lambda: files.read(path, max_bytes))
        return {"data": data.hex()}

    def do_write(
        self, *, number: int, jail: int, path: str, data: str, mode: int
    ) -> dict[str, Any]:
        """Write a file."""
        raw = bytes.fromhex(data)
        files.inside(self.jails[jail].init, lambda: files.write(path, raw, mode))
        return {}

    def do_commit(self, *, number: int, jail: int, target: str) -> dict[str, Any]:
        """Copy the upper layer to `target`, a path below the image cache."""
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", self._upper(jail), target], check=True, capture_output=True)
        return {}


def main() -> None:
    """Run as `python -c ... FD CACHE OWNER AHEAD LABEL PARENT`."""
    number, cache, owner, ahead, label, parent = sys.argv[1:]
    link = socket.socket(fileno=int(number))
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
        spawn.settle(cache, ahead)
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
