"""A program beside the shells: from a request to a process in the jail.

It is the warden's child, born in the jail's pid namespace: a helper joins that and forks a
sibling of its own. The program joins the other namespaces itself and takes on what nsjail
gives the jail's first process: limits, capabilities, seccomp.
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import socket
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from asynccode.backends import processes
from asynccode.backends.warden import confine
from asynccode.backends.warden.syscalls import (
    CLONE_NEWPID,
    MS_NOEXEC,
    MS_NOSUID,
    close_above,
    fork_sibling,
    mount,
    setns,
)

OTHERS = ("net", "ipc", "uts", "cgroup", "user", "mnt")
"""Namespaces to join: those of the warden's own making while it is still the warden that joins,
then the one that gives the right to the last."""
TERMINALS = "/dev/pts"
MOST_TERMINALS = 256
TIOCSPTLCK, TIOCGPTPEER = 0x40045431, 0x5441
FAILURE = 3
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
NOT_FOUND, CANNOT_RUN = 127, 126


def launch(
    init: int, fds: Sequence[int], failure: int, enter: Callable[[], None], order: dict[str, Any]
) -> int:
    """Start a program in the jail of `init`, after calling `enter`; gives its process id.

    `fds` are its three streams, or a socket over which to send the master of its terminal.
    What goes wrong before it runs is said to `failure`.
    """
    limits = {kind: resource.prlimit(init, kind) for kind in LIMITS}
    nice = os.getpriority(os.PRIO_PROCESS, init)
    reader, writer = os.pipe()
    helper = os.fork()
    if helper == 0:
        try:
            with open(f"/proc/{init}/ns/pid", "rb") as space:
                setns(space.fileno(), CLONE_NEWPID)  # where our children are born from now on
            pid = fork_sibling()
            if pid == 0:
                _child(init, limits, nice, fds, failure, enter, order)
            os.write(writer, b"%d" % pid)
        except OSError as error:
            os.write(writer, b"-%d" % (error.errno or errno.EIO))
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        number = int(answer.read() or -errno.EIO)
    os.waitpid(helper, 0)
    if number < 0:
        raise OSError(-number, f"no process could be made: {os.strerror(-number)}")
    return number


def end(init: int, program: int, *, alive: bool) -> list[int]:
    """Kill a program, if `alive`, and what it started and left in its jail; gives them all."""
    all_of_it: set[int] = set()

    def find() -> set[int]:
        found = {program, *processes.tree(program)} if alive else set()
        for pid in processes.tree(init):  # orphans have become the first process's
            with suppress(OSError):
                if os.getsid(pid) == program:
                    found.add(pid)
        all_of_it.update(found)
        return found

    processes.stop(find, (), force=True)
    return sorted(all_of_it)


def _child(
    init: int,
    limits: dict[int, tuple[int, int]],
    nice: int,
    fds: Sequence[int],
    failure: int,
    enter: Callable[[], None],
    order: dict[str, Any],
) -> NoReturn:
    try:
        enter()
        Path("/proc/self/oom_score_adj").write_text(
            "500", encoding="utf-8"
        )  # rather than the jail's first process
        confine.hide()
        join(init)
        os.setsid()
        streams = list(fds) if order["window"] is None else _terminal(fds[0], order["window"])
        for target, fd in enumerate([*streams, failure]):
            os.dup2(fd, target, inheritable=target < FAILURE)
        failure = FAILURE
        close_above(FAILURE)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        # Not before: it has to start quickly. Nobody may go back from what we are told to be.
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        submit(limits, order)
        _execute(order["argv"], order["cwd"], order["env"])
    except BaseException as error:  # noqa: BLE001 - nothing may run on in the forked child
        with suppress(OSError):
            os.write(failure, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(CANNOT_RUN)


def join(init: int) -> None:
    """Join the namespaces of the jail of `init`, but that of its processes, as its root."""
    namespaces = [os.open(f"/proc/{init}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in OTHERS]
    for fd in namespaces:
        setns(fd, 0)
        os.close(fd)
    with suppress(PermissionError):  # an ordinary user may not, and need not
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def submit(limits: dict[int, tuple[int, int]], order: dict[str, Any]) -> None:
    """Take on what nsjail gives the jail's first process, for ever."""
    confine.drop_capabilities(order["capabilities"])
    for kind, limit in limits.items():
        resource.setrlimit(kind, limit)
    confine.filter_calls(bytes.fromhex(order["filter"]))


def _terminal(link: int, window: Sequence[int]) -> list[int]:
    """Open a terminal of the jail's own, send its master away, and make it the controlling one."""
    master = open_terminal()
    slave = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    termios.tcsetwinsize(slave, (window[0], window[1]))
    with socket.socket(fileno=link) as sock:
        socket.send_fds(sock, [b"\0"], [master])
    os.close(master)
    return [slave] * 3


def open_terminal() -> int:
    """Give the master of a new terminal of the jail that this process has joined."""
    master = os.open(f"{TERMINALS}/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, TIOCSPTLCK, b"\0\0\0\0")
    return master


def mount_terminals() -> bytes:
    """Give the jail that this process has joined terminals of its own."""
    options = f"newinstance,ptmxmode=666,mode=620,max={MOST_TERMINALS}"
    mount("devpts", TERMINALS, "devpts", MS_NOSUID | MS_NOEXEC, options)
    return b""


def _execute(argv: list[str], cwd: str, env: dict[str, str]) -> None:
    """Become the program, or say why not as a shell does."""
    where = argv[0]
    status = CANNOT_RUN
    try:
        os.chdir(cwd)
    except OSError as error:
        os.write(2, os.fsencode(f"{cwd}: {error.strerror}\n"))
        os._exit(status)
    try:
        try:
            os.execvpe(where, argv, env)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            os.execve("/bin/sh", ["sh", *argv], env)  # a script that does not say whose
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR) and not os.path.isdir(where):
            status = NOT_FOUND
        os.write(2, os.fsencode(f"{where}: {error.strerror}\n"))
    finally:
        os._exit(status)
