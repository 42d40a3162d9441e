"""Finding and signalling the processes of a sandbox, through /proc, from outside it.

Standard library only: the nsjail warden imports this too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

TICKS = os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Give the direct children of `pid`; empty if it is gone."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def tree(root: int) -> Iterator[int]:
    """Give every descendant of `root`, parents first."""
    queue = children(root)
    while queue:
        pid = queue.pop()
        yield pid
        queue += children(pid)


def session(leader: int) -> Iterator[int]:
    """Give every process of the POSIX session of `leader`, itself left out."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != leader:
            with suppress(OSError):
                if os.getsid(int(name)) == leader:
                    yield int(name)


def _stat(pid: int) -> list[bytes]:
    """Give the fields of /proc/PID/stat from the third (state) on."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def age(pid: int) -> float:
    """Give how long ago `pid` was started, in seconds; raises `OSError` if it is gone."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(_stat(pid)[19]) / TICKS


def is_zombie(pid: int) -> bool:
    """Whether `pid` has ended and only waits to be reaped (or is gone)."""
    try:
        return _stat(pid)[0] in b"ZX"
    except OSError:
        return True


def inner_pid(pid: int) -> int:
    """Give the number that `pid` has in its innermost namespace; raises `OSError` if gone."""
    with open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith(b"NSpid:"):
                return int(line.split()[-1])
    return pid


def command(pid: int) -> bytes:
    """Give the command line of `pid` as the kernel has it; empty if gone."""
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()
    return b""


def send(pid: int, number: int) -> None:
    """Signal `pid` if it is still there."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def stop(
    find: Callable[[], Collection[int]], spare: Collection[int], seconds: float, *, force: bool
) -> int:
    """Signal the processes that `find` gives, of those started in the last `seconds`.

    With `force` they are all frozen before the first is killed, so that what forks faster
    than we can kill does not win. Gives how many were signalled.
    """
    # The kernel counts starts in ticks, rounded down; a step's first child must not slip by.
    seconds += 2 / TICKS
    seen: set[int] = set()
    for _ in range(50 if force else 1):
        fresh = [pid for pid in find() if pid not in seen and pid not in spare]
        due = []
        for pid in fresh:
            with suppress(OSError):
                if age(pid) <= seconds and not is_zombie(pid):
                    due.append(pid)
        seen.update(fresh)
        for pid in due:
            send(pid, signal.SIGSTOP if force else signal.SIGTERM)
            if not force:
                send(pid, signal.SIGCONT)
        if not due:
            break
    if force:
        for pid in seen:
            with suppress(OSError):
                if age(pid) <= seconds:
                    send(pid, signal.SIGKILL)
    return len(seen)
