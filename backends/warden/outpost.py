"""A jail's runner: born of the warden, it joins the jail and stays, outside its processes.

For images whose process 1 is a shell on a terminal: that terminal is the first runner's to open,
so process 1 waits for it. A runner shares the jail's memory, and may be killed for want of it; so
its streams and the terminal are held by others, and there will be another one.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from asynccode.backends import processes, runner
from asynccode.backends.warden import confine, launch
from asynccode.backends.warden.syscalls import (
    CLONE_NEWPID,
    close_above,
    die_with_parent,
    fork,
    setns,
)

FIRST = 3
STREAMS = 3
FIRST_NUMBER = 500
"""Programs are numbered from here on, as in a container that has been used for a while."""
NEXT = "/proc/sys/kernel/ns_last_pid"
SECONDS, TRAP_SECONDS = 20.0, 1.0
"""How long process 1 may take to become the shell, and that to mind no signals."""
LOOK_SECONDS, SELDOM_SECONDS = 0.001, 0.02
"""How long to wait from one look to the next: at first, and on a machine that is busy."""
MIND_NO = "HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM XCPU XFSZ VTALRM SYS"
"""Signals of which an interactive Bash ends, unlike other first processes: and with it the jail."""


def post(
    nsjail: int, fds: Sequence[int], failure: int, enter: Callable[[], None], order: dict[str, Any]
) -> int:
    """Start a runner of the jail that an nsjail makes or has made; gives its process id.

    `fds` are its control socket, and where programs write output and errors; for the first one
    also the other end of what process 1 waits at, and a socket over which to send the master of
    the terminal. What goes wrong is said to `failure`.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(parent, nsjail, fds, failure, enter, order)
    return pid


def _child(
    parent: int,
    nsjail: int,
    fds: Sequence[int],
    failure: int,
    enter: Callable[[], None],
    order: dict[str, Any],
) -> NoReturn:
    try:
        die_with_parent(signal.SIGKILL, parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        # While it waits it must hold nothing of other jails: their streams would not end.
        for target, fd in enumerate((failure, *fds), FIRST):
            os.dup2(fd, target, inheritable=False)
        failure, *fds = range(FIRST, FIRST + 1 + len(fds))
        close_above(fds[-1])
        enter()
        confine.hide()
        (control, output, errors), first = fds[:STREAMS], fds[STREAMS:]
        if first and not os.read(first[0], 1):
            raise EOFError("the jail ended before it began")
        init = processes.children(nsjail)[0]
        nice = os.getpriority(os.PRIO_PROCESS, init)
        limits = {kind: resource.prlimit(init, kind) for kind in launch.LIMITS}
        score = os.open(runner.SCORE, os.O_WRONLY | os.O_CLOEXEC)
        with open(f"/proc/{init}/ns/pid", "rb") as space:
            setns(space.fileno(), CLONE_NEWPID)
        launch.join(init)
        os.setsid()
        if first:
            _set_number()
            _show_terminal(first[1])
            os.close(first[0])
        launch.submit(limits, order)
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        runner.Runner(control, output, errors, score).serve()
    except BaseException as error:  # noqa: BLE001 - nothing may run on in the forked child
        with suppress(OSError):
            os.write(failure, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(launch.CANNOT_RUN)


def _set_number() -> None:
    """Let the jail's processes count from `FIRST_NUMBER`; a kernel that cannot, counts from 2."""
    pid = fork()
    if pid == 0:
        with suppress(OSError):
            file = os.open(NEXT, os.O_WRONLY)
            os.write(file, b"%d" % FIRST_NUMBER)
        os._exit(0)
    os.waitpid(pid, 0)


def _show_terminal(taker: int) -> None:
    """Open process 1's terminal, for which it waits, and wait in turn until it is the shell.

    By then it has obeyed its first line, which has it mind no signals. The master goes to whoever
    is at the other end of `taker`: while it is open, the shell stays.
    """
    launch.mount_terminals()
    master = launch.open_terminal()
    os.write(master, f" trap '' {MIND_NO}\n".encode())
    before = _command()
    with socket.socket(fileno=taker) as sock:
        socket.send_fds(sock, [b"\0"], [master])
    os.close(master)
    # In the middle of an exec it has no command, and still its old name.
    _wait(lambda: _command() not in (b"", before), SECONDS)
    _wait(_ignores_hangups, TRAP_SECONDS)  # else an early signal ends it on a busy machine


def _wait(until: Callable[[], bool], seconds: float) -> None:
    last, pause = time.monotonic() + seconds, LOOK_SECONDS
    while not until() and time.monotonic() < last:
        time.sleep(pause)
        pause = min(pause * 1.5, SELDOM_SECONDS)


def _ignores_hangups() -> bool:
    ignored = processes.content("/proc/1/status").partition(b"SigIgn:")[2].split()
    return not ignored or bool(int(ignored[0], 16) & 1 << signal.SIGHUP - 1)


def _command() -> bytes:
    return processes.content("/proc/1/cmdline")
