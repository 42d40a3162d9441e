"""What runs a sandbox's programs from outside its list of processes, one after the other.

An engine's `exec` makes a process that enters a container's namespaces and becomes the program.
Here one such process stays, the warden's child: it has entered every namespace of a sandbox but
that of its processes, and obeys its limits; what it starts is born among them. So a program is
nobody's child there, and sees nothing of who started it. This process executes none of the
sandbox's files itself, and no process of the sandbox can name it.

It is told by lines of JSON on a socket (`asynccode.shell.errands`). Standard library only: the
nsjail warden imports this.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
from contextlib import suppress
from typing import Any

NOT_FOUND, CANNOT_RUN, NO_PROCESS = 127, 126, 254
"""Statuses of what could not be executed, as Bash gives them."""
SCORE = "/proc/self/oom_score_adj"
RATHER = b"500"
"""Who is killed for want of memory: rather a program than process 1 or this one."""
IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores and a program must not."""
CHUNK = 1 << 16


class Runner:
    """Obeys one control socket. Programs write to `output` and `errors`."""

    def __init__(self, control: int, output: int, errors: int, score: int) -> None:
        """Take descriptors: three of the host's, and `SCORE`."""
        self._control = socket.socket(fileno=control)
        self._streams, self._score = (output, errors), score
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self._inbox = b""

    def serve(self) -> None:
        """Obey until the host is gone."""
        while line := self._line():
            if line == b"start":
                self._say("ready 1")
            else:
                order = json.loads(line)
                self._say(f"{order['token']} {self._run(order)}")

    def _line(self) -> bytes:
        while b"\n" not in self._inbox:
            data = self._control.recv(CHUNK)
            if not data:
                return b""
            self._inbox += data
        line, _, self._inbox = self._inbox.partition(b"\n")
        return line

    def _say(self, words: str) -> None:
        self._control.sendall(f"{words}\n".encode())

    def _run(self, order: dict[str, Any]) -> int:
        """Run one program to its end; gives its status as a shell does."""
        errors = self._streams[1] if order["split"] else self._streams[0]
        words = [os.fsencode(word) for word in order["argv"]]
        try:
            os.chdir(order["cwd"])
        except OSError as error:
            return self._fail(errors, order["cwd"], error, CANNOT_RUN)
        os.pwrite(self._score, RATHER, 0)
        try:
            pid = self._start(words, order["env"], errors)
        except OSError as error:
            missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
            status = NOT_FOUND if missing else CANNOT_RUN
            full = error.errno in (errno.EAGAIN, errno.ENOMEM)
            return self._fail(errors, order["argv"][0], error, NO_PROCESS if full else status)
        finally:
            os.pwrite(self._score, b"0", 0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return 128 - status if status < 0 else status

    def _start(self, words: list[bytes], env: dict[str, str], errors: int) -> int:
        actions = [
            (os.POSIX_SPAWN_DUP2, fd, target)
            for target, fd in enumerate((self._null, self._streams[0], errors))
        ]
        path = find(words[0], env.get("PATH", os.defpath))

        def start(path: bytes, words: list[bytes]) -> int:
            return os.posix_spawn(
                path, words, env, file_actions=actions, setsid=True, setsigdef=IGNORED
            )

        try:
            return start(path, words)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
        return start(b"/bin/sh", [b"sh", path, *words[1:]])  # a script that does not say whose

    @staticmethod
    def _fail(stream: int, name: str, error: OSError, status: int) -> int:
        with suppress(OSError):
            os.write(stream, os.fsencode(f"{name}: {error.strerror}\n"))
        return status


def find(name: bytes, path: str) -> bytes:
    """Give the file that a program's name means, as a shell finds it; raises `OSError`."""
    if b"/" in name:
        return name
    last = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for folder in os.fsencode(path).split(b":"):
        file = os.path.join(folder, name)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    raise last
